"""The command that fails a notebook which takes more memory than was agreed."""

from __future__ import annotations

from typing import Any

from pmat_nb.errors import GateFailedError
from pmat_nb.magics.output import deliver
from pmat_nb.session.session import Session


def gate(session: Session, *, format: str | None, output: str | None) -> Any:
    """``%pmat_gate``."""
    from pmat_nb.render.gates import GateReport, failed_line
    from pmat_nb.session.gating import check_session, follow_files, gates_are_on, unread_gates

    follow_files(session)
    enabled = gates_are_on(session)
    report = GateReport(
        check_session(session), enabled=enabled, problems=unread_gates(session) if enabled else ()
    )
    shown = deliver(report, format, output)
    if not report.passed:
        unread = [f"a gate cannot be read: {problem}" for problem in report.problems]
        failed = [failed_line(check) for check in report.checks if check.passed is False]
        raise _in_one_line(GateFailedError("; ".join([*unread, *failed])))
    return shown


def _in_one_line(problem: GateFailedError) -> GateFailedError:
    # IPython asks an exception for its own rendering before it makes one.
    text = f"GateFailedError: {problem}"
    problem._render_traceback_ = lambda: [text]  # type: ignore[attr-defined] # by name
    return problem
