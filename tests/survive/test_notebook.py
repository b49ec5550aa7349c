"""The notebook that shows all this runs, headless, and shows what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the guard needs /proc")

NOTEBOOK = Path(__file__).parent.parent.parent / "notebooks" / "02_survive.ipynb"
EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def _executed(folder: Path) -> list[dict[str, Any]]:
    kernels = folder / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    home = {"HOME": str(folder), "JUPYTER_PATH": str(folder / "jupyter")}
    home |= {"JUPYTER_DATA_DIR": str(folder / "jupyter"), "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, NOTEBOOK, folder / "done.ipynb"],
        env={**os.environ, **home},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads((folder / "done.ipynb").read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def _text(cell: dict[str, Any]) -> str:
    shown = ""
    for output in cell["outputs"]:
        data = output.get("data", {})
        shown += "".join(output.get("text", "") or data.get("text/plain", ""))
        shown += output.get("evalue", "")
    return shown


def test_the_notebook_shows_what_it_says(tmp_path: Path) -> None:
    cells = _executed(tmp_path)
    stopped = [
        cell
        for cell in cells
        if any(o.get("ename") == "MemoryLimitExceeded" for o in cell["outputs"])
    ]
    assert [cell["metadata"].get("tags") for cell in stopped] == [["raises-exception"]] * 3
    assert "rows in collect()" in _text(stopped[0]) and "given back" in _text(stopped[0])
    assert "refused" in _text(stopped[1]) and "Unable to allocate 14.9 GiB" in _text(stopped[1])
    assert "put back as they were: note, pieces" in _text(stopped[2])
    by_source = {"".join(cell["source"]): _text(cell) for cell in cells}
    assert by_source['note, "pieces" in globals()'] == "('three hours of work', False)"
    assert "2 restored" in by_source["%pmat_restore"]
    assert "too large for this machine" in "".join(by_source.values())


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert all(not c["outputs"] and c["execution_count"] is None for c in cells if "outputs" in c)
