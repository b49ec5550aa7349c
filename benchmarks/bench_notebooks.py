"""How much of a kernel's memory has no name after ordinary work: three notebooks."""

from __future__ import annotations

import json
from pathlib import Path

from .rows import Row

__all__ = ["NOTEBOOKS", "run", "unattributed"]

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = (
    ROOT / "notebooks" / "01_tour.ipynb",
    ROOT / "benchmarks" / "notebooks" / "pandas_strings.ipynb",
    ROOT / "benchmarks" / "notebooks" / "numpy_matplotlib.ipynb",
)


def unattributed(path: Path) -> tuple[int, int]:
    """(unattributed bytes, RSS) from the last ``--format json`` cell of an executed notebook."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    text = notebook.cells[-1].outputs[-1]["data"]["text/plain"]
    figures = json.loads(text)
    return figures["unattributed_bytes"], figures["rss_bytes"]


def run() -> list[Row]:
    rows = []
    for path in NOTEBOOKS:
        unnamed, rss = unattributed(path)
        share = unnamed / rss
        rows.append(
            Row(
                f"unattributed after `{path.name}`",
                f"{share:+.2%} ({unnamed / 2**20:+.0f} of {rss / 2**20:.0f} MB)",
                "no peer divides the RSS",
                "10% either way",
                abs(share) <= 0.10,
            )
        )
    return rows
