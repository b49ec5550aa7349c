"""What the site is put together from: navigation, turned links, the generated reference."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType

import pytest

import pmat_nb
from pmat_nb.cli.codes import Code
from pmat_nb.cli.main import verbs
from pmat_nb.settings import VERBS

from .blocks import ROOT

pytestmark = pytest.mark.newest


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import docs_site

    yield docs_site
    for name in ("docs_site", "demo", "reference"):
        if name not in before:
            monkeypatch.delitem(sys.modules, name, raising=False)


def test_every_page_has_its_place_in_the_navigation(site: ModuleType) -> None:
    listed = set()
    for part in site.PARTS:
        page = ROOT / "docs" / f"{part}.md"
        listed |= {(page.parent / name).resolve() for name in site.LISTED.findall(page.read_text())}
    pages = {path for path in (ROOT / "docs").rglob("*.md") if path.stem not in site.PARTS}
    pages |= set((ROOT / "notebooks").glob("*.ipynb"))
    assert pages - {ROOT / "docs" / "index.md"} <= listed


def test_the_readme_has_every_magic() -> None:
    text = (ROOT / "README.md").read_text()
    assert [verb.magic for verb in VERBS if f"%{verb.magic}" not in text] == []


def test_the_readme_has_the_figures_of_the_corpus() -> None:
    """Of the first look at the third batch, beside what others find in it."""
    leaks = (ROOT / "docs" / "leaks.md").read_text()
    (first,) = re.findall(r"^\| third \| (\d+) \| ([\d.]+) \| ([\d.]+) \|", leaks, re.M)
    cases, *shares = first
    precision, recall = (f"{float(share):.0%}" for share in shares)
    rows = re.findall(r"^\| third \| (\w+) \| \d+ \| ([\d.]+) \|", leaks, re.M)
    others = {tool: f"{float(share):.0%}" for tool, share in rows}
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"On {cases} leaks and look-alikes" in text and f"finds {recall} of the leaks" in text
    assert f"{precision} of what `pmat_nb` calls a leak is one" in text
    assert f"tracemalloc's snapshots: {others['tracemalloc']}" in text
    assert f"memray's leaks: {others['memray']}" in text


def test_links_are_turned_towards_the_site(site: ModuleType) -> None:
    text = "[a](../notebooks/01_tour.ipynb) [b](limits.md#which-limit) [c](https://x.org) [d](#e)"
    assert site.turned(text, ROOT / "docs" / "index.md") == text.replace(
        "../notebooks/", "tutorials/"
    )
    assert site.turned("[a](docs/find.md)", ROOT / "CHANGELOG.md") == "[a](find.md)"
    back = site.turned("[a](../docs/limits.md)", ROOT / "notebooks" / "01_tour.ipynb")
    assert back == "[a](../limits.md)"


def test_pictures_follow_the_theme(site: ModuleType) -> None:
    text = site.page(ROOT / "docs" / "dashboard.md")
    assert "<picture>" not in text
    assert text.count(":class: only-light") == text.count(":class: only-dark") > 0


def test_what_loads_from_a_network_is_seen(site: ModuleType) -> None:
    assert site.REMOTE_PART.search('<script async src="https://cdn.example/x.js"></script>')
    assert not site.REMOTE_PART.search('<a href="https://example.org/">a link</a>')


def test_the_reference_has_every_magic_with_every_option(site: ModuleType) -> None:
    text = "\n".join(site.reference.magics())
    for verb in VERBS:
        section = text.partition(f"## `%{verb.magic}`")[2].partition("\n## ")[0]
        assert section, verb.magic
        missing = [
            o.spelled for o in verb.all_options() if o.spelled not in section.replace("\\|", "|")
        ]
        assert not missing, verb.magic


def test_the_reference_has_every_command_and_exit_code(site: ModuleType) -> None:
    text = "\n".join(site.reference.commands())
    for verb in verbs().values():
        section = text.partition(f"## `pmat-nb {verb.name}`")[2].partition("\n## ")[0]
        assert section, verb.name
        missing = [
            o.spelled for o in verb.all_options() if o.spelled not in section.replace("\\|", "|")
        ]
        assert not missing, verb.name
    assert set(site.reference.CODES) == set(Code)


def test_the_reference_has_every_public_name(site: ModuleType) -> None:
    text = "\n".join(site.reference.python())
    hooks = {"__version__", "load_ipython_extension", "unload_ipython_extension"}
    assert [n for n in pmat_nb.__all__ if n not in hooks and f"pmat_nb.{n}" not in text] == []


def test_code_in_docstrings_of_the_interface_is_python() -> None:
    """The blocks after `::`, as the reference shows them."""
    found = 0
    for name in ("", *pmat_nb.__all__):
        owner = getattr(pmat_nb, name, None) if name != "pools" and name else pmat_nb
        text = inspect.getdoc(owner) or ""
        for block in re.findall(r"::\n\n((?:    .*\n?|\n)+)", text):
            ast.parse("\n".join(textwrap.dedent(block).replace("%", "# %").splitlines()))
            found += 1
    assert found
