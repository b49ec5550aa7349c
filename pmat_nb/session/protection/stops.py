"""Turns a decided stop into the exception, the message and the released memory."""

from __future__ import annotations

import linecache
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pmat_nb.consumers.usage import names_in
from pmat_nb.engine.guard import GuardReport, clean_traceback
from pmat_nb.engine.records import StopRecord
from pmat_nb.errors import MemoryLimitExceeded
from pmat_nb.render.stop import stop_headline, stop_lines

from .growth import Growth, measure_growth
from .release import chain_of, release_frames, trim

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

    from .scope import OpenScope

__all__ = ["settle"]

# Below this share of the growth the frames are not worth %debug.
_FRAMES_MATTER = 0.05


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
    growth = _growth(session, scope, report, error)
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
    record = _record(session, scope, report, growth, line, stopped)
    record = record._replace(
        given_back_bytes=None if before is None or now is None else max(0, before - now),
        now_bytes=now,
        restored=restored,
        kept=() if restored else growth.kept,
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
    session: Session, scope: OpenScope, report: GuardReport, error: BaseException | None
) -> Growth:
    namespace = session.namespace_owner.user_ns
    reporter = session.reporter()
    tracebacks: list[TracebackType] = [
        each.__traceback__ for each in chain_of(error) if each.__traceback__ is not None
    ]
    bound = scope.bound_names(namespace, names_in(scope.source).bound)
    return measure_growth(
        namespace,
        bound,
        reporter.known_sizes(),
        tracebacks,
        max(report.tree_bytes or 0, report.peak_tree_bytes) - report.baseline_tree_bytes,
        adapters=reporter.adapters,
        boundaries=reporter.boundaries(),
    )


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
    session: Session,
    scope: OpenScope,
    report: GuardReport,
    growth: Growth,
    line: tuple[int | None, str],
    stopped: MemoryLimitExceeded,
) -> StopRecord:
    ended = [c for c in report.children if c.action == "ended"]
    listed = [c for c in report.children if c.action == "listed"]
    room = session.room()
    reached = max(report.tree_bytes or 0, report.peak_tree_bytes)
    return StopRecord(
        label=scope.label(session.shell),
        limit_bytes=report.limit_bytes or report.threshold_bytes or 0,
        threshold_bytes=report.threshold_bytes or 0,
        scope=scope.limit.scope if report.limit_bytes else "total",
        source="%%pmat_limit" if report.limit_bytes else "max-total",
        reached_bytes=reached,
        duration_s=report.at_s if report.at_s is not None else report.duration_s,
        refused=not report.stopped,
        line_number=line[0],
        line=line[1],
        growth=growth.grew,
        given_back_bytes=None,
        now_bytes=None,
        kept=(),
        restored=(),
        frames_kept=True,
        ended_children=tuple(f"{child.name} ({child.pid})" for child in ended),
        listed_children=tuple(f"{child.name} ({child.pid})" for child in listed),
        running_threads=report.threads,
        usable_bytes=room.usable_bytes if room else None,
    )


def _finish(stopped: MemoryLimitExceeded, record: StopRecord, text: list[str]) -> None:
    lines = [stop_headline(record), *stop_lines(record)]
    stopped.args = ("\n".join(lines),)
    stopped.limit_bytes = record.limit_bytes
    stopped.tree_bytes = record.reached_bytes
    stopped.duration_s = record.duration_s
    stopped.growth = record.growth
    stopped.stop = record  # type: ignore[attr-defined]
    shown = [*text, f"MemoryLimitExceeded: {stopped.args[0]}"]
    # IPython asks an exception for its own rendering before it makes one.
    stopped._render_traceback_ = lambda: shown  # type: ignore[attr-defined]
