"""A notebook that reloads or unloads the extension is measured, limited and judged as any other."""

from __future__ import annotations

import json

import pytest

from .running import run, write_notebook

LARGE = "x = bytearray(b'x') * 150_000_000"
LOAD, UNLOAD, RELOAD = "%load_ext pmat_nb", "%unload_ext pmat_nb", "%reload_ext pmat_nb"
CELLS = {
    "reload": [LOAD, RELOAD, LARGE],
    "reload in the cell": [LOAD, f"{RELOAD}\n{LARGE}"],
    "unload": [f"{LOAD}\n{UNLOAD}", LARGE],
    "unload and load": [LOAD, UNLOAD, LOAD, "%pmat", LARGE],
}


@pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS.keys())
def test_the_gate_sees_every_cell(folder, cells):
    (folder / "pmat.toml").write_text('[quality.gates.memory]\nmax_cell_memory = "50MB"\n')
    write_notebook(folder / "a.ipynb", cells)
    done = run("a.ipynb", "--format", "json")
    assert done.returncode == 3, done.stderr
    (notebook,) = json.loads(done.stdout)["notebooks"]
    assert [one["outcome"] for one in notebook["cells"]] == ["ok"] * len(cells)
    assert all(one["peak_bytes"] for one in notebook["cells"])
    (gate,) = notebook["gates"]
    assert gate["passed"] is False and gate["cell"] == f"In[{len(cells)}]"


@pytest.mark.parametrize("name", ["reload in the cell", "unload"])
def test_the_limit_holds_for_every_cell(folder, name):
    write_notebook(folder / "a.ipynb", CELLS[name])
    done = run("a.ipynb", "--limit-per-cell", "50MB", "--format", "json")
    assert done.returncode == 4, done.stderr
    (notebook,) = json.loads(done.stdout)["notebooks"]
    assert [one["outcome"] for one in notebook["cells"]] == ["ok", "stopped"]


def test_an_unloaded_extension_has_no_magics(folder):
    write_notebook(folder / "a.ipynb", [LOAD, UNLOAD, "%pmat"])
    done = run("a.ipynb")
    assert done.returncode == 1 and "%pmat` not found" in done.stdout
