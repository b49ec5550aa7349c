"""On which line of a TOML text a key stands, for error messages.

``tomllib`` tells no positions. This reads headers and the keys at the start of lines,
which is all that people write in a settings file; for the rest it names the line of
what contains the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Lines", "line_of", "lines_of"]

Lines: TypeAlias = Mapping[tuple[str, ...], int]

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_ENTRY = re.compile(rf"\s*({_DOTTED})\s*=")
_QUOTES = re.compile(r'"""|\'\'\'')


def lines_of(text: str) -> Lines:
    """The line of every header and key; tables that are only implied have none."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    quoted = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not quoted:
            if header := _HEADER.match(line):
                table = _parts(header[1])
                found.setdefault(table, number)
            elif entry := _ENTRY.match(line):
                path = table + _parts(entry[1])
                for depth in range(len(table) + 1, len(path) + 1):
                    found.setdefault(path[:depth], number)
        for mark in _QUOTES.findall(line):
            quoted = "" if quoted == mark else quoted or mark
    return found


def line_of(lines: Lines, path: Sequence[str]) -> int:
    """The line of the key at ``path``, or of the nearest table around it."""
    for depth in range(len(path), 0, -1):
        if tuple(path[:depth]) in lines:
            return lines[tuple(path[:depth])]
    return 1


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, dotted))
