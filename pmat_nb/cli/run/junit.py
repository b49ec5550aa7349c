"""A run as JUnit's XML: a suite per notebook, a test case per cell, gate and regression."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from pmat_nb.engine.cells import first_line_of
from pmat_nb.engine.runs.records import CellRun, Change, NotebookRun, RunRecord
from pmat_nb.render.gates import failed_line
from pmat_nb.render.runs import change_line

__all__ = ["junit_xml"]

# What XML 1.0 cannot say, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(record: RunRecord) -> str:
    """The document, for ``--report FILE.xml``."""
    root = ET.Element("testsuites", name="pmat-nb run", time=f"{record.duration_s:.3f}")
    for run in record.notebooks:
        _suite(root, run)
    judged = [change for change in record.changes if change.verdict in ("worse", "better", "same")]
    if judged:
        suite = ET.SubElement(root, "testsuite", name="baseline")
        for change in judged:
            _change(suite, change)
        _count(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, run: NotebookRun) -> None:
    name = _safe(run.path)
    suite = ET.SubElement(root, "testsuite", name=name, time=f"{run.duration_s:.3f}")
    properties = ET.SubElement(suite, "properties")
    for key in ("peak_bytes", "growth_bytes", "limit_bytes"):
        value = getattr(run, key)
        if value is not None:
            ET.SubElement(properties, "property", name=key, value=str(value))
    for cell in run.cells:
        _cell(suite, run, cell)
    for gate in run.gates:
        case = ET.SubElement(suite, "testcase", classname=name, name=f"gate {gate.gate}")
        if gate.passed is False:
            _failure(case, "gate", failed_line(gate))
        elif gate.passed is None:
            ET.SubElement(case, "skipped", message="not measured")
    if run.death and all(cell.outcome != "died" for cell in run.cells):
        case = ET.SubElement(suite, "testcase", classname=name, name="kernel")
        _failure(case, "died", run.death)
    _count(suite)


def _cell(suite: ET.Element, run: NotebookRun, cell: CellRun) -> None:
    line = first_line_of(cell.first_line)
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_safe(run.path),
        name=_safe(f"{cell.label} {line}".strip()),
        time=f"{cell.duration_s or 0:.3f}",
    )
    if cell.outcome == "not run":
        ET.SubElement(case, "skipped", message="the run ended before it")
    elif cell.outcome == "skipped":
        ET.SubElement(case, "skipped", message="tagged skip-execution")
    elif cell.outcome != "ok":
        more = f"\n{run.death}" if cell.outcome == "died" and run.death else ""
        _failure(case, cell.outcome, f"{cell.error or cell.outcome}{more}")


def _change(suite: ET.Element, change: Change) -> None:
    where = _safe(" ".join(part for part in (change.cell, change.figure) if part))
    case = ET.SubElement(suite, "testcase", classname=_safe(change.notebook), name=where)
    if change.verdict == "worse":
        _failure(case, "regression", change_line(change))


def _failure(case: ET.Element, kind: str, text: str) -> None:
    safe = _safe(text)
    first = (safe.splitlines() or [""])[0]
    ET.SubElement(case, "failure", type=kind, message=first).text = safe


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _safe(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
