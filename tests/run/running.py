"""Notebooks made for a test, and ``pmat-nb run`` on them in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pmat_nb.engine.paths import state_dir

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def cell(source: str, *tags: str) -> dict[str, Any]:
    metadata = {"tags": list(tags)} if tags else {}
    return {
        "cell_type": "code",
        "source": source,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
    }


def write_notebook(path: Path, cells: Sequence[str | dict[str, Any]]) -> Path:
    made = [one if isinstance(one, dict) else cell(one) for one in cells]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {"kernelspec": KERNEL},
        "cells": made,
    }
    path.write_text(json.dumps(notebook))
    return path


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "pmat_nb", "run", *map(str, words)]


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=180,
    )


def read(path: str | Path) -> Any:
    return json.loads(Path(path).read_text())


def code_cells(path: str | Path) -> list[dict[str, Any]]:
    return [one for one in read(path)["cells"] if one["cell_type"] == "code"]


def lines(path: str | Path) -> list[dict[str, Any]]:
    """A log's lines, each of them whole."""
    text = Path(path).read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def journals() -> list[str]:
    """What says of a kernel that it has not ended in order."""
    state = state_dir(create=False).path
    return [] if state is None else [path.name for path in (state / "journal").glob("*")]
