"""The pressure over time, and who is told of it: notices, responses, the report.

One sample per tick of the session's sampler. It costs under 100 µs, because files stay
open, the children's share comes from the guard, and the limit is found anew only once
a minute or when it is set.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pmat_nb.engine.history.slope import robust_slope
from pmat_nb.engine.pressure import (
    LEVELS,
    Gauge,
    Headroom,
    Readings,
    Threshold,
    headroom,
    rising,
    thresholds,
)
from pmat_nb.engine.pressure_records import (
    LevelPlan,
    PressureRecord,
    PressureSample,
    ResponseRun,
    Trend,
)
from pmat_nb.engine.records import Level, Limit, Pressure
from pmat_nb.errors import UsageError

from .bounds import enforced_limit
from .responding import Responder

if TYPE_CHECKING:
    from pmat_nb.render.pressure import PressureReport

    from .pools import PoolManager
    from .session import Session

__all__ = ["PressureMonitor"]

_KEPT = 3600
_LIMIT_KNOWN_S = 60.0
_TREND_S = 180.0
_TREND_POINTS = 60
_TREE_LEAST_S = 5.0
_TREE_SHARE_OF_A_CORE = 0.0005
_BOUNDS = ("pressure_low", "pressure_medium", "pressure_high")


class PressureMonitor:
    """Samples, the gauge that all reports share, and what follows from a level."""

    def __init__(self, session: Session, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._gauge = Gauge()
        self._limit: Limit | None = None
        self._limit_for: object = None
        self._limit_until = float("-inf")
        self._children_bytes = 0
        self._children_until = float("-inf")
        self.samples: deque[PressureSample] = deque(maxlen=_KEPT)
        self.responder = Responder(session, self, clock=clock)
        self.settings_changed()

    def settings_changed(self) -> None:
        """Take over settings that were changed."""
        low, medium, high = self._fractions()
        if rising(low, medium, high):
            self._gauge.bounds = thresholds(low, medium, high)
        self._limit_until = float("-inf")

    def close(self) -> None:
        """End a notification command that runs."""
        self.responder.close()

    # --- measuring --------------------------------------------------------------------

    @property
    def bounds(self) -> tuple[Threshold, ...]:
        """Where the levels begin, rising and falling."""
        return self._gauge.bounds

    def measure(self, readings: Readings) -> Pressure:
        """The pressure by these readings, with the level's memory of all reports."""
        return self._gauge.read(readings._replace(pools_fraction=self._pools_fraction()))

    def sample(self, rss_bytes: int | None) -> Pressure:
        """Measure and keep a sample."""
        readings = self.readings(rss_bytes)
        pressure = self.measure(readings)
        parts = pressure.parts
        self.samples.append(
            PressureSample(
                time.time(),
                pressure.fraction,
                pressure.level,
                readings.tree_bytes,
                parts["kernel"],
                parts["container"],
                parts["host"],
                parts["pools"],
                parts["psi"],
            )
        )
        return pressure

    def tick(self, rss_bytes: int | None) -> Pressure:
        """From the sampler's thread: a sample, and what follows from it."""
        pressure = self.sample(rss_bytes)
        self.responder.see(pressure)
        return pressure

    def cell_ended(self) -> None:
        """Where responses are on: look before the tasks between cells run."""
        if self.responder.on and self._age_s() > 0.2:
            self.tick(self._session.probe.rss_bytes())

    def readings(self, rss_bytes: int | None) -> Readings:
        """What pressure is measured from, now."""
        around = self._session.probe.surroundings()
        limit = self.limit()
        return Readings(
            tree_bytes=None if rss_bytes is None else max(0, rss_bytes + self._children(rss_bytes)),
            limit_bytes=limit.limit_bytes if limit is not None else None,
            containers=around.containers,
            host=around.host,
            psi=around.psi,
        )

    def limit(self) -> Limit | None:
        """The limit in force, as found within the last minute."""
        protector = self._session.protector
        standing = protector and (protector.standing.limit_bytes, protector.unavailable)
        if self._clock() >= self._limit_until or standing != self._limit_for:
            self._limit = enforced_limit(self._session)
            self._limit_for, self._limit_until = standing, self._clock() + _LIMIT_KNOWN_S
        return self._limit

    def _children(self, rss_bytes: int) -> int:
        """What descendants add to the RSS; without a guard at most 0.05% of a core."""
        protector = self._session.protector
        seen = protector.children_bytes if protector is not None else None
        if seen is not None:
            return seen
        started = self._clock()
        if started >= self._children_until:
            tree = self._session.tree()
            self._children_bytes = 0 if tree is None else tree.tree_bytes - rss_bytes
            took_s = self._clock() - started
            pause_s = max(_TREE_LEAST_S, took_s / _TREE_SHARE_OF_A_CORE)
            self._children_until = self._clock() + pause_s
        return self._children_bytes

    def _pools_fraction(self) -> float | None:
        """Use of the managed pools by their capacity; None before there are any."""
        pools: PoolManager | None = self._session.part_if_made("pools")
        managed = () if pools is None else pools.managed().values()
        enforced = [pool for pool in managed if pool.capacity_bytes]
        capacity = sum(pool.capacity_bytes or 0 for pool in enforced)
        return sum(pool.used_bytes for pool in enforced) / capacity if capacity else None

    def _age_s(self) -> float:
        return time.time() - self.samples[-1].at if self.samples else float("inf")

    def _fractions(self) -> tuple[float, float, float]:
        get = self._session.settings.get
        low, medium, high = (cast("float", get(key)) for key in _BOUNDS)
        return low, medium, high

    # --- the magic ----------------------------------------------------------------------

    def report(
        self, *, simulate: str | None = None, dry_run: bool = False, **changes: Any
    ) -> PressureReport:
        """``%pmat_pressure``: change what was asked for, simulate, and show where it stands.

        Raises:
            UsageError: levels that do not rise, or ``--dry-run`` with nothing to simulate.
        """
        from pmat_nb.render.pressure import PressureReport

        if dry_run and simulate is None:
            raise UsageError(
                "--dry-run: shows what --simulate would do; for example "
                "--simulate critical --dry-run"
            )
        self._change({key: value for key, value in changes.items() if value is not None})
        level = None if simulate is None else cast("Level", simulate.upper())
        asked = None
        if level is not None:
            asked = self.responder.simulate(level, dry_run=dry_run)
        return PressureReport(self.record(simulated=level, asked=asked))

    def _change(self, values: dict[str, Any]) -> None:
        if not values:
            return
        now = dict(zip(_BOUNDS, self._fractions(), strict=True))
        low, medium, high = (values.get(key, now[key]) for key in _BOUNDS)
        if not rising(low, medium, high):
            raise UsageError(
                f"--low {low:g}, --medium {medium:g}, --high {high:g}: each must be above the "
                "one before; for example --low 0.3 --medium 0.6 --high 0.8"
            )
        self._session.configure(values)

    def record(
        self, *, simulated: Level | None = None, asked: ResponseRun | None = None
    ) -> PressureRecord:
        """Where pressure stands now, where it goes, and what is done about it."""
        session, responder = self._session, self.responder
        readings = self.readings(session.probe.rss_bytes())
        pressure = self.measure(readings)
        collector = session.collector
        return PressureRecord(
            at=time.time(),
            pressure=pressure,
            tree_bytes=readings.tree_bytes,
            limit=enforced_limit(session, session.room()),
            bounds=self.bounds,
            headroom=self.headroom(readings, pressure.level),
            trend=trend(tuple(self.samples), time.time()),
            auto_respond=responder.on,
            exit_kernel=responder.may_exit,
            plans=self._plans(),
            runs=tuple(responder.runs),
            gc=collector.state(),
            collections=tuple(collector.recent),
            samples=tuple(self.samples),
            gc_share=collector.share(),
            simulated=simulated,
            asked=asked,
            waits_s=responder.waits_s(pressure.level),
            notes=self._notes(),
            gc_advice=collector.advice(),
        )

    def headroom(self, readings: Readings, level: Level | None) -> Headroom | None:
        """Bytes to the next level, by the bounds in force."""
        return headroom(readings, level, self.bounds)

    def _plans(self) -> tuple[LevelPlan, ...]:
        responses = self._session.settings.responses()
        starts = dict(zip(LEVELS, (0.0, *(bound.enter for bound in self.bounds)), strict=True))
        return tuple(
            LevelPlan(level, starts[level], self.responder.plan(level), responses[level].source)
            for level in LEVELS
        )

    def _notes(self) -> tuple[str, ...]:
        low, medium, high = self._fractions()
        if rising(low, medium, high):
            return ()
        return (f"low {low:g}, medium {medium:g}, high {high:g} do not rise: 0.3, 0.6, 0.8 hold",)


def trend(samples: tuple[PressureSample, ...], now: float) -> Trend | None:
    """How ``tree_bytes`` changed over the last three minutes; None from too few samples."""
    recent = [
        (s.at, float(s.tree_bytes)) for s in samples if s.tree_bytes and s.at > now - _TREND_S
    ]
    # The slope's cost grows with the square of the points.
    points = recent[:: len(recent) // _TREND_POINTS + 1]
    slope = robust_slope(points)
    if slope is None or slope.low == float("-inf"):
        return None
    span_s = points[-1][0] - points[0][0]
    return Trend(slope.value, slope.low, slope.high, span_s, not slope.excludes_zero)
