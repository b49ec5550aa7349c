"""A notification command: no shell, no input, no output, ten seconds.

What it is told comes in its environment: ``PMAT_PRESSURE_LEVEL``, ``PMAT_PRESSURE``
(the fraction), ``PMAT_TREE_BYTES``, ``PMAT_LIMIT_BYTES``, and ``PMAT_SIMULATED=1`` where a
level is simulated. Whether a command may run at all is the configuration's to decide.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

__all__ = ["TIMEOUT_S", "Notifier", "told"]

TIMEOUT_S = 10.0


def told(
    level: str,
    fraction: float | None,
    tree_bytes: int | None,
    limit_bytes: int | None,
    *,
    simulated: bool,
) -> dict[str, str]:
    """The variables that a command gets; what is not known is left out."""
    known = {
        "PMAT_PRESSURE_LEVEL": level,
        "PMAT_PRESSURE": None if fraction is None else f"{fraction:.4f}",
        "PMAT_TREE_BYTES": tree_bytes,
        "PMAT_LIMIT_BYTES": limit_bytes,
        "PMAT_SIMULATED": 1 if simulated else None,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


class Notifier:
    """Runs one command at a time, in a thread of its own.

    ``on_failure`` is called from that thread, with the reason in words.
    """

    def __init__(self, on_failure: Callable[[str], None], *, timeout_s: float = TIMEOUT_S) -> None:
        self._on_failure = on_failure
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._closing = False

    def start(self, command: Sequence[str], told: Mapping[str, str]) -> bool:
        """Run it without waiting; False where the one before still runs."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._thread = threading.Thread(
            target=self._report, args=(command, told), name="pmat_nb notification", daemon=True
        )
        self._thread.start()
        return True

    def run(self, command: Sequence[str], told: Mapping[str, str]) -> str:
        """Run it and wait; why it failed, empty where it did not."""
        import shlex
        import subprocess

        name = shlex.join(command)
        try:
            self._process = process = subprocess.Popen(
                list(command),
                env={**os.environ, **told},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as problem:
            return f"{name} did not start: {problem}"
        try:
            status = process.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            self._end(process)
            return f"{name} took longer than {self._timeout_s:g} s and was ended"
        finally:
            self._process = None
        return f"{name} ended with status {status}" if status else ""

    def close(self) -> None:
        """End a command that runs, and its thread."""
        self._closing = True
        process, thread = self._process, self._thread
        if process is not None:
            self._end(process)
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _report(self, command: Sequence[str], told: Mapping[str, str]) -> None:
        failure = self.run(command, told)
        if failure and not self._closing:
            self._on_failure(failure)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
