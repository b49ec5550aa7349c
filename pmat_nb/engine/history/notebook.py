"""Which notebook a kernel belongs to.

Scope: a stable key and a name to show, from what front ends leave behind. Kernels
are not told their notebook, so this is best effort: Jupyter Server sets
``JPY_SESSION_NAME``, VS Code puts ``__vsc_ipynb_file__`` into the user's
namespace, and otherwise all notebooks of one working folder count as one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Notebook", "identify_notebook"]


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook's identity.

    ``key`` is the same in every session of the notebook on this machine; ``name``
    is for people; ``source`` says how it was found out.
    """

    key: str
    name: str
    source: Literal["jupyter", "vscode", "folder", "unknown"]


def identify_notebook(
    environ: Mapping[str, str],
    user_ns: Mapping[str, object],
    cwd: str | None = None,
) -> Notebook:
    """The notebook of this kernel; never raises.

    ``cwd`` defaults to the working folder. Call it when the extension is loaded:
    later cells may change the working folder or the namespace.
    """
    folder = _working_folder() if cwd is None else cwd
    session_name = environ.get("JPY_SESSION_NAME", "")
    if session_name.strip():
        return _from_path(session_name, folder, "jupyter")
    vscode_file = user_ns.get("__vsc_ipynb_file__")
    # The namespace is the user's: only a plain string can be trusted to behave.
    if type(vscode_file) is str and vscode_file.strip():
        return _from_path(vscode_file, folder, "vscode")
    if folder:
        return Notebook(folder, Path(folder).name or folder, "folder")
    return Notebook("unknown", "unknown notebook", "unknown")


def _from_path(text: str, folder: str, source: Literal["jupyter", "vscode"]) -> Notebook:
    # Collaborative sessions mark the drive in the file's name: "RTC:tour.ipynb".
    parent, name = os.path.split(text.strip())
    name = name.removeprefix("RTC:") or text.strip()
    # No file is touched: symbolic links stay, a network home cannot stall the load.
    key = os.path.normpath(Path(folder, parent, name))
    return Notebook(key, name, source)


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""
