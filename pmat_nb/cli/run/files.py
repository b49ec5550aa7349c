"""The files of a run: reports by their ending, and baselines."""

from __future__ import annotations

import json
from pathlib import Path

from pmat_nb.engine.record_json import from_plain
from pmat_nb.engine.runs.records import SCHEMA, RunRecord
from pmat_nb.errors import UsageError
from pmat_nb.render.output import write_text
from pmat_nb.render.runs import RunReport

__all__ = ["check_report", "read_baseline", "write_baseline", "write_report"]

_ENDINGS = (".html", ".json", ".xml")
_MOST_BYTES = 256 * 1024**2


def check_report(target: str, called: str = "--report") -> Path:
    """The path of a report; UsageError where its ending or its folder is wrong."""
    path = Path(target).expanduser()
    if path.suffix.lower() not in _ENDINGS:
        raise UsageError(
            f"{called}: {target!r} does not end in .html, .json or .xml; for example "
            f"{called} run.html"
        )
    return check_place(path, called)


def check_place(path: Path, called: str) -> Path:
    """``path``; UsageError where it is a folder, or in none."""
    if path.is_dir():
        raise UsageError(f"{called}: {str(path)!r} is a folder; name a file")
    if not path.parent.is_dir():
        raise UsageError(f"{called}: there is no folder {str(path.parent)!r}; make it first")
    return path


def write_report(path: Path, report: RunReport) -> None:
    """Write ``report`` as its path's ending says: a page, the figures, or JUnit's XML."""
    ending = path.suffix.lower()
    if ending == ".json":
        write_text(path, report.to_json(compact=False) + "\n")
    elif ending == ".xml":
        from .junit import junit_xml

        write_text(path, junit_xml(report.record))
    else:
        from pmat_nb.render.page import report_page

        note = f"pmat_nb {report.record.pmat} · {report.compact()}"
        write_text(path, report_page([report], "Notebook run", note=note, pictures=False))


def write_baseline(path: Path, record: RunRecord) -> None:
    """Keep this run to be compared with; without what it was compared with itself."""
    report = RunReport(record._replace(changes=(), notes=()))
    write_text(path, report.to_json(compact=False) + "\n")


def read_baseline(path: Path) -> RunRecord:
    """An earlier run.

    Raises:
        UsageError: it cannot be read, or is none; in one line.
    """
    hint = "--update-baseline writes one"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"--baseline: {str(path)!r} is too large to be one; {hint}")
        plain = json.loads(path.read_text(encoding="utf-8"))
        record = from_plain(RunRecord, plain)
    except OSError as problem:
        reason = problem.strerror or problem
        raise UsageError(f"--baseline: {str(path)!r} cannot be read: {reason}; {hint}") from None
    except UsageError:
        raise
    except (ValueError, TypeError, RecursionError, AttributeError):
        raise UsageError(f"--baseline: {str(path)!r} is no report of a run; {hint}") from None
    if record.schema != SCHEMA:
        raise UsageError(
            f"--baseline: {str(path)!r} is of another version (schema {record.schema}); {hint}"
        )
    if record.notebooks is None:
        raise UsageError(f"--baseline: {str(path)!r} is no report of a run; {hint}")
    return record
