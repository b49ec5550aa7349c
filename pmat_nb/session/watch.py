"""``%pmat_stats --watch``: one display that refreshes itself.

In Jupyter a thread updates an output in place while later cells run. In a terminal
the table is redrawn until Ctrl-C. Each refresh uses the last sizing, with its age,
and the pauses grow so that watching costs at most 0.5% of a core.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pmat_nb.engine.log import LogWriter

    from .reports import Reporter
    from .session import Session

__all__ = ["Watch", "start_watch"]

_SHARE_OF_A_CORE = 0.005
_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


class Watch:
    """Calls ``refresh`` every ``period_s`` in a thread until stopped.

    Errors end it and go to ``on_error``. ``stop`` waits for a refresh under way.
    """

    def __init__(
        self,
        refresh: Callable[[], None],
        period_s: float,
        on_error: Callable[[BaseException], None],
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._refresh = refresh
        self._period_s = period_s
        self._on_error = on_error
        self._on_stop = on_stop
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pmat_nb watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; idempotent."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            while True:
                cost_s = _cpu_of(self._refresh)
                if self._stop.wait(pause_s(self._period_s, cost_s)):
                    break
        except Exception as problem:
            self._on_error(problem)
        finally:
            self._on_stop()


def pause_s(period_s: float, cost_s: float) -> float:
    """The pause after a refresh that took ``cost_s`` seconds of a core."""
    return max(period_s, cost_s / _SHARE_OF_A_CORE)


def _cpu_of(action: Callable[[], None]) -> float:
    started = time.thread_time()
    action()
    return time.thread_time() - started


def start_watch(
    session: Session, reporter: Reporter, period_s: float, format: str | None, output: str | None
) -> Watch | None:
    """Start watching: into a file, a notebook output, or (until Ctrl-C) a terminal."""
    reporter.stats()
    if output is not None:
        return _into_file(session, reporter, period_s, output)
    if getattr(session.shell, "kernel", None) is not None:
        return _in_notebook(session, reporter, period_s, format)
    _in_terminal(reporter, period_s, format)
    return None


def _into_file(session: Session, reporter: Reporter, period_s: float, output: str) -> Watch:
    from pmat_nb.engine.log import LogWriter
    from pmat_nb.render.stats import Stats

    log: LogWriter = LogWriter(output)
    return Watch(
        lambda: log.write(Stats(reporter.record()).to_dict()),
        period_s,
        lambda problem: session.faults.report("%pmat_stats --watch", problem),
        log.close,
    )


def _in_notebook(
    session: Session, reporter: Reporter, period_s: float, format: str | None
) -> Watch:
    from IPython.display import display

    show: Any = display
    handle = show(_shown(reporter, format), display_id=True)
    return Watch(
        lambda: handle.update(_shown(reporter, format)),
        period_s,
        lambda problem: session.faults.report("%pmat_stats --watch", problem),
    )


def _in_terminal(reporter: Reporter, period_s: float, format: str | None) -> None:
    try:
        while True:
            started = time.thread_time()
            print(f"{_HOME_AND_CLEAR}{_shown(reporter, format)}\n(Ctrl-C stops)", flush=True)
            time.sleep(pause_s(period_s, time.thread_time() - started))
    except KeyboardInterrupt:
        print(file=sys.stdout)


def _shown(reporter: Reporter, format: str | None) -> Any:
    from pmat_nb.render.shown import in_format
    from pmat_nb.render.stats import Stats

    return in_format(Stats(reporter.record()), format)
