"""What a kernel tells of itself to other processes of its user, and how often.

The sampler's thread writes the beacon (``engine/beacon.py``) when something has changed, and
every few seconds where nothing has. Its sample costs next to nothing. The attribution to
pools takes some 20 ms, so it is only there once somebody has asked this kernel for it, and
made anew as rarely as its cost demands; sizes in it are those of the last sizing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.beacon import Beacon, encode
from pmat_nb.engine.history.process import this_process
from pmat_nb.engine.kernels import kernel_id_of
from pmat_nb.engine.records import Pressure
from pmat_nb.engine.stats_records import MoreVariables, PoolItem, PoolRecord, StatsRecord
from pmat_nb.units import MIB

if TYPE_CHECKING:
    from .session import Session

__all__ = ["BeaconKeeper", "connection_file"]

_EVERY_S = 5.0
_CHANGED_BYTES = MIB
_DETAIL_LEAST_S = 2.0
_DETAIL_EVERY_S = 15.0
_DETAIL_SHARE_OF_A_CORE = 0.0005
# What another process is told of by name; the others as one sum.
_VARIABLES = 50
_ITEMS = 20


class BeaconKeeper:
    """One per kernel; ``look`` comes from the sampler's thread."""

    def __init__(self, session: Session, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._beacon = Beacon(this_process())
        self._fixed = _fixed(session)
        self._said: tuple[object, ...] = ()
        self._said_rss = 0
        self._said_at = float("-inf")
        self._detail: str | None = None
        self._detail_at = float("-inf")
        self._detail_cost_s = 0.0
        self._detail_of: float | None = None

    def settings_changed(self) -> None:
        """The next look tells of it."""
        self._said_at = float("-inf")

    def close(self) -> None:
        """The kernel ends: nothing is left of it."""
        self._beacon.close()

    def look(self, rss_bytes: int | None) -> None:
        """Write what is news; OSError where that cannot be."""
        now = self._clock()
        detailed = self._look_closer(now)
        pressure = self._session.pressure.samples[-1] if self._session.pressure.samples else None
        head = self._head()
        said = (head["busy"], self._session.last_cell, pressure and pressure.level)
        moved = abs((rss_bytes or 0) - self._said_rss) >= _CHANGED_BYTES
        if not (detailed or moved or said != self._said or now - self._said_at >= _EVERY_S):
            return
        self._beacon.write({**self._fixed, **head}, encode(self._sample(rss_bytes)), self._detail)
        self._said, self._said_rss, self._said_at = said, rss_bytes or 0, now

    def _look_closer(self, now: float) -> bool:
        """Attribute anew where it is due; whether that was done."""
        reporter = self._session.reporter_if_made()
        if reporter is None or self._looked_for_leaks():
            return False
        pause_s = max(_DETAIL_EVERY_S, self._detail_cost_s / _DETAIL_SHARE_OF_A_CORE)
        due_s = _DETAIL_LEAST_S if reporter.sized_at != self._detail_of else pause_s
        if now - self._detail_at < due_s:
            return False
        started = time.thread_time()
        self._detail_of = reporter.sized_at
        self._detail = encode(_largest(reporter.record()))
        self._detail_cost_s = time.thread_time() - started
        self._detail_at = now
        return True

    def _looked_for_leaks(self) -> bool:
        """Whether what is kept here would count as growth of what is looked at."""
        leaks = self._session.part_if_made("leaks")
        if leaks is not None and leaks.tracking:
            return True
        tracing = sys.modules.get("tracemalloc")
        all_along = self._session.settings.get("track") == "full"
        return tracing is not None and tracing.is_tracing() and not all_along

    def _head(self) -> dict[str, Any]:
        protector = self._session.protector
        return {
            "busy": self._session.meter.busy,
            "bounds": [bound.enter for bound in self._session.pressure.bounds],
            "left_out": list(protector.guard_pids) if protector is not None else [],
        }

    def _sample(self, rss_bytes: int | None) -> StatsRecord:
        """What is known without a further look."""
        session = self._session
        monitor = session.pressure
        seen = monitor.samples[-1] if monitor.samples else None
        parts = {} if seen is None else {
            name: getattr(seen, name) for name in ("kernel", "container", "host", "pools", "psi")
        }  # fmt: skip
        return StatsRecord(
            timestamp=time.time(),
            rss_bytes=rss_bytes,
            tree_bytes=seen.tree_bytes if seen else None,
            children_bytes=None,
            baseline_bytes=session.at_load.baseline_bytes,
            imports_bytes=None,
            slack_bytes=None,
            unattributed_bytes=None,
            not_resident_bytes=None,
            device_bytes=None,
            limit=monitor.limit(),
            usable_bytes=None,
            host=session.probe.surroundings().host,
            others_bytes=None,
            pressure=Pressure(seen.fraction, seen.level, parts) if seen else Pressure(None, None),
            pools=(),
            variables=(),
            gc=session.collector.state(),
            cell=session.last_cell,
            sizing=None,
        )


def connection_file(shell: Any) -> str | None:
    """The file that tells how to talk to this shell's kernel; None where it has none."""
    kernel = getattr(shell, "kernel", None)
    path = getattr(getattr(kernel, "parent", None), "abs_connection_file", None)
    return str(path) if path else None


def _fixed(session: Session) -> dict[str, Any]:
    from pmat_nb import __version__

    path = connection_file(session.shell) or ""
    notebook = session.recording.notebook()
    return {
        "kernel_id": kernel_id_of(path),
        "connection_file": path,
        "notebook": notebook.name,
        "notebook_key": notebook.key,
        "notebook_source": notebook.source,
        "python": sys.executable or "",
        "pmat": __version__,
    }


def _largest(record: StatsRecord) -> StatsRecord:
    """``record`` with a bounded number of names in it, whatever the namespace holds."""
    rest = record.variables[_VARIABLES:]
    more = record.more_variables
    if rest:
        retained = sum(row.retained_bytes for row in rest)
        complete = all(row.complete for row in rest)
        more = (*more, MoreVariables("", len(rest), retained, complete))
    return record._replace(
        variables=record.variables[:_VARIABLES],
        more_variables=more,
        pools=tuple(map(_with_largest, record.pools)),
    )


def _with_largest(pool: PoolRecord) -> PoolRecord:
    items = sorted(pool.items, key=lambda item: -item.used_bytes)
    rest = items[_ITEMS:]
    if not rest:
        return pool
    used = sum(item.used_bytes for item in rest)
    summed = PoolItem(f"{len(rest):,} more", used, complete=all(item.complete for item in rest))
    return pool._replace(items=(*items[:_ITEMS], summed))
