"""Imports run one way: errors, units, settings <- engine <- consumers, render <- session
<- widgets <- magics, cli, mcp; pytest_plugin is beside session, and mcp asks as cli
does. Read from the source, and seen in processes of their own.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pmat_nb

PACKAGE = Path(pmat_nb.__file__).parent
ROOT = PACKAGE.parent

# What each layer may import of the package, itself included. A layer not named here fails.
BASE = {"errors", "units", "settings", "configuration"}
ALLOWED = {
    "errors": set(),
    "units": {"errors"},
    "settings": {"errors", "units", "settings"},
    "configuration": BASE,
    "engine": BASE | {"engine"},
    "consumers": BASE | {"engine", "consumers"},
    "render": BASE | {"engine", "render"},
    "session": BASE | {"engine", "consumers", "render", "session"},
    "pytest_plugin": BASE | {"engine", "consumers", "render", "pytest_plugin"},
    "widgets": BASE | {"engine", "consumers", "render", "session", "widgets"},
    "magics": BASE | {"engine", "consumers", "render", "session", "widgets", "magics"},
    "cli": BASE | {"engine", "consumers", "render", "session", "widgets", "cli"},
    "mcp": BASE | {"engine", "consumers", "render", "session", "cli", "mcp"},
}
# The public face: it may name anything, inside functions.
FACES = {"__init__", "__main__"}
LAYERS = [*sorted(BASE), *(name for name in ALLOWED if name not in BASE)]
# Third-party packages a layer may import at all; the rest only where a kernel has them.
OUTSIDE = {
    **{layer: {"platformdirs", "tomlkit"} for layer in BASE},
    "engine": {"psutil", "cloudpickle", "platformdirs"},
    "consumers": set(),
}
# An array is what the user asks of them.
WANTED = {
    "consumers/managed/scratch.py": {"numpy"},
    # What --native asks for, and what it says how to install.
    "consumers/native.py": {"memray"},
    "consumers/native_reader.py": {"memray"},
}
# Modules that are nothing without their library; others import them inside functions.
LATE = {
    "pmat_nb.render.comparison_figure",
    "pmat_nb.render.leaks_figure",
    "pmat_nb.render.canvas",
    "pmat_nb.render.figures",
    "pmat_nb.render.pool_figure",
    "pmat_nb.render.profile_figure",
    "pmat_nb.widgets.dashboard",
    "pmat_nb.cli.run.papermill_engine",
    "pmat_nb.mcp.asking",
    "pmat_nb.mcp.finding_results",
    "pmat_nb.mcp.notebooks",
    "pmat_nb.mcp.results",
    "pmat_nb.mcp.run_results",
    "pmat_nb.mcp.server",
    "pmat_nb.mcp.tools",
}
HEAVY = {"pandas", "numpy", "matplotlib", "ipywidgets", "pyarrow", "torch", "polars"}


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute name) of every import in a file, those in functions included."""
    here = ["pmat_nb", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            # `from pmat_nb import errors` names a module in what it imports.
            names = [f"{base}.{a.name}" for a in node.names] if base == "pmat_nb" else [base]
            yield from ((node.lineno, name) for name in names)


def test_every_module_belongs_to_a_layer() -> None:
    assert {layer_of(path) for path in sources()} <= set(ALLOWED) | FACES


def test_imports_run_one_way() -> None:
    wrong = []
    for path in sources():
        layer = layer_of(path)
        for line, name in imports(path):
            package, _, rest = name.partition(".")
            target = rest.split(".")[0]
            if package != "pmat_nb" or layer in FACES or target == "__version__":
                continue
            if target not in ALLOWED[layer]:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {layer} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_lower_layers_import_no_libraries() -> None:
    wrong = []
    for path in sources():
        allowed = OUTSIDE.get(layer_of(path))
        for line, name in imports(path):
            top = name.split(".")[0]
            if allowed is None or top == "pmat_nb" or top in sys.stdlib_module_names:
                continue
            if top not in allowed | WANTED.get(path.relative_to(PACKAGE).as_posix(), set()):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: imports {name}")
    assert not wrong, "\n".join(wrong)


def imported_by(statements: str) -> set[str]:
    """Modules that a fresh interpreter has after ``statements`` and had not before."""
    code = (
        "import sys, json\nbefore = set(sys.modules)\n"
        f"{statements}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def modules_of(layer: str) -> list[str]:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources()
        # Modules made to be run as processes do their work when imported.
        if layer_of(path) == layer and path.stem != "__main__"
    ]
    return [name for name in names if name not in LATE]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_brings_in_no_layer_above_it(layer: str) -> None:
    seen = imported_by("\n".join(f"import {name}" for name in modules_of(layer)))
    ours = {name.split(".")[1] for name in seen if name.startswith("pmat_nb.")}
    assert ours <= ALLOWED[layer] | {layer}


@pytest.mark.parametrize("layer", ["engine", "consumers", "render", *sorted(BASE)])
def test_a_layer_brings_in_no_library(layer: str) -> None:
    """Importing it: what its functions need, they import when called."""
    seen = imported_by("\n".join(f"import {name}" for name in modules_of(layer)))
    outside = {n.split(".")[0] for n in seen} - set(sys.stdlib_module_names) - {"pmat_nb"}
    # Saving variables derives from cloudpickle's pickler; nothing at load imports it.
    outside -= {"cloudpickle", "typing_extensions"} if layer == "engine" else set()
    assert not outside


@pytest.mark.parametrize("layer", ["session", "widgets", "magics", "cli", "mcp", "pytest_plugin"])
def test_no_layer_brings_in_a_heavy_library(layer: str) -> None:
    seen = imported_by("\n".join(f"import {name}" for name in modules_of(layer)))
    assert not {name.split(".")[0] for name in seen} & HEAVY


def test_importing_the_package_is_light() -> None:
    seen = imported_by("import pmat_nb")
    assert {n for n in seen if n.startswith("pmat_nb")} == {"pmat_nb"}
    assert not {n.split(".")[0] for n in seen} - set(sys.stdlib_module_names) - {"pmat_nb"}


LATER = (
    *(f"pmat_nb.engine.{part}" for part in ("leaks", "pools", "profile", "sizing", "snapshot")),
    *(f"pmat_nb.session.{part}" for part in ("keeping", "profiling", "repeating", "reports")),
    "pmat_nb.consumers.namespace",
    "pmat_nb.widgets",
)


def test_loading_the_extension_is_light() -> None:
    """In a shell of its own: nothing heavy that IPython has not brought already."""
    seen = imported_by(
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell('1', store_history=False)\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'pmat_nb')\n"
        "assert 'pmat_stats' in shell.magics_manager.magics['line']\n"
        "found = sorted(set(sys.modules))\n"
        "shell.run_line_magic('unload_ext', 'pmat_nb')"
    )
    assert "pmat_nb.session" in seen and "cloudpickle" not in seen
    # What only a question or a save needs: each of them would cost every notebook some ms.
    assert not [name for name in seen if name.startswith(LATER)]
    assert not {name.split(".")[0] for name in seen} & HEAVY


def test_the_engine_works_in_a_plain_script() -> None:
    """Without IPython, pandas or numpy to be had at all."""
    blocked = "IPython", "ipykernel", "traitlets", *sorted(HEAVY)
    seen = imported_by(
        "".join(f"sys.modules[{name!r}] = None\n" for name in blocked)
        + "\n".join(f"import {name}" for name in modules_of("engine"))
    )
    assert "pmat_nb.engine" in seen


def test_the_engine_never_prints() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        if layer_of(path) in ("engine", "consumers", *sorted(BASE))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not wrong
