"""The examples for CI and containers are valid, and call commands that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pmat_nb.cli.main import verbs
from pmat_nb.settings.parser import parse_words

ROOT = Path(__file__).parent.parent
CI = ROOT / "docs" / "ci"
DOCKER = ROOT / "docker"
SCHEMAS = {
    CI / "github-actions.yml": "vendor.github-workflows",
    CI / "gitlab-ci.yml": "vendor.gitlab-ci",
    DOCKER / "compose.yaml": "vendor.compose-spec",
}
FILES = [*SCHEMAS, CI / "pre-commit-config.yaml", DOCKER / "Dockerfile"]


@pytest.mark.newest
@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_it_is_valid(path: Path) -> None:
    from check_jsonschema import main
    from click.testing import CliRunner

    # Here and not in a process of its own: loading it takes longer than checking.
    done = CliRunner().invoke(main, ["--builtin-schema", SCHEMAS[path], str(path)])
    assert done.exit_code == 0, done.output


@pytest.mark.newest
def test_the_dockerfile_passes_the_linter() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    # The index of the day decides versions: pins would age in an example.
    done = subprocess.run(
        [linter, "--ignore", "DL3013", DOCKER / "Dockerfile"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def commands(path: Path) -> Iterator[list[str]]:
    """What follows ``pmat-nb`` in every command of a file."""
    text = re.sub(r"\n\s+(?=--)", " ", path.read_text())
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        if found := re.search(r'pmat-nb"?,? (.*)', line):
            yield shlex.split(found[1].replace('"', " ").replace(",", " ").replace("]", " "))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_commands_exist(path: Path) -> None:
    found = list(commands(path))
    assert found
    for name, *words in found:
        # pre-commit adds the changed notebooks at the end.
        more = ["a.ipynb"] if name == "run" and not any(".ipynb" in word for word in words) else []
        parse_words(verbs()[name], [*words, *more], f"pmat-nb {name}")


def test_the_hook_for_pre_commit_is_whole() -> None:
    import yaml

    (repo,) = yaml.safe_load((CI / "pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repo["hooks"]
    assert repo["repo"] == "local" and {"id", "name", "entry", "language"} <= hook.keys()


@pytest.mark.newest
def test_binders_environment_can_be_had() -> None:
    """pip resolves it; every line but the package's own is pinned.

    Resolved beside what is installed here: a solution that is found there is one, and what is
    here already need not be fetched to be read.
    """
    listed = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    pins = [line for line in listed if not line.startswith(("#", "."))]
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", pin) for pin in pins)
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "-r", "binder/requirements.txt"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
