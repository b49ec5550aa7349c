"""Turns a decided stop into the exception, the message and the released memory."""

from __future__ import annotations

import linecache
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pmat_nb.consumers.usage import names_in
from pmat_nb.engine.guard import GuardReport, clean_traceback
from pmat_nb.engine.stop_record import StopRecord
from pmat_nb.errors import MemoryLimitExceeded
from pmat_nb.render.stop import stop_headline, stop_lines
from pmat_nb.units import MIB

from .growth import Growth, largest, measure_growth
from .release import chain_of, clear_our_frames, release_frames, trim

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

    from .scope import OpenScope

__all__ = ["settle"]

# Below this share of the growth the frames are not worth %debug.
_FRAMES_MATTER = 0.05
_WORTH_SAYING = 8 * MIB


def settle(
    session: Session, scope: OpenScope, report: GuardReport, error: BaseException | None
) -> MemoryLimitExceeded:
    """Give the memory of a stopped cell back, and say what happened.

    Returns the exception that the user sees; it renders its own traceback, which is
    the user's code alone. ``error`` is what the cell ended with, None where the stop
    came too late to be raised.
    """
    shell = session.shell
    stopped = _as_stop(scope, report, error)
    before = session.probe.rss_bytes()
    filled = scope.filled_names(session.namespace_owner.user_ns)
    children = _children(report, (before or 0) - scope.token.own_rss_bytes)
    clear_our_frames(error)
    growth = _growth(session, scope, report, error, filled, children)
    restored = scope.restore_names(shell) if scope.limit.restore_names else ()
    traceback = clean_traceback(error).__traceback__ if error is not None else None
    line = _line(session, report, traceback)
    wanted = "" if report.stopped else _wanted(error)
    text = _formatted(shell, stopped, traceback)
    total = max(1, report.peak_tree_bytes - report.baseline_tree_bytes)
    release = not scope.limit.keep_frames and growth.frames_bytes > _FRAMES_MATTER * total
    if error is not None and error is not stopped:
        stopped.__cause__ = error.with_traceback(None) if release else error
    if release:
        for each in (error, stopped):
            if each is not None:
                release_frames(shell, each)
    traceback = error = None
    trim(session.probe)
    now = session.probe.rss_bytes()
    record = _record(session, scope, report, line)
    record = record._replace(
        growth=_grew(growth, children, _still_grown(scope, growth, now)),
        refilled_bytes=_refilled(growth),
        estimates=growth.estimates,
        lower_bounds=growth.lower_bounds,
        shared=growth.shared,
        given_back_bytes=None if before is None or now is None else max(0, before - now),
        now_bytes=now,
        restored=restored,
        kept=() if restored else growth.kept,
        filled=frozenset(name for name, share in filled.items() if share < 1),
        frames_kept=not release,
        wanted=wanted,
    )
    _finish(stopped, record, text)
    return stopped


def _as_stop(
    scope: OpenScope, report: GuardReport, error: BaseException | None
) -> MemoryLimitExceeded:
    if isinstance(error, MemoryLimitExceeded):
        return error
    made: MemoryLimitExceeded = scope.token.error(time.monotonic_ns())
    if not report.stopped:
        made.tree_bytes = report.peak_tree_bytes
    return made


def _growth(
    session: Session,
    scope: OpenScope,
    report: GuardReport,
    error: BaseException | None,
    filled: dict[str, float],
    children: list[tuple[str, int]],
) -> Growth:
    namespace = session.namespace_owner.user_ns
    reporter = session.reporter()
    repeater = session.part_if_made("repeater")
    tracebacks: list[TracebackType] = [
        each.__traceback__ for each in chain_of(error) if each.__traceback__ is not None
    ]
    bound = scope.bound_names(namespace, names_in(scope.source).bound)
    return measure_growth(
        namespace,
        bound,
        filled,
        reporter.known_sizes(),
        tracebacks,
        _reached(report) - report.baseline_tree_bytes - sum(size for _, size in children),
        adapters=reporter.adapters,
        boundaries=reporter.boundaries(),
        resident=session.probe.resident_bytes,
        own_references=(lambda value: 0) if repeater is None else repeater.references_to,
    )


def _reached(report: GuardReport) -> int:
    return max(report.tree_bytes or 0, report.peak_tree_bytes)


def _children(report: GuardReport, own_bytes: int) -> list[tuple[str, int]]:
    """What children that caused a stop gained, up to its peak; ``own_bytes`` the kernel did."""
    noted = sum(child.growth_bytes for child in report.children)
    if not noted:
        return []
    # They were noted when they were frozen: what they gained in between is theirs too.
    gained = _reached(report) - report.baseline_tree_bytes - max(0, own_bytes)
    share = max(1.0, gained / noted)
    return [(f"child {c.name} ({c.pid})", int(c.growth_bytes * share)) for c in report.children]


