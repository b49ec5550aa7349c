"""The folders pmat_nb keeps its own files in, and whether they can be used.

Scope: the user's state folder (history, saved settings, whatever must outlive a
reboot) and runtime folder (what only a living kernel needs), found by platformdirs.
Nothing here raises for a home that is missing, read-only or someone else's: the
answer is a :class:`Folder` whose ``reason`` says why there is none, so that the
feature that wanted it can go without.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

__all__ = ["Folder", "history_dir", "make_private", "runtime_dir", "settings_file", "state_dir"]

_APP = "pmat_nb"
_HINT = "set XDG_STATE_HOME or HOME to a folder you can write to"


class Folder(NamedTuple):
    """A folder of ours. ``path`` is None where it cannot be used; ``reason`` says why."""

    path: Path | None
    reason: str = ""


def state_dir(*, create: bool = True) -> Folder:
    """The user's state folder for pmat_nb, made 0700 unless ``create`` is false."""
    try:
        from platformdirs import user_state_dir

        named = Path(user_state_dir(_APP, appauthor=False))
    except Exception as error:
        return Folder(None, f"no home folder: {error}; {_HINT}")
    if not named.is_absolute():
        # Without HOME and without an account entry, older platformdirs leave "~" as it
        # is, which would become a folder of that name beside the notebook.
        return Folder(None, f"no home folder: HOME is not set, this user has none; {_HINT}")
    return _usable(named, create)


def history_dir(*, create: bool = True) -> Folder:
    """The folder of the history files, inside :func:`state_dir`."""
    parent = state_dir(create=create)
    return parent if parent.path is None else _usable(parent.path / "history", create)


def runtime_dir(*, create: bool = True) -> Folder:
    """A folder for what only matters while the kernel lives, inside the user's own.

    It may lie in memory and be gone after a reboot. Where the system offers none
    that is the user's alone, ``run`` inside :func:`state_dir` serves.
    """
    named = _system_runtime_dir()
    if named is not None and _is_ours(named.parent) and not (create and make_private(named)):
        return Folder(named)
    parent = state_dir(create=create)
    return parent if parent.path is None else _usable(parent.path / "run", create)


def make_private(path: Path) -> str:
    """Make ``path`` a folder of this user's with mode 0700.

    Returns "" when it is one now, else the reason why not. Modes are not checked on
    Windows, where the profile folder's access list does this.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "nt":
            return ""
        found = path.stat()
        if found.st_uid != os.geteuid():
            return f"{path} belongs to another user; {_HINT}"
        if stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(0o700)
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                return f"{path} cannot be closed to other users on this file system; {_HINT}"
        if not os.access(path, os.W_OK | os.X_OK):
            return f"{path} is read-only; {_HINT}"
    except OSError as error:
        return f"{path} cannot be made or used ({error.strerror or error}); {_HINT}"
    return ""


def _usable(path: Path, create: bool) -> Folder:
    reason = make_private(path) if create else ""
    return Folder(None, reason) if reason else Folder(path)


def _system_runtime_dir() -> Path | None:
    try:
        from platformdirs import user_runtime_dir

        with warnings.catch_warnings():
            # Newer releases warn where XDG_RUNTIME_DIR is unset; we have a fallback.
            warnings.simplefilter("ignore")
            named = Path(user_runtime_dir(_APP, appauthor=False))
    except Exception:
        return None
    return named if named.is_absolute() else None


def _is_ours(path: Path) -> bool:
    """Whether ``path`` is a real folder that nobody else could swap under us.

    The runtime folder's parent may lie in a world-writable place, where anyone can
    make a folder of the expected name first.
    """
    try:
        found = path.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        return False
    return os.name == "nt" or (
        found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o022
    )


def settings_file() -> Path | None:
    """The user's own ``pmat.toml``, whether it exists or not; None without a home."""
    try:
        if sys.platform == "linux":
            # Asked whenever the extension is loaded, where importing platformdirs (5 ms)
            # counts; this is the rule it applies there (XDG base directories).
            base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
            folder = (base if base.is_absolute() else Path("~/.config").expanduser()) / _APP
        else:
            from platformdirs import user_config_dir

            folder = Path(user_config_dir(_APP, appauthor=False))
    except Exception:
        return None
    return folder / "pmat.toml" if folder.is_absolute() else None
