"""Commands that find leaks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import UsageError
from pmat_nb.magics.output import deliver
from pmat_nb.session.session import Session

if TYPE_CHECKING:
    from pmat_nb.engine.leaks.report import LeakRecord
    from pmat_nb.render.report import Report

_WARMUP = 3
_INTERVAL_S = 0.01


def leaks(
    session: Session,
    *,
    what: str | None,
    warmup: int | None,
    top: int | None,
    format: str | None,
    output: str | None,
    **options: Any,
) -> Any:
    """``%pmat_leaks``."""
    _refuse_cell_options(options)
    report = session.leaks.run(what, warmup=_WARMUP if warmup is None else warmup, top=top)
    return None if report is None else deliver(report, format, output)


def _refuse_cell_options(options: dict[str, Any]) -> None:
    """A line has no cell: an option about one must not be passed over in silence."""
    for name, given in options.items():
        if given not in (None, False):
            raise UsageError(
                f"%pmat_leaks: --{name.replace('_', '-')} is about one cell; write it above that "
                "cell: %%pmat_leaks --repeat 40"
            )


def leaks_cell(
    session: Session,
    first_line: str,
    *,
    what: str | None,
    repeat: int | None,
    warmup: int | None,
    max_time: float | None,
    native: bool,
    top: int | None,
    format: str | None,
    output: str | None,
) -> None:
    """``%%pmat_leaks``: arm the cell that it heads."""
    if what is not None:
        raise UsageError(f"%%pmat_leaks: {what} stands in a line of its own: %pmat_leaks {what}")
    if repeat is None:
        raise UsageError(
            "%%pmat_leaks: nothing of yours is run again unless you say how often; for example "
            "%%pmat_leaks --repeat 40"
        )
    from pmat_nb.session.repeating.cell import RepeatWish

    show = partial(_shown, top=top, format=format, output=output)
    runs = _native_runs(repeat) if native else 0
    wish = RepeatWish(repeat, _WARMUP if warmup is None else warmup, max_time, show, runs)
    session.repeater.arm_next(first_line, wish)


def _native_runs(repeat: int) -> int:
    """How many of the runs are under memray.

    Raises:
        UsageError: there are too few of them, or memray cannot be had.
    """
    from pmat_nb.consumers.leaks.native_trace import ITERATIONS
    from pmat_nb.consumers.native import check_available

    if repeat < 2 * ITERATIONS:
        raise UsageError(
            f"%%pmat_leaks: --native takes {ITERATIONS} of the runs, and {repeat} are too few; "
            "for example %%pmat_leaks --repeat 40 --native"
        )
    check_available("%%pmat_leaks --native")
    return ITERATIONS


def _shown(record: LeakRecord, *, top: int | None, format: str | None, output: str | None) -> Any:
    from pmat_nb.render.leaks import LeakReport

    return deliver(LeakReport(record, top=top), format, output)


def profile(session: Session, *, format: str | None, output: str | None, **options: Any) -> Any:
    """``%pmat_profile``: the last profile again."""
    if options["native"] or options["interval"] is not None:
        raise UsageError(
            "%pmat_profile: a line has no cell to profile; write %%pmat_profile above the cell"
        )
    return deliver(session.profiling.report(), format, output)


def profile_cell(
    session: Session,
    first_line: str,
    *,
    interval: float | None,
    native: bool,
    format: str | None,
    output: str | None,
) -> None:
    """``%%pmat_profile``: arm the cell that it heads."""
    from pmat_nb.session.profiling import ProfileWish

    def show(report: Report) -> None:
        from IPython.display import display

        shown = deliver(report, format, output)
        if shown is not None:
            show_it: Any = display
            show_it(shown)

    wish = ProfileWish(_INTERVAL_S if interval is None else interval, native, show)
    session.profiling.arm_next(first_line, wish)
