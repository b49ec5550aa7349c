"""A notebook of the project, run headless in a kernel of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["NOTEBOOKS", "execute", "is_kept_without_outputs", "shown"]

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
_EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def execute(notebook: Path, folder: Path) -> list[dict[str, Any]]:
    """Its code cells with their outputs; ``folder`` is the kernel's home and working folder."""
    kernels = folder / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    home = {"HOME": str(folder), "JUPYTER_PATH": str(folder / "jupyter")}
    home |= {"JUPYTER_DATA_DIR": str(folder / "jupyter"), "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run(
        [sys.executable, "-c", _EXECUTE, notebook, folder / "done.ipynb"],
        env={**os.environ, **home},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads((folder / "done.ipynb").read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def shown(cell: dict[str, Any]) -> str:
    """What the cell shows, as text."""
    text = ""
    for output in cell["outputs"]:
        data = output.get("data", {})
        text += "".join(output.get("text", "") or data.get("text/plain", ""))
        text += output.get("evalue", "")
    return text


def is_kept_without_outputs(notebook: Path) -> bool:
    """Whether no cell holds results of an earlier run."""
    cells = json.loads(notebook.read_text())["cells"]
    return all(not c["outputs"] and c["execution_count"] is None for c in cells if "outputs" in c)
