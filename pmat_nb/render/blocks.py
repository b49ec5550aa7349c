"""What a report is made of, before it is text or HTML.

A report lists blocks once; :mod:`.plain` and :mod:`.html` both draw them, so the two
always state the same facts. Blocks hold full texts: cutting to a width is drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Bar",
    "Block",
    "Cell",
    "Column",
    "Fold",
    "Grid",
    "Line",
    "Part",
    "Stack",
    "Tone",
    "level",
]

Tone = Literal["", "strong", "muted", "low", "medium", "high", "critical", "command"]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line with its emphasis (drawn in HTML only)."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Parts joined by ``joint``; text breaks a long line at a joint.

    ``indent`` is the number of columns before it and before what it goes on in.
    """

    parts: tuple[Part, ...]
    joint: str = " · "
    indent: int = 0

    @classmethod
    def of(cls, *parts: Part | str, joint: str = " · ", tone: Tone = "", indent: int = 0) -> Line:
        """A line of the parts that are not empty; plain strings take ``tone``."""
        made = (Part(part, tone) if isinstance(part, str) else part for part in parts)
        return cls(tuple(part for part in made if part.text), joint, indent)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar as long as ``share`` (0..1); ``hue`` names its colour."""

    share: float | None
    hue: str = "analysis"


Cell = str | Bar


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a grid; ``flex`` ones are cut first where room is short.

    ``gap`` is the number of blanks before it in text, ``least`` the width below
    which it is not cut, ``optional`` above 0 lets text leave it out where even that
    does not fit (the highest first), ``tone`` is its emphasis in HTML.
    """

    header: str = ""
    right: bool = False
    flex: bool = False
    least: int = 8
    gap: int = 2
    optional: int = 0
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under columns; a header row is drawn if any column has a header."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    indent: int = 2


@dataclass(frozen=True, slots=True)
class Stack:
    """Shares of one whole as a single bar of ``(label, share, hue)``.

    Drawn in HTML only, beside a grid that states the same figures.
    """

    segments: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks under a title that HTML can open and close; text has it unless ``text`` is off."""

    title: str
    blocks: tuple[Block, ...]
    open: bool = False
    text: bool = True


Block = Line | Grid | Stack | Fold


def level(name: str | None, text: str) -> Part:
    """``text`` in the tone of a pressure level."""
    tones: dict[str, Tone] = {
        "LOW": "low",
        "MEDIUM": "medium",
        "HIGH": "high",
        "CRITICAL": "critical",
    }
    return Part(text, tones.get(name or "", "muted"))
