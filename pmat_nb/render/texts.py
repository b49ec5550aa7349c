"""Names and other people's text: made safe for one line, measured, cut to a width."""

from __future__ import annotations

import unicodedata

__all__ = ["clean", "cut", "pad", "text_width"]


def clean(text: str) -> str:
    """One safe line: control, bidi and surrogate characters become escapes."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def text_width(text: str) -> int:
    """Columns that ``text`` takes in a terminal: wide characters 2, combining ones 0."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns, an ellipsis where it was cut."""
    if text_width(text) <= width:
        return text
    if width <= 0:
        return ""
    kept, room = [], width - 1
    for char in text:
        room -= _char_width(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """``text`` filled with blanks to ``width`` columns, at its left for ``right``."""
    blanks = " " * max(0, width - text_width(text))
    return blanks + text if right else text + blanks
