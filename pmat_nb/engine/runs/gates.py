"""Memory gates: bounds that a whole notebook must keep to. Pure: figures in, checks out.

A gate whose figure nobody could read has passed None: it is named as not measured, and does
not fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["GateBounds", "GateCell", "GateCheck", "GateFigures", "check_gates"]

_LEVELS = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
# How far RSS at the end may be from the start, after a cleanup.
CLEAN_SHARE = 0.10


class GateBounds(NamedTuple):
    """``[quality.gates.memory]``; None is no bound. Levels are in capitals."""

    max_memory_usage_bytes: int | None = None
    max_pressure_level: str | None = None
    max_cell_memory_bytes: int | None = None
    max_cell_growth_bytes: int | None = None
    max_notebook_growth_bytes: int | None = None
    require_cleanup_after: bool = False


class GateCell(NamedTuple):
    """What the gates need of a cell; ``peak_bytes`` is of the kernel, or of its tree if higher."""

    label: str
    first_line: str
    before_bytes: int | None
    after_bytes: int | None
    peak_bytes: int | None
    own_peak_bytes: int | None
    level: str | None


class GateFigures(NamedTuple):
    """A notebook's figures: resident bytes at its start, its end, and after a cleanup then."""

    start_bytes: int | None
    end_bytes: int | None
    cleaned_bytes: int | None
    cells: tuple[GateCell, ...]


class GateCheck(NamedTuple):
    """One gate: bytes or a level against the bound; ``cell`` is where the figure was reached.

    ``problem`` says why one failed that nobody checked.
    """

    gate: str
    passed: bool | None
    figure_bytes: int | None = None
    bound_bytes: int | None = None
    figure_level: str | None = None
    bound_level: str | None = None
    cell: str = ""
    first_line: str = ""
    problem: str = ""


def check_gates(bounds: GateBounds, figures: GateFigures) -> tuple[GateCheck, ...]:
    """Every gate that has a bound, in the order of the settings."""
    return tuple(_checks(bounds, figures))


def _checks(bounds: GateBounds, figures: GateFigures) -> Iterator[GateCheck]:
    cells = figures.cells
    if (most := bounds.max_memory_usage_bytes) is not None:
        yield _largest("max_memory_usage", most, [(cell.peak_bytes, cell) for cell in cells])
    if bounds.max_pressure_level is not None:
        yield _level(bounds.max_pressure_level, cells)
    if (most := bounds.max_cell_memory_bytes) is not None:
        added = [(_less(cell.own_peak_bytes, cell.before_bytes), cell) for cell in cells]
        yield _largest("max_cell_memory", most, added)
    if (most := bounds.max_cell_growth_bytes) is not None:
        grew = [(_less(cell.after_bytes, cell.before_bytes), cell) for cell in cells]
        yield _largest("max_cell_growth", most, grew)
    if (most := bounds.max_notebook_growth_bytes) is not None:
        grown = _less(figures.end_bytes, figures.start_bytes)
        yield GateCheck("max_notebook_growth", _within(grown, most), grown, most)
    if bounds.require_cleanup_after:
        bound = (
            None if figures.start_bytes is None else int(figures.start_bytes * (1 + CLEAN_SHARE))
        )
        held = figures.cleaned_bytes
        yield GateCheck("require_cleanup_after", _within(held, bound), held, bound)


def _largest(gate: str, bound: int, sizes: Sequence[tuple[int | None, GateCell]]) -> GateCheck:
    known = [(size, cell) for size, cell in sizes if size is not None]
    if not known:
        # Without a cell there is nothing that could be over it.
        return GateCheck(gate, None if sizes else True, None, bound)
    size, cell = max(known, key=lambda pair: pair[0])
    return GateCheck(gate, size <= bound, size, bound, cell=cell.label, first_line=cell.first_line)


def _level(bound: str, cells: Sequence[GateCell]) -> GateCheck:
    known = [cell for cell in cells if cell.level in _LEVELS]
    if not known:
        return GateCheck("max_pressure_level", None if cells else True, bound_level=bound)
    cell = max(known, key=lambda each: _LEVELS.index(each.level or "LOW"))
    passed = _LEVELS.index(cell.level or "LOW") <= _LEVELS.index(bound)
    return GateCheck(
        "max_pressure_level",
        passed,
        figure_level=cell.level,
        bound_level=bound,
        cell=cell.label,
        first_line=cell.first_line,
    )


def _within(figure: int | None, bound: int | None) -> bool | None:
    return None if figure is None or bound is None else figure <= bound


def _less(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before
