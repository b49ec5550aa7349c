"""Saved settings come back, and what else a file says stays as it is."""

import os
import stat
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.configuration import Settings
from pmat_nb.configuration.files import FileContent, read_toml
from pmat_nb.configuration.saving import save_values
from pmat_nb.errors import StateFileError, UsageError
from pmat_nb.settings import SETTINGS, setting
from pmat_nb.units import GIB, LimitSpec

OLD = """\
# what this project needs
[tool.other]   # not ours
z = 1
a = [1,
     2]

[memory] # limits
cache_pool = "1GB"   # was 2
# below: how long
cache-ttl = '90s'

[analysis]
max_complexity = 20 # keep

[memory.pressure.responses.HIGH]
actions = []  # none
"""


def values_for(option):
    if option.kind in ("switch", "toggle"):
        return st.booleans()
    if option.kind == "choice":
        return st.sampled_from(option.choices)
    if option.kind == "size":
        return st.integers(1, 2**40)
    if option.kind == "count":
        return st.integers(1, 100_000)
    if option.kind == "limit":
        return st.one_of(
            st.sampled_from([LimitSpec("auto"), LimitSpec("off"), LimitSpec("fraction", 0.85)]),
            st.integers(2**20, 2**40).map(lambda x: LimitSpec("absolute", x)),
            st.integers(2**20, 2**40).map(lambda x: LimitSpec("relative", x)),
        )
    least, most = option.minimum or 0.001, option.maximum or 1e6
    return st.floats(least, most, allow_nan=False)


CHANGES = st.fixed_dictionaries({}, optional={o.key: values_for(o) for o in SETTINGS})


@given(CHANGES, st.sampled_from(["", OLD, OLD.replace("\n", "\r\n"), "\ufeff" + OLD]))
def test_whatever_is_saved_reads_back(tmp_path_factory, values, old):
    path = tmp_path_factory.mktemp("saved") / "pmat.toml"
    path.write_bytes(old.encode())
    before = read_toml(path)
    save_values(path, values)
    assert read_toml(path) == {**before, **values}
    if old:
        made = tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
        assert made["tool"] == {"other": {"z": 1, "a": [1, 2]}}
        assert made["analysis"] == {"max_complexity": 20}


def test_comments_order_and_spelling_stay(tmp_path):
    path = tmp_path / "pmat.toml"
    path.write_text(OLD)
    save_values(path, {"cache_pool": 2 * GIB, "cache_ttl": 120.0, "pressure_low": 0.25})
    made = path.read_text()
    expected = OLD.replace('"1GB"', '"2GB"').replace("'90s'", '"2min"')
    wanted = [line for line in expected.splitlines() if line]
    found = [line for line in made.splitlines() if line]
    assert [line for line in found if line in wanted] == wanted
    assert [line for line in found if line not in wanted] == ["[memory.pressure]", 'low = "25%"']


def test_dotted_keys_and_inline_tables_are_found(tmp_path):
    path = tmp_path / "pmat.toml"
    for old in ('memory.cache_pool = "1GB"\n', 'memory = { cache_pool = "1GB" } # all\n'):
        path.write_text(old)
        save_values(path, {"cache_pool": 3 * GIB, "gate_enabled": False})
        assert read_toml(path) == {"cache_pool": 3 * GIB, "gate_enabled": False}


@pytest.mark.parametrize("text", ["[memory\n", "memory = 3\n", "a = 1\na = 2\n"])
def test_a_broken_file_is_left_alone(tmp_path, text):
    path = tmp_path / "pmat.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"pmat\.toml.*nothing was changed"):
        save_values(path, {"cache_pool": GIB})
    assert path.read_text() == text
    assert [found.name for found in tmp_path.iterdir()] == ["pmat.toml"]


def test_a_failed_write_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "pmat.toml"
    path.write_text(OLD)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateFileError, match=r"No space left.*nothing was changed"):
        save_values(path, {"cache_pool": GIB})
    assert path.read_text() == OLD
    assert [found.name for found in tmp_path.iterdir()] == ["pmat.toml"]


def test_mode_and_links_stay(tmp_path):
    real = tmp_path / "dotfiles"
    real.mkdir()
    (real / "pmat.toml").write_text(OLD)
    (real / "pmat.toml").chmod(0o640)
    (tmp_path / "pmat.toml").symlink_to(real / "pmat.toml")
    save_values(tmp_path / "pmat.toml", {"cache_pool": 5 * GIB})
    assert (tmp_path / "pmat.toml").is_symlink()
    assert stat.S_IMODE((real / "pmat.toml").stat().st_mode) == 0o640
    assert read_toml(real / "pmat.toml")["cache_pool"] == 5 * GIB


