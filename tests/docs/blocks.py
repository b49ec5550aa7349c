"""The code blocks of a page, and what is said of each beside it.

A comment right above a block, which no reader sees, can say three things::

    <!-- not run: needs a cluster -->         why it is not run
    <!-- before: array = np.ones(10) -->      what the block takes for granted
    <!-- raises: MemoryLimitExceeded -->      how it is meant to end
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["PAGES", "ROOT", "Block", "blocks_of", "indented_code"]

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(
    r"(?P<notes>(?:^<!-- (?:not run|before|raises):.*?-->\n+)*)"
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
_NOTE = re.compile(r"<!-- (not run|before|raises):\s*(.*?)\s*-->", re.DOTALL)


class Block(NamedTuple):
    """One fenced block and its notes."""

    page: Path
    line: int
    language: str
    text: str
    notes: dict[str, str]

    @property
    def place(self) -> str:
        """``docs/pools.md:27``."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("fence")) + 1
        body = re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
        yield Block(
            page, line, found["language"].strip(), body, dict(_NOTE.findall(found["notes"]))
        )


def indented_code(page: Path) -> list[int]:
    """Lines where a block of code has no fence, and so no language, and could not be run."""
    blank = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), page.read_text(encoding="utf-8"))
    lines = ["", *blank.splitlines()]
    return [
        number
        for number in range(1, len(lines))
        if lines[number].startswith("    ") and not lines[number - 1].strip()
    ]