def _still_grown(scope: OpenScope, growth: Growth, now: int | None) -> int:
    """What of the growth is neither given back nor in a name."""
    named = sum(size for name, size in growth.grew if size > 0)
    return max(0, (now or 0) - scope.token.own_rss_bytes - named)


def _grew(
    growth: Growth, children: list[tuple[str, int]], still_bytes: int
) -> tuple[tuple[str, int], ...]:
    """What grew, largest first, the rest by what is known of it."""
    if growth.lower_bounds or growth.estimates:
        rest = "not sized in time"
    elif still_bytes > growth.rest_bytes // 2:
        rest = "not in a variable"
    else:
        rest = "temporaries"
    if growth.estimates and growth.rest_bytes < sum(size for _, size in growth.grew) // 20:
        return largest([*growth.grew, *children])
    return largest([*growth.grew, *children, (rest, growth.rest_bytes)])


def _refilled(growth: Growth) -> int:
    """By how much names grew more than memory; none where that may be an error of estimates."""
    named = sum(size for _, size in growth.grew if size > 0)
    doubtful = named // (4 if growth.estimates else 10)
    return -growth.rest_bytes if -growth.rest_bytes > max(doubtful, _WORTH_SAYING) else 0


def _line(
    session: Session, report: GuardReport, traceback: TracebackType | None
) -> tuple[int | None, str]:
    """The cell's innermost line that was running: from the traceback, else the stop."""
    namespace = session.namespace_owner.user_ns
    place, cell = report.line, ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        # The outermost: what the cell runs with exec() has no lines to show.
        if traceback.tb_frame.f_globals is namespace and not cell:
            cell = code.co_filename
        if code.co_filename == cell:
            place = cell, traceback.tb_lineno
        traceback = traceback.tb_next
    if place is None:
        return None, ""
    return place[1], linecache.getline(*place)


def _wanted(error: BaseException | None) -> str:
    """What a library said of the allocation that it was refused."""
    for each in chain_of(error):
        if isinstance(each, (MemoryError, OSError)) and not isinstance(each, MemoryLimitExceeded):
            return str(each)
    return ""


def _formatted(
    shell: Any, stopped: MemoryLimitExceeded, traceback: TracebackType | None
) -> list[str]:
    if traceback is None:
        return []
    cause, stopped.__cause__ = stopped.__cause__, None
    context, stopped.__context__ = stopped.__context__, None
    try:
        found: list[str] = shell.InteractiveTB.structured_traceback(
            type(stopped), stopped, traceback, tb_offset=1
        )
    finally:
        stopped.__cause__, stopped.__context__ = cause, context
    # The last entry is the exception's own line, which is not final yet.
    return found[:-1]


def _record(
    session: Session, scope: OpenScope, report: GuardReport, line: tuple[int | None, str]
) -> StopRecord:
    ended = [c for c in report.children if c.action == "ended"]
    listed = [c for c in report.children if c.action == "listed"]
    room = session.room()
    own = scope.token.own_limit_holds
    return StopRecord(
        label=scope.label(session.shell),
        limit_bytes=(report.limit_bytes if own else report.threshold_bytes) or 0,
        threshold_bytes=report.threshold_bytes or 0,
        scope=scope.limit.scope if own else "total",
        source="%%pmat_limit" if own else "max-total",
        reached_bytes=_reached(report),
        duration_s=report.at_s if report.at_s is not None else report.duration_s,
        refused=not report.stopped,
        line_number=line[0],
        line=line[1],
        growth=(),
        given_back_bytes=None,
        now_bytes=None,
        kept=(),
        restored=(),
        frames_kept=True,
        ended_children=tuple(f"{child.name} ({child.pid})" for child in ended),
        listed_children=tuple(f"{child.name} ({child.pid})" for child in listed),
        running_threads=report.threads,
        usable_bytes=room.usable_bytes if room else None,
        children=bool(report.children),
    )


def _finish(stopped: MemoryLimitExceeded, record: StopRecord, text: list[str]) -> None:
    lines = [stop_headline(record), *stop_lines(record)]
    stopped.args = ("\n".join(lines),)
    stopped.limit_bytes = record.limit_bytes
    stopped.tree_bytes = record.reached_bytes
    stopped.duration_s = record.duration_s
    stopped.growth = record.growth
    stopped.stop = record
    shown = [*text, f"MemoryLimitExceeded: {stopped.args[0]}"]
    # IPython asks an exception for its own rendering before it makes one.
    stopped._render_traceback_ = lambda: shown  # type: ignore[attr-defined] # by name
