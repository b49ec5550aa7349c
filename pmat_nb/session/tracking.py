"""``PMAT_MEMORY_TRACK``: the kernel's figures into a log, and on wish every allocation.

``on`` appends a line (``Stats.to_dict()``) every ten sample intervals to a file of this
kernel in the state folder, with ``counters`` (heap, blocks, libraries' pools), ``cells``
(what each cell that ran again since the line before kept) and ``suspects``; ``full`` also
starts ``tracemalloc`` and adds ``traced_bytes`` and ``traced_peak_bytes``. What others
started is left running.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session
    from .watch import Watch

__all__ = ["Tracker"]

_EVERY = 10
_LOGS_KEPT = 20
_COST = (
    "pmat_nb: tracing every allocation: code that makes many objects runs 8 to 11 times "
    "slower, numeric code as before; end it: %pmat_configure --track on"
)


class Tracker:
    """Follows the setting ``track``; made when it is first other than ``off``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._watch: Watch | None = None
        self._started_tracing = False
        self.path: Path | None = None

    def settings_changed(self) -> None:
        """Start or stop as the setting says; what fails is said once and left."""
        mode = self._session.settings.get("track")
        guard = self._session.faults.guard("track")
        if mode == "off":
            self.close()
            return
        if self._watch is None:
            guard(self._start_log)()
        if mode == "full":
            guard(self._start_tracing)()
        else:
            self._stop_tracing()

    def close(self) -> None:
        """End the log and the tracing that this session started."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
        self._stop_tracing()

    def _start_log(self) -> None:
        from pmat_nb.engine.log import LogWriter

        from .watch import Watch

        session = self._session
        self.path = _new_path()
        log = LogWriter(self.path)
        session.reporter()  # made here, not in the thread
        self.path.chmod(0o600)
        interval = session.settings.get("sample_interval")
        self._watch = Watch(
            lambda: log.write(self._figures()),
            _EVERY * float(interval) if isinstance(interval, (int, float)) else float(_EVERY),
            lambda problem: session.faults.report("track", problem),
            log.close,
        )
        session.say(f"pmat_nb: tracking memory in {self.path}")

    def _figures(self) -> dict[str, Any]:
        from pmat_nb.render.stats import Stats

        figures = Stats(self._session.reporter().record()).to_dict()
        if self._started_tracing:
            import tracemalloc

            held, peak = tracemalloc.get_traced_memory()
            figures |= {"traced_bytes": held, "traced_peak_bytes": peak}
        return figures | self._session.suspects.log_figures()

    def _start_tracing(self) -> None:
        import tracemalloc

        if not tracemalloc.is_tracing():
            tracemalloc.start()
            self._started_tracing = True
            self._session.say(_COST)

    def _stop_tracing(self) -> None:
        if self._started_tracing:
            import tracemalloc

            tracemalloc.stop()
            self._started_tracing = False


def _new_path() -> Path:
    """A new file in the state folder's ``track``, where the oldest of too many make room."""
    from pmat_nb.engine.paths import make_private, state_dir
    from pmat_nb.errors import UnavailableError

    parent = state_dir()
    reason = parent.reason if parent.path is None else make_private(parent.path / "track")
    if parent.path is None or reason:
        raise UnavailableError(reason)
    folder = parent.path / "track"
    for old in sorted(folder.glob("*.ndjson"))[: -_LOGS_KEPT + 1]:
        with suppress(OSError):  # another kernel took it out first
            old.unlink()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return folder / f"{stamp}-{os.getpid()}.ndjson"
