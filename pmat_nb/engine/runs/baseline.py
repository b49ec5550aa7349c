"""A run against an earlier one. Pure: two records in, the figures that differ out.

Judged are each notebook's peak and growth and what each cell adds at its peak; time only
where a tolerance for it is given, as it depends on the machine. A figure is worse where it is
over the earlier one by more than the tolerance *and* by more than noise (8 MB; 0.1 s). Cells
are told by their code: one that was edited is new. Of scenarios the medians are judged, and
only where the quartiles have parted too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Literal, NamedTuple

from pmat_nb.units import MIB

from .records import CellRun, Change, NotebookRun, RunRecord, Scenario
from .spread import Spread

__all__ = ["Tolerance", "compare", "regressions"]

NOISE_BYTES = 8 * MIB
NOISE_S = 0.1
_Verdict = Literal["worse", "better", "same", "unjudged"]


class Tolerance(NamedTuple):
    """Shares (0.1 is 10%) by which memory, and time where it is judged, may grow."""

    memory: float = 0.10
    time: float | None = None


def compare(before: RunRecord, after: RunRecord, tolerance: Tolerance) -> tuple[Change, ...]:
    """Every figure that both runs have, and what is new or gone."""
    if after.scenario is None:
        return tuple(_notebooks(before, after, tolerance))
    if before.scenario is None:
        return ()
    return tuple(_scenario(before.scenario, after.scenario, tolerance))


def regressions(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes that fail a run."""
    return tuple(change for change in changes if change.verdict == "worse")


def _notebooks(before: RunRecord, after: RunRecord, tolerance: Tolerance) -> Iterator[Change]:
    earlier = dict(_paired(before.notebooks, after.notebooks))
    for run in after.notebooks:
        old = earlier.get(run.path)
        if old is None:
            yield Change(run.path, "", "peak", None, run.peak_bytes, "new")
            continue
        yield _bytes(run.path, "", "peak", old.peak_bytes, run.peak_bytes, tolerance)
        yield _bytes(run.path, "", "growth", old.growth_bytes, run.growth_bytes, tolerance)
        yield _seconds(run.path, "", old.duration_s, run.duration_s, tolerance)
        yield from _cells(run.path, old.cells, run.cells, tolerance)
    compared = {id(old) for old in earlier.values()}
    for old in before.notebooks:
        if id(old) not in compared:
            yield Change(old.path, "", "peak", old.peak_bytes, None, "gone")


def _paired(
    before: tuple[NotebookRun, ...], after: tuple[NotebookRun, ...]
) -> Iterator[tuple[str, NotebookRun]]:
    """Which earlier run belongs to which path: the same path, else the one of the same name."""
    paths = {run.path: run for run in before}
    names: dict[str, list[NotebookRun]] = {}
    for run in before:
        names.setdefault(PurePath(run.path).name, []).append(run)
    now = [PurePath(run.path).name for run in after]
    for run in after:
        name = PurePath(run.path).name
        if run.path in paths:
            yield run.path, paths[run.path]
        elif len(names.get(name, ())) == 1 and now.count(name) == 1:
            yield run.path, names[name][0]


def _cells(
    path: str, before: tuple[CellRun, ...], after: tuple[CellRun, ...], tolerance: Tolerance
) -> Iterator[Change]:
    earlier: dict[str, list[CellRun]] = {}
    for cell in _not_skipped(before):
        earlier.setdefault(cell.code_hash, []).append(cell)
    for cell in _not_skipped(after):
        same = earlier.get(cell.code_hash)
        if not same:
            yield Change(path, cell.label, "added", None, cell.added_bytes, "new")
            continue
        old = same.pop(0)
        yield _bytes(path, cell.label, "added", old.added_bytes, cell.added_bytes, tolerance)
        yield _seconds(path, cell.label, old.duration_s, cell.duration_s, tolerance)
    for left in earlier.values():
        for old in left:
            yield Change(path, old.label, "added", old.added_bytes, None, "gone")


def _not_skipped(cells: tuple[CellRun, ...]) -> Iterator[CellRun]:
    return (cell for cell in cells if cell.outcome != "skipped")


def _scenario(before: Scenario, after: Scenario, tolerance: Tolerance) -> Iterator[Change]:
    for figure in ("peak", "added", "growth", "time"):
        old: Spread | None = getattr(before, figure)
        new: Spread | None = getattr(after, figure)
        if old is None or new is None:
            continue
        name = f"scenario {after.name}"
        if figure == "time":
            change = _seconds(name, "", old.median, new.median, tolerance)
        else:
            change = _bytes(name, "", figure, old.median, new.median, tolerance)
        if change.verdict == "worse" and new.lower <= old.upper:
            change = change._replace(verdict="same")
        yield change


def _bytes(
    path: str,
    cell: str,
    figure: str,
    before: float | None,
    after: float | None,
    tolerance: Tolerance,
) -> Change:
    verdict, bound = _judged(before, after, tolerance.memory, NOISE_BYTES)
    return Change(path, cell, figure, before, after, verdict, bound)


def _seconds(
    path: str, cell: str, before: float | None, after: float | None, tolerance: Tolerance
) -> Change:
    verdict, bound = _judged(before, after, tolerance.time, NOISE_S)
    return Change(path, cell, "time", before, after, verdict, bound)


def _judged(
    before: float | None, after: float | None, tolerance: float | None, noise: float
) -> tuple[_Verdict, float | None]:
    """The verdict, and what the figure may be at most."""
    if before is None or after is None or tolerance is None:
        return "unjudged", None
    # What shrank and then grew again by little is within the noise, not within a share of it.
    room = max(abs(before) * tolerance, noise)
    if after > before + room:
        return "worse", before + room
    return ("better" if after < before - room else "same"), before + room
