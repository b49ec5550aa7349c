"""The parts of a session that are made when something first needs them."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from .cleaning import Cleaner
    from .collecting import Collector
    from .defragmenting import Defragmenter
    from .leaking import Leaks
    from .pools import PoolManager
    from .pressure import PressureMonitor
    from .profiling import Profiling
    from .recommending import Recommender
    from .repeating.arming import Repeater
    from .suspecting import Suspects

__all__ = ["Parts"]

_P = TypeVar("_P")


class Parts:
    """What `Session` adds to; each part has ``settings_changed`` and ``close``.

    None of them is imported before it is asked for: loading the extension stays light.
    """

    def __init__(self) -> None:
        self._parts: dict[str, Any] = {}
        self._making = RLock()

    @property
    def pools(self) -> PoolManager:
        """The managed pools: caches, scratch buffers, interned strings, parsed trees."""
        from .pools import PoolManager

        return self.keep("pools", PoolManager)

    @property
    def cleaner(self) -> Cleaner:
        """What plans and carries out a cleanup."""
        from .cleaning import Cleaner

        return self.keep("cleaner", Cleaner)

    @property
    def pressure(self) -> PressureMonitor:
        """The pressure over time, and the responses to it."""
        from .pressure import PressureMonitor

        return self.keep("pressure", PressureMonitor)

    @property
    def collector(self) -> Collector:
        """What schedules garbage collections between cells."""
        from .collecting import Collector

        return self.keep("collector", Collector)

    def part_if_made(self, name: str) -> Any:
        """A part that something has asked for already, or None."""
        return self._parts.get(name)

    @property
    def defragmenter(self) -> Defragmenter:
        """What compacts wasteful pools between cells."""
        from .defragmenting import Defragmenter

        return self.keep("defragmenter", Defragmenter)

    @property
    def leaks(self) -> Leaks:
        """The tracked run of ``%pmat_leaks``."""
        from .leaking import Leaks

        return self.keep("leaks", Leaks)

    @property
    def profiling(self) -> Profiling:
        """The cell under ``%%pmat_profile``, and the last profile."""
        from .profiling import Profiling

        return self.keep("profiling", Profiling)

    @property
    def recommender(self) -> Recommender:
        """What lists, applies and undoes recommendations."""
        from .recommending import Recommender

        return self.keep("recommender", Recommender)

    @property
    def suspects(self) -> Suspects:
        """What watches the cells that run again for growth."""
        from .suspecting import Suspects

        return self.keep("suspects", Suspects)

    @property
    def repeater(self) -> Repeater:
        """What repeats the cell under ``%%pmat_leaks --repeat``."""
        from .repeating.arming import Repeater

        return self.keep("repeater", Repeater)

    def keep(self, name: str, make: Callable[[Any], _P]) -> _P:
        """The part of that name, made once and closed with the session."""
        with self._making:
            if name not in self._parts:
                self._parts[name] = make(self)
        return cast("_P", self._parts[name])
