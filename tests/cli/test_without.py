"""What needs no kernel: settings, logs, completion, and what is said where none runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import pmat_nb
from pmat_nb.cli.completion import script
from pmat_nb.cli.main import main, verbs
from pmat_nb.engine.paths import settings_file


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_configure_writes_the_users_settings_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["configure", "--cache-pool", "2GB", "--gc-interval", "5min"]) == 0
    path = settings_file()
    assert path is not None
    assert f"saved to {path}" in " ".join(said(capsys).split())
    text = path.read_text()
    assert 'cache_pool = "2GB"' in text and 'gc_interval = "5min"' in text
    assert main(["configure", "--format", "json"]) == 0
    assert json.loads(said(capsys))["settings"]["cache_pool"]["value"] == "2GB"


def test_configure_writes_the_projects_where_that_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["configure", "--max-total", "4GB", "--save", "project"]) == 0
    path = Path("pmat.toml")
    assert 'max_total = "4GB"' in path.read_text()
    path.unlink()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--save"], "nothing to save"),
        (["--reset"], "--kernel WHICH"),
        (["--trust"], "there is no pmat.toml"),
        (["--cache-pool", "much"], "--cache-pool"),
    ],
)
def test_configure_refuses_what_has_no_meaning(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["configure", *words]) == 2
    assert told in capsys.readouterr().err
    assert not settings_file().exists()  # type: ignore[union-attr]


def test_a_damaged_settings_file_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    path = settings_file()
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_text("not [ toml")
    assert main(["configure", "--cache-pool", "2GB"]) == 2
    assert path.read_text() == "not [ toml"


@pytest.mark.parametrize("verb", ["stats", "pools", "pressure", "cleanup", "leaks", "vars"])
def test_without_a_kernel_it_says_what_to_do(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb]) == 5
    assert "%load_ext pmat_nb" in capsys.readouterr().err


def test_a_log_is_summed_up_without_a_kernel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "m.ndjson"
    lines = [
        {"timestamp": f"2026-01-01T00:00:0{i}Z", "rss_bytes": (i + 1) * 10**8, "cell": None}
        for i in range(5)
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["stats", "--analyze-log", str(log)]) == 0
    assert "477" in said(capsys)
    assert main(["stats", "--analyze-log", str(tmp_path / "none")]) == 1


@pytest.mark.parametrize("name", sorted(verbs()))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "-h"]) == 0
    assert f"pmat-nb {name}" in said(capsys)


def test_no_shell_is_ever_started() -> None:
    source = Path(pmat_nb.__file__).parent
    for path in source.rglob("*.py"):
        text = path.read_text()
        for word in ("shell=True", "os.system(", "os.popen(", "getoutput("):
            assert word not in text, f"{path.name}: {word}"


# --- completion -----------------------------------------------------------------------


def completed(*words: str) -> list[str]:
    """What bash offers after these words."""
    listed = " ".join(f"'{word}'" for word in ("pmat-nb", *words))
    program = (
        f"{script('bash')}\nCOMP_WORDS=({listed}); COMP_CWORD={len(words)}; _pmat_nb\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    run = subprocess.run(["bash"], input=program, capture_output=True, text=True, check=True)
    assert not run.stderr
    return run.stdout.split()


def test_bash_completes_commands_options_and_values() -> None:
    if shutil.which("bash") is None:
        pytest.skip("another platform: no bash")
    assert completed("sta") == ["stats"]
    assert set(completed("")) == set(verbs())
    assert completed("stats", "--det") == ["--detailed"]
    assert completed("stats", "--by", "") == ["pool", "variable", "cell", "type"]
    assert completed("health", "--max-level", "h") == ["high"]
    assert completed("completion", "z") == ["zsh"]
    assert "--no-allow-swap" in completed("configure", "--no-")
    Path("memory.ndjson").touch()
    assert completed("stats", "--analyze-log", "mem") == ["memory.ndjson"]
    Path("memory.ndjson").unlink()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_name_every_command_and_option(shell: str) -> None:
    text = script(shell)
    for verb in verbs().values():
        assert verb.name in text
        for option in verb.all_options():
            if not option.positional:
                assert option.name in text, option.name
    if shutil.which(shell) is not None:
        check = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True)
        assert check.returncode == 0, check.stderr
    # Between single quotes nothing is special but the quote.
    assert all(line.count("'") % 2 == 0 for line in text.splitlines())
