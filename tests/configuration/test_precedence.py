"""Which source wins, for any subset of sources that set the same setting."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.configuration import Settings
from pmat_nb.configuration.environment import variable
from pmat_nb.configuration.profiles import PROFILES, profile_values
from pmat_nb.errors import UsageError
from pmat_nb.settings import setting
from pmat_nb.units import GIB, MIB, LimitSpec

KEY = "history_sessions"
# Strongest first, each with a value of its own for KEY.
SOURCES = ("session", "environment", "project", "traitlets", "user", "machine")
OF = {source: 101 + place for place, source in enumerate(SOURCES)}
PROFILE = "minimal"
PROFILE_KEY = "temp_pool"


def settings_of(explicit, naming, folder: Path, key: str, texts) -> Settings:
    """Settings where ``explicit`` sources set ``key``, and ``naming`` ones name PROFILE."""
    files, environ = [], {}
    for source in SOURCES:
        lines = [f'{key} = "{texts[source]}"'] if source in explicit else []
        lines += [f'profile = "{PROFILE}"'] if source in naming else []
        if source == "environment":
            if source in explicit:
                environ[variable(setting(key))] = str(texts[source])
            if source in naming:
                environ["PMAT_MEMORY_PROFILE"] = PROFILE
        elif source not in ("session", "traitlets") and lines:
            path = folder / f"{source}.toml"
            path.write_text("[memory]\n" + "\n".join(lines) + "\n")
            files.append((source, path))
    settings = Settings(environ=environ, files=files)
    for source, put in (("traitlets", settings.put_traits), ("session", settings.put_all)):
        values = {key: setting(key).parse(texts[source])} if source in explicit else {}
        put({**values, **({"profile": PROFILE} if source in naming else {})})
    assert settings.problems == []
    return settings


@given(st.sets(st.sampled_from(SOURCES)))
def test_the_strongest_source_wins(present):
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(present, (), Path(folder), KEY, OF)
    expected = next((OF[source] for source in SOURCES if source in present), 200)
    assert settings.get(KEY) == expected
    row = settings.row(KEY)
    assert (row.source == "default") == (not present)


@given(st.sets(st.sampled_from(SOURCES)), st.sets(st.sampled_from(SOURCES), min_size=1))
def test_a_profile_ranks_just_below_its_source(present, naming):
    # Below the profile's value, so that the machine's cap plays no part here.
    texts = {source: f"{place + 1}MB" for place, source in enumerate(SOURCES)}
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(present - {"machine"}, naming, Path(folder), PROFILE_KEY, texts)
    namer = next(place for place, source in enumerate(SOURCES) if source in naming)
    stronger = [s for s in SOURCES[: namer + 1] if s in present - {"machine"}]
    if stronger:
        assert settings.get(PROFILE_KEY) == setting(PROFILE_KEY).parse(texts[stronger[0]])
    else:
        assert settings.get(PROFILE_KEY) == profile_values(PROFILE)[PROFILE_KEY]
        assert settings.row(PROFILE_KEY).source.startswith(f"profile {PROFILE}")


@pytest.mark.parametrize(
    ("usable", "name"),
    [
        (int(1.8 * GIB), "low-memory"),
        (2 * GIB - 1, "low-memory"),
        (2 * GIB, "balanced"),
        (4 * GIB - 1, "balanced"),
        (4 * GIB, "performance"),
        (None, "balanced"),
    ],
)
def test_auto_picks_by_what_is_usable(usable, name):
    asked = []
    settings = Settings(
        environ={"PMAT_MEMORY_PROFILE": "auto"}, usable_bytes=lambda: asked.append(1) or usable
    )
    assert settings.profile().startswith(f"{name} (auto, ")
    assert settings.get("cache_pool") == profile_values(name)["cache_pool"]
    settings.put("cache_ttl", 60.0)
    settings.get("cache_pool")
    assert asked == [1]  # it does not change by itself
    if usable == int(1.8 * GIB):
        assert settings.row("cache_pool").source == "profile low-memory (auto, 1.8 GB usable)"


def test_nobody_is_asked_what_is_usable_without_auto():
    def usable():
        raise AssertionError("asked")

    Settings(environ={"PMAT_MEMORY_PROFILE": "minimal"}, usable_bytes=usable).rows()


def test_none_in_a_stronger_source_means_no_profile(tmp_path):
    user = tmp_path / "user.toml"
    user.write_text('[memory]\nprofile = "minimal"\n')
    settings = Settings(environ={}, files=(("user", user),))
    assert settings.get("cache_pool") == 16 * MIB
    settings.put("profile", "none")
    assert settings.get("cache_pool") == GIB
    assert settings.profile() is None


def test_every_profile_is_whole_and_consistent():
    from pmat_nb.settings.values import PROFILES as NAMES

    assert tuple(PROFILES) == NAMES
    for name, profile in PROFILES.items():
        assert profile.purpose and all(reason for _, reason in profile.settings.values())
        settings = Settings(environ={"PMAT_MEMORY_PROFILE": name})
        assert settings.problems == []
        for key, value in profile_values(name).items():
            assert settings.get(key) == value


def test_the_guides_profiles_are_the_guides():
    large = profile_values("large-project")
    assert (large["ast_pool"], large["analysis_pool"], large["cache_pool"]) == (
        2 * GIB, GIB, 4 * GIB
    )  # fmt: skip
    assert (large["gc_interval"], large["pool_growth"]) == (120.0, "incremental")
    ci = profile_values("ci-pipeline")
    assert ci["max_total"] == LimitSpec("absolute", 2 * GIB)
    assert ci["allow_swap"] is False and ci["track"] == "on"
    assert profile_values("pmat")["analysis_pool"] == 256 * MIB


# -- all or nothing ------------------------------------------------------------------


def test_several_values_are_set_together_or_not_at_all():
    settings = Settings(environ={})
    settings.put("cache_pool", 5 * MIB)
    with pytest.raises(UsageError, match="must rise"):
        settings.put_all({"cache_pool": 9 * MIB, "pressure_low": 0.9}, reset=True)
    assert settings.get("cache_pool") == 5 * MIB
    assert settings.get("pressure_low") == 0.30
    settings.put_all({"pressure_low": 0.7, "pressure_medium": 0.8, "pressure_high": 0.9})
    assert settings.get("pressure_low") == 0.7
    with pytest.raises(UsageError, match="must rise"):
        settings.put("pressure_high", 0.75)
    settings.reset()
    assert settings.get("cache_pool") == GIB


@pytest.mark.parametrize("wrong", [{"pressure_low": 0.6}, {"pressure_medium": 0.8}])
def test_levels_that_do_not_rise_name_the_options(wrong):
    with pytest.raises(UsageError, match=r"--low .* --medium .* --high"):
        Settings(environ={}).put_all(wrong)


def test_a_source_whose_levels_do_not_rise_loses_them(tmp_path):
    user = tmp_path / "user.toml"
    user.write_text('[memory.pressure]\nhigh = 0.5\n[memory]\ncache_pool = "1MB"\n')
    settings = Settings(environ={"PMAT_MEMORY_PRESSURE_LOW": "40%"}, files=(("user", user),))
    assert len(settings.problems) == 1
    assert f"{user}:2" in settings.problems[0] and "high 50%" in settings.problems[0]
    assert settings.get("pressure_high") == 0.80
    assert settings.get("pressure_low") == 0.40
    assert settings.get("cache_pool") == MIB


# -- the machine's caps --------------------------------------------------------------


@pytest.fixture
def machine(tmp_path):
    path = tmp_path / "machine.toml"
    path.write_text('[memory]\nmax_total = "8GB"\ncache_pool = "1GB"\nhistory_sessions = 5\n')
    return ("machine", path)


@pytest.mark.parametrize("key", ["max_total", "cache_pool"])
@pytest.mark.parametrize("text", ["16GB", "off"])
def test_nobody_raises_a_cap(machine, key, text, tmp_path):
    project = tmp_path / "pmat.toml"
    project.write_text(f'[memory]\n{key} = "{text}"\n')
    settings = Settings(environ={}, files=(("project", project), machine))
    capped = setting(key).parse({"max_total": "8GB", "cache_pool": "1GB"}[key])
    assert settings.get(key) == capped
    assert "machine" in settings.row(key).source and text in settings.row(key).source
    value = setting(key).parse(text)
    for put in (settings.put_all, settings.put_traits):
        with pytest.raises(UsageError, match="cap"):
            put({key: value})
    assert settings.get(key) == capped


def test_lower_values_and_what_is_no_cap_go_on(machine):
    settings = Settings(environ={"PMAT_MEMORY_HISTORY_SESSIONS": "50"}, files=(machine,))
    assert settings.get("history_sessions") == 50
    settings.put_all({"max_total": LimitSpec("absolute", GIB), "cache_pool": MIB})
    assert settings.get("max_total").value == GIB
    assert settings.get("cache_pool") == MIB


def test_a_profile_stays_under_the_caps_too(machine):
    settings = Settings(environ={"PMAT_MEMORY_PROFILE": "performance"}, files=(machine,))
    assert settings.get("cache_pool") == GIB
    settings.put("profile", "large-project")
    assert settings.get("cache_pool") == GIB


def test_a_share_and_a_size_are_compared_where_the_limit_is_put_into_force(machine):
    settings = Settings(environ={"PMAT_MEMORY_MAX": "90%"}, files=(machine,))
    assert settings.get("max_total").kind == "fraction"
    assert settings.cap("max_total") == LimitSpec("absolute", 8 * GIB)
    assert "at most 8GB" in settings.row("max_total").source


def test_a_broken_line_does_not_lift_the_caps(tmp_path):
    path = tmp_path / "machine.toml"
    path.write_text('[memory]\ncache_polo = 3\nmax_total = "8GB"\n')
    settings = Settings(environ={"PMAT_MEMORY_MAX": "99GB"}, files=(("machine", path),))
    assert settings.get("max_total").value == 8 * GIB
