"""The leaks tab: what the watch suspects, and the last report of a tracked run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmat_nb.render.texts import clean

if TYPE_CHECKING:
    from pmat_nb.engine.leaks.watching import Suspect
    from pmat_nb.render.leaks import LeakReport
    from pmat_nb.session.session import Session

__all__ = ["read"]

_MOST = 100


def read(session: Session) -> dict[str, Any]:
    """Suspects and last report; a run that is being tracked is not evaluated for this."""
    from pmat_nb.render.suspects import SuspectReport

    leaks = session.part_if_made("leaks")
    tracking = leaks is not None and leaks.tracking
    report = SuspectReport(session.suspects.rows()) if tracking else session.suspects.report()
    return {
        "headline": SuspectReport(report.rows, watched=report.watched).compact(),
        "watched": report.watched,
        "tracking": tracking,
        "suspects": [_suspect(row) for row in report.rows[:_MOST]],
        "last": None if report.last is None else _last(report.last),
    }


def _suspect(row: Suspect) -> dict[str, Any]:
    return {
        "cell": clean(row.cell),
        "state": row.state,
        "rate": row.bytes_per_run or row.device_bytes_per_run,
        "low": row.low_bytes_per_run,
        "high": row.high_bytes_per_run,
        "runs": row.runs,
        "confidence": row.confidence,
        "counter": row.counter,
        "kept": clean(row.kept_by),
        "line": clean(row.first_line),
    }


def _last(report: LeakReport) -> dict[str, Any]:
    record = report.record
    return {
        "headline": clean(report.compact()),
        "iterations": record.iterations,
        "notes": list(map(clean, record.notes)),
        "rows": [
            {
                "key": f"{at}",
                "verdict": row.verdict,
                "confidence": row.confidence,
                "site": clean(row.site),
                "source": clean(row.source),
                "rate": round(row.bytes_per_iteration),
                "retained": row.retained_bytes,
                "kept": clean(row.retained_by),
                "fix": clean(row.recommendation),
            }
            for at, row in enumerate(record.rows[:_MOST])
        ],
    }
