"""Where a ``pmat.toml`` lies: the project's and the machine's (the user's: engine.paths)."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FILE_NAME", "machine_file", "project_file"]

FILE_NAME = "pmat.toml"


def project_file(folder: Path) -> Path | None:
    """The nearest ``pmat.toml`` in ``folder`` or above it, or None."""
    for candidate in (folder, *folder.parents):
        path = candidate / FILE_NAME
        if path.is_file():
            return path
    return None


def machine_file() -> Path:
    """The machine's settings, which an administrator writes."""
    return Path("/etc/pmat") / FILE_NAME
