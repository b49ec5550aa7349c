"""Which project files may act: those that the user trusted, as they were then.

Trust is bound to a file's path and content: one changed byte ends it. The list lies in
the user's state folder, readable and writable by the user alone; a list that others
could have written is not believed.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from pmat_nb.errors import StateFileError

from .writing import write_atomically

__all__ = ["TrustList"]


class TrustList:
    """The trusted files. ``folder`` gives the state folder, or None where there is none."""

    def __init__(self, folder: Callable[[], Path | None]) -> None:
        self._folder = folder

    def trusts(self, path: Path, content: bytes) -> bool:
        """Whether the file at ``path`` was trusted with exactly this content."""
        return self._read().get(_name(path)) == _hash(content)

    def trust(self, path: Path, content: bytes) -> None:
        """Trust the file at ``path`` as long as its content stays as it is.

        Raises:
            StateFileError: it cannot be remembered, with the reason.
        """
        folder = self._folder()
        if folder is None:
            raise StateFileError(
                "trust cannot be remembered: there is no state folder; set XDG_STATE_HOME or "
                "HOME to a folder you can write to"
            )
        known = {**self._read(), _name(path): _hash(content)}
        text = json.dumps(known, indent=1, sort_keys=True)
        write_atomically(folder / "trusted.json", text.encode(), mode=0o600)

    def _read(self) -> dict[str, str]:
        folder = self._folder()
        if folder is None:
            return {}
        try:
            with (folder / "trusted.json").open("rb") as file:
                if not _is_private(os.fstat(file.fileno())):
                    return {}
                found = json.load(file)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _is_private(found: os.stat_result) -> bool:
    if os.name == "nt":
        return True
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _name(path: Path) -> str:
    return str(path.resolve())


def _hash(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()
