"""The notebook that shows all this runs, headless, and finds what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.notebooks import NOTEBOOKS, execute, is_kept_without_outputs, shown

NOTEBOOK = NOTEBOOKS / "04_leaks.ipynb"


@pytest.mark.newest
def test_the_notebook_finds_its_three_bugs(tmp_path: Path) -> None:
    cells = [("".join(cell["source"]), shown(cell)) for cell in execute(NOTEBOOK, tmp_path)]
    asked = [text for source, text in cells if source.startswith("%%pmat_leaks")]
    cache, mended, method, meant = asked
    assert "leak 0.9" in cache and "self._seen[key] = np.ones(50_000)" in cache
    assert "Loader._seen → dict of 40 ndarray" in cache
    assert "nothing leaks" in mended
    assert "functools cache of Model.summary" in method and "maxsize" in method
    assert "kept on purpose: losses (your variable)" in meant and "leak" not in meant
    (figures,) = (text for source, text in cells if "track_leaks" in source)
    assert "leak 0." in figures and "plt.subplots" in figures and "close" in figures
    (profile,) = (text for source, text in cells if source.startswith("%%pmat_profile"))
    assert "(exact)" in profile and "scaled = (grid * 2 + 1) @ grid" in profile


def test_the_notebook_is_kept_without_outputs() -> None:
    assert is_kept_without_outputs(NOTEBOOK)
