"""The page on figures explains every word that the reports use."""

from __future__ import annotations

from pathlib import Path

import pytest

from pmat_nb.render.variables import COLUMNS, variables_grid
from pmat_nb.session.ledger import POOL_TITLES

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "figures.md").read_text()
PARTS = [*POOL_TITLES.values(), "libraries", "allocator", "unattributed", "other"]
HEADERS = [column.header for column in variables_grid(()).columns]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_its_row(part: str) -> None:
    assert f"\n| {part} |" in PAGE


@pytest.mark.parametrize("header", HEADERS)
def test_every_column_is_explained(header: str) -> None:
    assert f"\n| {header} |" in PAGE or f"\n| {header}, " in PAGE or f", {header} |" in PAGE


@pytest.mark.parametrize("name", COLUMNS)
def test_every_frame_column_is_named(name: str) -> None:
    assert name.removesuffix("_bytes") in PAGE


@pytest.mark.parametrize(
    "word", ["usable", "free to you", "physical", "others", "psi", "host", "LOW 0.02", "1,048,576"]
)
def test_every_term_is_there(word: str) -> None:
    assert word in PAGE


def test_it_is_found_from_the_first_page() -> None:
    assert "docs/figures.md" in (ROOT / "README.md").read_text()
    assert "figures.md" in (ROOT / "docs" / "index.md").read_text()
