"""Links lead somewhere, as the repository's files stand: files, headings, every page found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .blocks import PAGES, ROOT

pytestmark = pytest.mark.newest

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALL = [*PAGES, ROOT / "CHANGELOG.md", *NOTEBOOKS]
_CODE = re.compile(r"^( *)```.*?^\1```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)
_WEB = re.compile(r"https://[\w.-]+\.[a-z]{2,}(?:[/?#]\S*)?")


def text_of(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return text


def links(path: Path) -> Iterator[str]:
    text = _CODE.sub("", text_of(path))
    yield from _LINK.findall(text)
    yield from re.findall(r"\bsrc(?:set)?=\"([^\"]+)\"", text)


def anchors(path: Path) -> set[str]:
    """What a forge and the site call the headings of a page."""
    titles = _HEADING.findall(re.sub(r"^```.*?^```", "", text_of(path), flags=re.M | re.S))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    gone = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        if ":" in target:
            if not _WEB.fullmatch(link):
                gone.append(f"{link}: not the form of a link")
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists():
            gone.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(path):
            gone.append(f"{link}: no such heading")
    assert not gone


def test_every_page_is_found_from_the_first() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
        waiting += [t for t in targets if t.suffix in (".md", ".ipynb") and t.exists()]
    assert {*PAGES[1:], *NOTEBOOKS} <= seen
