"""Blocks as plain text: no colour, no line longer than the width given."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence

from .blocks import Bar, Block, Cell, Column, Fold, Grid, Line
from .format import bar
from .texts import clean, cut, pad, text_width

__all__ = ["MAX_WIDTH", "draw", "fitted", "line_width"]

MAX_WIDTH = 100
_MIN_WIDTH = 40
_BAR_WIDTH = 10


def line_width() -> int:
    """The room for a line: the terminal's, at most 100; 100 where there is none."""
    try:
        in_terminal = sys.stdout.isatty()
    except (AttributeError, ValueError):  # a replaced or closed stdout
        in_terminal = False
    if not in_terminal:
        return MAX_WIDTH
    return max(_MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size().columns))


def draw(blocks: Iterable[Block], width: int = MAX_WIDTH) -> str:
    """The blocks as lines of at most ``width`` columns."""
    return "\n".join(_lines(blocks, max(width, _MIN_WIDTH)))


def _lines(blocks: Iterable[Block], width: int) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Line):
            before, goes_on = " " * block.indent, "" if block.indent else "  "
            lines += [before + line for line in _wrapped(block, width - block.indent, goes_on)]
        elif isinstance(block, Grid):
            lines += _grid(block, width)
        elif isinstance(block, Fold) and block.text:
            lines += ["", cut(clean(block.title), width)]
            lines += _lines(block.blocks, width)
    return lines


def _wrapped(line: Line, width: int, goes_on: str) -> list[str]:
    """A line broken at its joints; what no break can fit is wrapped at blanks.

    ``goes_on`` stands before all but the first.
    """
    lines: list[str] = []
    current = ""
    for part in line.parts:
        text = clean(part.text)
        joined = f"{current}{line.joint}{text}" if current else text
        if current and text_width(joined) > width:
            lines.append(current)
            current = f"{goes_on}{text}"
        else:
            current = joined
    return [piece for whole in [*lines, current] for piece in _at_blanks(whole, width, goes_on)]


def _at_blanks(text: str, width: int, goes_on: str) -> list[str]:
    pieces: list[str] = []
    while text_width(text) > width:
        at = text.rfind(" ", 3, width)
        if at < 0:
            return [*pieces, cut(text, width)]
        pieces.append(text[:at].rstrip())
        text = goes_on + text[at:].lstrip()
    return [*pieces, text]


def _text_of(cell: Cell) -> str:
    return bar(cell.share, _BAR_WIDTH) if isinstance(cell, Bar) else clean(cell)


def _grid(grid: Grid, width: int) -> list[str]:
    rows = [[_text_of(cell) for cell in row] for row in grid.rows]
    if any(column.header for column in grid.columns):
        rows.insert(0, [column.header for column in grid.columns])
    shown = [at for at in range(len(grid.columns)) if any(row[at] for row in rows)]
    shown = _kept(grid.columns, rows, shown, width - grid.indent)
    columns = [grid.columns[at] for at in shown]
    rows = [[row[at] for at in shown] for row in rows]
    widths = fitted(columns, rows, width - grid.indent)
    return [cut((" " * grid.indent + _row(columns, row, widths)).rstrip(), width) for row in rows]


def _row(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    pieces = []
    for at, (column, text) in enumerate(zip(columns, row, strict=True)):
        pieces.append(" " * column.gap if at else "")
        pieces.append(pad(cut(text, widths[at]), widths[at], right=column.right))
    return "".join(pieces)


def _kept(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], shown: list[int], room: int
) -> list[int]:
    """The columns that fit at their least widths, optional ones left out as needed."""
    needed = {at: _least(columns[at], [row[at] for row in rows]) for at in shown}
    kept = list(shown)
    while sum(needed[at] for at in kept) + sum(columns[at].gap for at in kept[1:]) > room:
        droppable = [at for at in kept if columns[at].optional]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda at: columns[at].optional))
    return kept


def _least(column: Column, texts: Sequence[str]) -> int:
    natural = max(text_width(text) for text in texts)
    return min(natural, max(column.least, len(column.header))) if column.flex else natural


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Column widths: as wide as their texts, the widest flexible ones cut to fit."""
    widths = [
        # A text of any length is cut to the room first, so that the loop below is short.
        min(max(text_width(row[at]) for row in rows), room if column.flex else 10 * room)
        for at, column in enumerate(columns)
    ]
    over = sum(widths) + sum(column.gap for column in columns[1:]) - room
    while over > 0:
        free = [at for at, column in enumerate(columns) if column.flex]
        free = [at for at in free if widths[at] > max(columns[at].least, len(columns[at].header))]
        if not free:
            break
        widths[max(free, key=lambda at: widths[at])] -= 1
        over -= 1
    return widths
