"""A project's file bounds and measures; it acts only as long as it is what was trusted."""

import stat

import pytest

from pmat_nb.configuration import Settings
from pmat_nb.configuration.responses import DEFAULTS
from pmat_nb.configuration.trust import TrustList
from pmat_nb.errors import StateFileError

TEXT = """
[memory]
cache_pool = "3GB"
allow_swap = true
profile = "ci-pipeline"

[memory.pressure]
low = 0.2
auto_respond = true

[memory.pressure.responses.high]
actions = ["emergency_cleanup"]
notification_cmd = "echo 'too much'"
notify = false
save_state = true
"""
ACTING = {
    "allow_swap": True,
    "pressure_auto_respond": True,
    "cache_defrag": 0.1,
    "track": "on",
}


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "pmat.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def trust(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    return TrustList(lambda: state)


def read(project, trust) -> Settings:
    return Settings(environ={}, files=(("project", project),), trust=trust)


def test_untrusted_it_sets_limits_and_thresholds_only(project, trust):
    settings = read(project, trust)
    assert settings.get("cache_pool") == 3 * 1024**3
    assert settings.get("pressure_low") == 0.2
    assert settings.get("max_total").value == 2 * 1024**3  # of the profile
    for key in ACTING:
        row = settings.row(key)
        assert row.source.startswith("default (") and "not trusted" in row.source, row
    high = settings.responses()["HIGH"]
    assert high[:4] == DEFAULTS["HIGH"]._replace(notify=False)[:4]
    assert "actions, notification_cmd, save_state: not trusted" in high.source
    [line] = settings.problems
    for word in ("--trust", "allow_swap", "pressure_auto_respond", "responses.HIGH.actions"):
        assert word in line


def test_trusted_it_acts(project, trust):
    settings = read(project, trust)
    settings.trust_file(project)
    settings = read(project, trust)
    assert settings.problems == [] and settings.withheld() == ()
    assert {key: settings.get(key) for key in ACTING} == ACTING
    high = settings.responses()["HIGH"]
    assert high[:4] == (("emergency_cleanup",), False, ("echo", "too much"), True)
    assert high.source == f"project {project}"
    assert settings.responses()["LOW"] == DEFAULTS["LOW"]


def test_one_changed_byte_ends_it(project, trust):
    read(project, trust).trust_file(project)
    project.write_text(TEXT + "\n")
    assert read(project, trust).get("allow_swap") is False
    project.write_text(TEXT)
    assert read(project, trust).get("allow_swap") is True


def test_it_is_the_file_that_is_trusted_not_its_like_elsewhere(project, trust, tmp_path):
    read(project, trust).trust_file(project)
    other = tmp_path / "other"
    other.mkdir()
    (other / "pmat.toml").write_text(TEXT)
    assert read(other / "pmat.toml", trust).get("allow_swap") is False


def test_the_list_is_the_users_alone_and_believed_only_then(project, trust, tmp_path):
    read(project, trust).trust_file(project)
    kept = tmp_path / "state" / "trusted.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.chmod(0o644)
    assert read(project, trust).get("allow_swap") is False
    kept.chmod(0o600)
    assert read(project, trust).get("allow_swap") is True
    kept.write_text("[]")
    assert read(project, trust).get("allow_swap") is False


def test_without_a_state_folder_nothing_is_trusted(project):
    trust = TrustList(lambda: None)
    settings = read(project, trust)
    assert settings.get("allow_swap") is False
    with pytest.raises(StateFileError, match="XDG_STATE_HOME"):
        settings.trust_file(project)


@pytest.mark.parametrize("kind", ["user", "machine"])
def test_the_users_and_the_machines_files_need_no_trust(project, kind):
    settings = Settings(environ={}, files=((kind, project),))
    assert settings.get("allow_swap") is True
    assert settings.responses()["HIGH"].save_state is True


def test_what_waits_does_not_hide_what_a_weaker_source_says(project, trust, tmp_path):
    user = tmp_path / "user.toml"
    user.write_text("[memory]\nallow_swap = true\n[memory.pressure.responses.HIGH]\nactions = []\n")
    settings = Settings(environ={}, files=(("project", project), ("user", user)), trust=trust)
    assert settings.get("allow_swap") is True
    assert settings.responses()["HIGH"].actions == ()
