"""The notebook about managing memory runs, headless, and shows what it says."""

from __future__ import annotations

import sys

import pytest
from support.notebooks import NOTEBOOKS, execute, is_kept_without_outputs, shown

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: RSS is read from /proc"
)

NOTEBOOK = NOTEBOOKS / "03_manage.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each cell shows, by its source."""
    cells = execute(NOTEBOOK, tmp_path_factory.mktemp("notebook"))
    return {"".join(cell["source"]): shown(cell) for cell in cells}


def test_cleanup_shows_what_it_says(executed: dict[str, str]) -> None:
    assert "nothing was done" in executed["%pmat_cleanup --dry-run"]
    plain = executed["%pmat_cleanup"]
    assert "left alone: displayed objects 76 MB" in plain
    assert "left alone: frames of the last error 38 MB: %debug needs them" in plain
    aggressive = executed["%pmat_cleanup --aggressive"]
    assert "displayed objects" in aggressive and "frames of the last error" in aggressive
    assert executed["_, len(prices)"] == "(42, 100000)"


def test_views_become_copies(executed: dict[str, str]) -> None:
    found = next(text for source, text in executed.items() if source.endswith("--target analysis"))
    assert "first: small view of a large array 38 MB" in found
    assert "first: copy instead of view" in executed["%pmat_cleanup --target analysis --compact"]
    assert executed["first.base is None, first.sum()"].startswith("(True,")
    assert "functools cache table" in executed["%pmat_cleanup --target cache:table"]


def test_caches_buffers_and_strings_keep_to_their_budgets(executed: dict[str, str]) -> None:
    counted = next(text for source, text in executed.items() if "def spectrum" in source)
    assert "hits=10, misses=5" in counted
    assert "cache:spectrum" in executed["%pmat_pools --cache-stats"]
    assert next(t for s, t in executed.items() if "pmat.intern" in s) == "(50, True)"
    assert "Cache Pool" in executed["%pmat_pools"]
    assert "67% of 15 lookups" in executed["%pmat_pools --analyze cache"]
    smaller = next(text for source, text in executed.items() if "--cache-pool 2MB" in source)
    assert "entries=2" in smaller


def test_pressure_shows_what_would_happen_and_what_did(executed: dict[str, str]) -> None:
    assert "to MEDIUM at 0.30" in executed["%pmat_pressure"]
    assert "nothing of it done" in executed["%pmat_pressure --simulate critical --dry-run"]
    assert "done as at HIGH" in executed["%pmat_pressure --simulate high"]


def test_the_notebook_is_kept_without_outputs() -> None:
    assert is_kept_without_outputs(NOTEBOOK)
