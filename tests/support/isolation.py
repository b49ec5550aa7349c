"""The environment of processes that tests start: nothing of the user's is read or written."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["isolated"]

_PLACES = {
    "HOME": "home",
    "XDG_CONFIG_HOME": "home/.config",
    "XDG_CACHE_HOME": "home/.cache",
    "XDG_DATA_HOME": "home/.local/share",
    "XDG_STATE_HOME": "home/.local/state",
    "JUPYTER_CONFIG_DIR": "home/.jupyter",
    "JUPYTER_DATA_DIR": "home/.local/share/jupyter",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "XDG_RUNTIME_DIR": "user",
    "IPYTHONDIR": "home/.ipython",
    "TMPDIR": "tmp",
}
# What would make a kernel behave otherwise here than on the next machine.
_DROPPED = ("PMAT_", "PYTEST_", "JPY_", "MEM_LIMIT", "JUPYTER_PATH", "PYTHONSTARTUP")


def isolated(folder: Path) -> dict[str, str]:
    """The environment of a process that keeps to ``folder``."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED)}
    for name, place in _PLACES.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        env[name] = str(folder / place)
    return env | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
