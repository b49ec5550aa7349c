"""How the kernel of a run died: its exit status, its guard's certificate, its journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pmat_nb.engine.journal import Death, read_deaths
from pmat_nb.engine.paths import state_dir
from pmat_nb.session.deaths import cause_text, death_text, oom_killed

__all__ = ["cause_of_death", "exit_of", "forget_death", "last_words"]

# The guard writes its certificate a moment after the death.
_CERTIFICATE_S = 3.0
_WORDS_BYTES = 16 * 1024


def exit_of(manager: Any) -> Callable[[], int | None]:
    """What tells a local kernel's exit status once it has ended: negative for a signal."""
    process = getattr(getattr(manager, "provisioner", None), "process", None)

    def status() -> int | None:
        found = process.poll() if process is not None else None
        return found if isinstance(found, int) else None

    return status


def cause_of_death(started: dict[str, Any], status: int | None) -> tuple[str, bool]:
    """In which cell, with how much memory and of what; one line, and
    whether an OOM killer acted. Waits for the certificate.

    What the kernel left for the next one of its notebook is removed: it has been told here.
    """
    exit = {
        "signal": -status if status and status < 0 else None,
        "code": status if status is not None and status >= 0 else None,
    }
    death = _found(started)
    if death is None:
        return cause_text({"exit": exit}), False
    seen = {**death.certificate}
    if status is not None or "exit" not in seen:
        seen["exit"] = exit
    told = death_text(death._replace(certificate=seen), ())
    told = told.removeprefix("pmat_nb: ")
    return told.replace("the last kernel of this notebook", "the kernel"), bool(oom_killed(seen))


def last_words(path: Path) -> tuple[str, ...]:
    """The last lines that a kernel's process wrote by itself, less Jupyter's own."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _WORDS_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    said = [line.strip() for line in lines if line.strip() and "[IPKernelApp]" not in line]
    return tuple(f"the kernel's last words: {line[:200]}" for line in said[-3:])


def forget_death(started: dict[str, Any]) -> None:
    """Remove what is left of a kernel that this run has ended itself."""
    _found(started, wait=False)


def _found(started: dict[str, Any], *, wait: bool = True) -> Death | None:
    state = state_dir(create=False)
    if state.path is None or "pid" not in started:
        return None
    folder, pid = state.path / "journal", started["pid"]
    if wait:
        _wait_for_certificate(folder, pid)

    def is_alive(record: Any) -> bool:
        # Those of other kernels are told at the next %load_ext of their notebook.
        return bool(record.get("pid") != pid)

    deaths = read_deaths(folder, is_alive, notebook=started["notebook_key"])
    return deaths[-1] if deaths else None


def _wait_for_certificate(folder: Any, pid: int) -> None:
    import json
    from contextlib import suppress

    mine = []
    for path in folder.glob("*.journal"):
        with suppress(OSError, ValueError, AttributeError):
            if json.loads(path.read_text(encoding="utf-8")).get("pid") == pid:
                mine.append(path.with_suffix(".certificate"))
    until = time.monotonic() + _CERTIFICATE_S
    while time.monotonic() < until and not all(path.exists() for path in mine):
        time.sleep(0.05)
