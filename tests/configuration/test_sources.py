import pytest

from pmat_nb.configuration import Settings, project_file
from pmat_nb.configuration.files import read_toml
from pmat_nb.errors import UsageError
from pmat_nb.settings import SETTINGS, VERBS, setting
from pmat_nb.units import GIB


def test_every_default_is_what_its_own_text_would_parse_to():
    for option in SETTINGS:
        if isinstance(option.default, (bool, str)):
            text = {True: "on", False: "off"}.get(option.default, option.default)
            assert option.parse(text) == option.default


def test_names_are_unique_and_every_option_has_help():
    assert len({option.name for option in SETTINGS}) == len(SETTINGS)
    for verb in VERBS:
        names = [option.name for option in verb.all_options()]
        assert len(set(names)) == len(names)
        assert all(option.help for option in verb.all_options())


def test_sources_rank_call_environment_project_user_default(tmp_path):
    project, user = tmp_path / "project.toml", tmp_path / "user.toml"
    project.write_text("[memory]\nhistory_sessions = 7\nexact_peak = false\n")
    user.write_text('[memory]\nhistory_sessions = 9\nsizing_budget = "2s"\n')
    settings = Settings(
        environ={"PMAT_MEMORY_EXACT_PEAK": "on", "PMAT_MEMORY_MAX": "4GB"},
        files=(("project", project), ("user", user)),
    )
    assert settings.problems == []
    assert settings.get("exact_peak") is True
    assert settings.row("exact_peak").source == "PMAT_MEMORY_EXACT_PEAK"
    assert settings.get("history_sessions") == 7
    assert settings.get("sizing_budget") == 2.0
    assert settings.row("sample_interval").source == "default"
    assert settings.get("max_total").value == 4 * GIB
    settings.put("exact_peak", False)
    assert settings.get("exact_peak") is False
    settings.reset()
    assert settings.get("exact_peak") is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[memory]\nexact_peek = true\n", ["pmat.toml:2", "exact_peek", "exact_peak"]),
        ("[memory]\n\nsizing_budget = -1\n", ["pmat.toml:3", "sizing_budget", "-1"]),
        ("[memory\n", ["pmat.toml", "TOML"]),
        ("memory = 3\n", ["pmat.toml", "[memory]"]),
    ],
)
def test_a_bad_file_is_named_with_line_and_nearest_key(tmp_path, text, words):
    path = tmp_path / "pmat.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_toml(path)
    for word in words:
        assert word in str(caught.value)
    settings = Settings(environ={}, files=(("project", path),))
    assert len(settings.problems) == 1
    assert settings.get("exact_peak") is True


def test_other_tables_are_not_ours(tmp_path):
    path = tmp_path / "pmat.toml"
    path.write_text('[analysis]\nmax_complexity = 20\n[memory]\nhistory = "off"\n')
    assert read_toml(path) == {"history": False}


def test_a_bad_environment_value_is_reported_and_passed_over():
    settings = Settings(environ={"PMAT_MEMORY_SAMPLE_INTERVAL": "soon"})
    assert "PMAT_MEMORY_SAMPLE_INTERVAL" in settings.problems[0]
    assert settings.get("sample_interval") == 1.0


def test_the_project_file_is_found_upwards(tmp_path):
    (tmp_path / "pmat.toml").write_text("")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert project_file(below) == tmp_path / "pmat.toml"


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(UsageError, match="sizing_budget"):
        setting("sizing_budgit")
