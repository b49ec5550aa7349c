"""Notebook-like namespaces, and real processes that save and restore."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pmat_nb
from pmat_nb.engine import snapshot

ROOT = Path(pmat_nb.__file__).resolve().parent.parent


def notebook(code: str) -> dict[str, Any]:
    """The namespace after a cell with ``code`` ran in it."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(textwrap.dedent(code), "In[1]", "exec"), namespace)
    return namespace


def variables(namespace: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in namespace.items() if not name.startswith("_")}


class Folder:
    """A folder with a key, where states are saved and restored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "keys" / "state.key"
        self.path = folder / "state.pmat"

    def save(self, values: Mapping[str, Any], **options: Any) -> snapshot.SaveReport:
        return snapshot.save(values, self.path, key_path=self.key, **options)

    def restore(self, names: Any = None, into: Any = None) -> dict[str, Any]:
        into = {} if into is None else into
        snapshot.restore(self.path, names, into=into, key_path=self.key)
        return dict(into)

    def round_trip(self, value: Any) -> Any:
        report = self.save({"value": value})
        assert report.skipped == ()
        return self.restore()["value"]

    def reason(self, value: Any) -> str:
        """Why ``value`` is skipped, while its neighbours are saved."""
        report = self.save({"before": [1], "value": value, "after": [2]})
        assert [item.name for item in report.saved] == ["before", "after"]
        assert self.restore() == {"before": [1], "after": [2]}
        ((name, reason),) = report.skipped
        assert name == "value"
        return reason

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob(".pmat*"))


PRELUDE = """
import os, sys, time
from pathlib import Path
from pmat_nb.engine import snapshot
from pmat_nb.errors import StateFileError
path, key = Path(sys.argv[1]), Path(sys.argv[2])
"""


def child(folder: Folder, code: str, **options: Any) -> subprocess.Popen[str]:
    """A started Python process that runs ``code`` after :data:`PRELUDE`, as a script."""
    script = PRELUDE + textwrap.dedent(code)
    command = [sys.executable, "-c", script, str(folder.path), str(folder.key)]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, **options
    )


def run(folder: Folder, code: str, **options: Any) -> str:
    """What the child printed; it must end well."""
    process = child(folder, code, **options)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out
