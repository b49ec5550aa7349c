"""The notebook on tuning runs, headless, and shows what it says."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from support.notebooks import NOTEBOOKS, execute, is_kept_without_outputs, shown

NOTEBOOK = NOTEBOOKS / "05_tune.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return execute(NOTEBOOK, tmp_path_factory.mktemp("tune"))


def shown_by(cells: list[dict[str, Any]], start: str) -> list[str]:
    """What the cells that start like that show."""
    found = [shown(cell) for cell in cells if "".join(cell["source"]).startswith(start)]
    assert found, f"no cell starts with {start!r}"
    return found


def test_what_is_applied_is_measured_and_taken_back(cells: list[dict[str, Any]]) -> None:
    (listed,) = shown_by(cells, "found = ")
    assert "orders: 1 column as category" in listed and "as int32" in listed
    (applied,) = shown_by(cells, "chosen = ")
    assert "rows applied: gave back" in applied and "of an estimated" in applied
    small, whole = shown_by(cells, "orders.dtypes")
    assert "category" in small and "int32" in small
    assert "category" not in whole and "int32" not in whole
    assert shown_by(cells, "after = ") == ["True"]
    assert "rows undone" in shown_by(cells, "%pmat_recommend --undo")[0]
    assert "float32" in shown_by(cells, "with_loss = ")[0]


def test_pictures_are_shown(cells: list[dict[str, Any]]) -> None:
    for start in ("found.plot()", "applied.plot()"):
        (cell,) = (one for one in cells if "".join(one["source"]) == start)
        png = cell["outputs"][0]["data"]["image/png"]
        assert base64.b64decode(png).startswith(b"\x89PNG")


def test_the_dashboard_has_a_report_and_a_picture_beside_the_widget(
    cells: list[dict[str, Any]],
) -> None:
    (cell,) = (one for one in cells if "".join(one["source"]) == "%pmat_dashboard")
    data = cell["outputs"][0]["data"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert "your data" in shown(cell) and "<" in "".join(data["text/html"])
    assert str(2 * 1024**3) in shown_by(cells, "import pmat_nb as pmat")


def test_the_notebook_is_kept_without_outputs() -> None:
    assert is_kept_without_outputs(NOTEBOOK)
