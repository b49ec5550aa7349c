"""The notebook that shows all this runs, headless, and shows what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.notebooks import NOTEBOOKS, execute, is_kept_without_outputs, shown

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: the guard needs /proc"
)

NOTEBOOK = NOTEBOOKS / "02_survive.ipynb"


def test_the_notebook_shows_what_it_says(tmp_path: Path) -> None:
    cells = execute(NOTEBOOK, tmp_path)
    stopped = [
        cell
        for cell in cells
        if any(o.get("ename") == "MemoryLimitExceeded" for o in cell["outputs"])
    ]
    assert [cell["metadata"].get("tags") for cell in stopped] == [["raises-exception"]] * 3
    assert "rows in collect()" in shown(stopped[0]) and "given back" in shown(stopped[0])
    assert "refused" in shown(stopped[1]) and "Unable to allocate 14.9 GiB" in shown(stopped[1])
    assert "put back as they were: note, pieces" in shown(stopped[2])
    by_source = {"".join(cell["source"]): shown(cell) for cell in cells}
    assert by_source['note, "pieces" in globals()'] == "('three hours of work', False)"
    assert "2 restored" in by_source["%pmat_restore"]
    assert "too large for this machine" in "".join(by_source.values())


def test_the_notebook_is_kept_without_outputs() -> None:
    assert is_kept_without_outputs(NOTEBOOK)
