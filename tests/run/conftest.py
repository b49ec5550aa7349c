"""Every test has a folder of its own to run in, which may keep what is written there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(isolated: Path, tmp_path: Path) -> Iterator[Path]:
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(isolated / "work")
