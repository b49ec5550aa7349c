"""What is shipped: one version, bounds that are tested, documents that hold together."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from support.kernel import Kernel

import pmat_nb

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OLDEST = ROOT / "requirements" / "oldest.txt"
BOUND = re.compile(r"([\w.-]+)>=([\d.]+)")
# Written by people and read by machines elsewhere: no place of this machine, no index.
FOREIGN = re.compile(r"(?<![\w.])/(?:root|work)/|index-url|find-links|pypi\.org/simple")


def bounds(*extras: str) -> dict[str, str]:
    wanted = [*PROJECT["dependencies"]]
    for extra in extras:
        wanted += PROJECT["optional-dependencies"][extra]
    matches = [BOUND.fullmatch(text) for text in wanted if not text.startswith("pmat_nb[")]
    assert all(matches), f"every dependency has a lower bound and no other: {wanted}"
    return {normal(m[1]): m[2] for m in matches if m}


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def pins() -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in OLDEST.read_text().splitlines()]
    pairs = [line.split("==") for line in lines if line]
    return {normal(name): pinned for name, pinned in pairs}


def tracked() -> list[Path]:
    run = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in run.stdout.splitlines() if (ROOT / name).is_file()]


def test_one_version() -> None:
    assert pmat_nb.__version__ == PROJECT["version"] == version("pmat_nb")


def test_the_oldest_set_is_the_lower_bounds() -> None:
    """To the precision of the bound: 6.17 is tested as 6.17.1, 2.2 as 2.2.0."""
    pinned = pins()
    wrong = {
        name: (bound, pinned.get(name))
        for name, bound in bounds("demo", "metrics", "test").items()
        if not f"{pinned.get(name)}.".startswith(f"{bound}.")
    }
    assert not wrong


def test_this_set_is_within_the_bounds() -> None:
    def parts(text: str) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", text)[:3]]

    for name, bound in bounds("demo", "metrics", "test").items():
        assert parts(version(name)) >= parts(bound), name


def test_every_dependency_has_a_reason() -> None:
    rows = re.findall(
        r"^\| ([\w-]+) \| ([\d.]+) \| \S.*\|$",
        (ROOT / "docs" / "dependencies.md").read_text(),
        re.MULTILINE,
    )
    assert {normal(name): bound for name, bound in rows} == bounds()


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {n.split("/")[0] for n in names} == {
        "pmat_nb",
        f"pmat_nb-{pmat_nb.__version__}.dist-info",
    }
    assert "pmat_nb/py.typed" in names
    on_disk = {str(p.relative_to(ROOT)) for p in (ROOT / "pmat_nb").rglob("*.py")}
    assert on_disk <= names


def test_no_file_names_this_machine_or_an_index() -> None:
    found = []
    for path in tracked():
        if path.suffix in (".png", ".gz") or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if FOREIGN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))],
    ids=lambda page: page.name,
)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    gone = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not gone


def test_the_readme_names_only_commands_that_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^\$ make (\w+)", text, re.MULTILINE))
    rules = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets and targets <= rules


def test_the_readme_names_only_magics_that_are_there(kernel: Kernel) -> None:
    named = set(re.findall(r"%(pmat\w*)", (ROOT / "README.md").read_text()))
    assert kernel.run("%load_ext pmat_nb").ok
    there = kernel.value("sorted(get_ipython().magics_manager.magics['line'])")
    assert named and named <= set(there)


def test_notebooks_hold_no_outputs() -> None:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        kept = [c["id"] for c in cells if c.get("outputs") or c.get("execution_count")]
        assert not kept, f"{path.name}: run `jupyter nbconvert --clear-output --inplace` ({kept})"


def test_binder_opens_the_tour() -> None:
    wanted = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    assert ".[demo]" in wanted
    assert (ROOT / "notebooks" / "01_tour.ipynb").is_file()
    python = (ROOT / "binder" / "runtime.txt").read_text().strip()
    assert python.startswith("python-3.")


def test_ci_runs_lint_and_both_sets() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "set -euo pipefail" in script and "PMAT_CI=1" in script
    assert "make lint" in script and "make test" in script


def test_ci_installs_a_browser_where_there_is_none() -> None:
    check = [sys.executable, ROOT / "tests" / "browser" / "program.py"]
    missing = subprocess.run(check, env={"PATH": ""}, capture_output=True, text=True)
    assert missing.returncode == 1 and "apt-get install chromium" in missing.stderr
    script = (ROOT / ".ci" / "run").read_text()
    assert "tests/browser/program.py" in script and "missing+=(chromium)" in script
    make = subprocess.run(
        ["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert '-m "browser and not soak"' in make