# -- what a file says, and on which line ---------------------------------------------


def problems(text, tmp_path):
    return FileContent(text, tmp_path / "pmat.toml").problems


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[memory]\ncache_pol = 1\n", 2, ["cache_pol", "cache_pool"]),
        ("[memory]\n\nlow = 0.3\n", 3, ["low", "[memory.pressure]"]),
        ('[memory]\ncache_pool = "-3GB"\n', 2, ["-3GB", "512MB"]),
        ("[memory]\ncache_pool = 1.5\n", 2, ["1.5", "type", '"512MB"']),
        ("[memory]\ncache_pool = true\n", 2, ["True", "type"]),
        ("[memory]\nexact_peak = 1\n", 2, ["type", "true"]),
        ("[memory]\ngc_interval = [1]\n", 2, ["type", "2min"]),
        ("x = '''\n[memory]\nlow = 1\n'''\n[memory]\nnope = 1\n", 6, ["nope"]),
        ("memory.pressure.low = 3\n", 1, ["low", "3", "0.8"]),
        ("[memory.pressure]\nhigh = nan\n", 2, ["nan"]),
        ("[ memory . pressure ]\n'hihg' = 1\n", 2, ["hihg", "high"]),
        ("[memory]\npressure = 3\n", 2, ["[memory.pressure]"]),
        ("[memory.pressure.responses.HIHG]\n", 1, ["HIHG", "HIGH"]),
        ("[memory.pressure.responses.HIGH]\naction = []\n", 2, ["action", "actions"]),
        (
            '[memory.pressure.responses.HIGH]\nactions = ["clenup_temp"]\n',
            2,
            ["clenup_temp", "did you mean cleanup_temp"],
        ),
        ("[memory.pressure.responses.LOW]\nnotify = 1\n", 2, ["notify", "true"]),
        ("[memory.pressure.responses.LOW]\nnotification_cmd = 'a \"b'\n", 2, ["quotation"]),
        ("[memory.pressure.responses.LOW]\nnotification_cmd = 3\n", 2, ["notify-send"]),
        ("[quality.gates.memory]\nmax_memory_use = 3\n", 2, ["max_memory_usage"]),
        ("[quality.gates.memory]\nmax_pressure_level = 'hi'\n", 2, ["hi", "high"]),
    ],
)
def test_each_mistake_is_named_with_its_line(text, line, words, tmp_path):
    [problem] = problems(text, tmp_path)
    assert problem.startswith(f"{tmp_path / 'pmat.toml'}:{line}: ")
    for word in words:
        assert word in problem


def test_every_mistake_is_named_and_the_rest_counts(tmp_path):
    content = FileContent(
        '[memory]\nnope = 1\ncache_pool = "4MB"\ntemp_pool = -1\n[quality.gates.other]\nx = 1\n',
        tmp_path / "pmat.toml",
    )
    assert len(content.problems) == 2
    assert content.values == {"cache_pool": 4 * 1024**2}


def test_a_response_keeps_its_words_whatever_they_are(tmp_path):
    content = FileContent(
        '[memory.pressure.responses.critical]\nnotification_cmd = ["sh", "-c", "a; b"]\n'
        "[memory.pressure.responses.LOW]\nnotification_cmd = \"say 'hi there' $HOME\"\n",
        tmp_path / "pmat.toml",
    )
    assert content.problems == []
    assert content.responses["CRITICAL"]["notification_cmd"] == ("sh", "-c", "a; b")
    assert content.responses["LOW"]["notification_cmd"] == ("say", "hi there", "$HOME")


@given(st.text(max_size=300))
def test_any_text_reads_or_is_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "pmat.toml"
    try:
        FileContent(f"[memory]\n{text}", path)
    except UsageError as problem:
        assert "TOML" in str(problem)


def test_saved_values_are_forgotten_by_the_session_where_the_file_counts(tmp_path):
    path = tmp_path / "pmat.toml"
    settings = Settings(environ={"PMAT_MEMORY_CACHE_TTL": "5s"})
    values = {"cache_pool": 7 * GIB, "cache_ttl": 60.0}
    settings.put_all(values)
    save_values(path, settings.session_values())
    settings.read_files((("project", path),))
    settings.forget_saved()
    # The environment would win over the file: in this session it does not.
    assert settings.session_values() == {"cache_ttl": 60.0}
    assert {key: settings.get(setting(key).key) for key in values} == values
