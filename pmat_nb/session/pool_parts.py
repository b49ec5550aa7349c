"""The parts of ours that draw on a pool: interned strings, scratch buffers, parsed trees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from pmat_nb.consumers.base import Consumer
from pmat_nb.engine.pools.pool import Pool

if TYPE_CHECKING:
    from pmat_nb.consumers.managed.parsing import ParsePool
    from pmat_nb.consumers.managed.scratch import ScratchPool
    from pmat_nb.consumers.managed.strings import StringPool

    from .session import Session

__all__ = ["PoolParts"]

_Own = TypeVar("_Own", bound=Consumer)


class PoolParts(ABC):
    """Each is made when it is first asked for, at most one for each pool."""

    _session: Session

    def __init__(self) -> None:
        self._parts: dict[str, Consumer] = {}

    @abstractmethod
    def pool(self, name: str) -> Pool:
        """The managed pool called ``name``."""

    @abstractmethod
    def _watch(self, consumer: Consumer) -> None: ...

    @property
    def strings(self) -> StringPool:
        """What ``pmat.intern`` keeps."""
        from pmat_nb.consumers.managed.strings import StringPool

        return self._own("string", StringPool)

    @property
    def buffers(self) -> ScratchPool:
        """What ``pmat.scratch`` lends."""
        from pmat_nb.consumers.managed.scratch import ScratchPool

        return self._own("temp", lambda budget: ScratchPool(budget, self._session.say))

    @property
    def trees(self) -> ParsePool:
        """What ``pmat.parse`` keeps."""
        from pmat_nb.consumers.managed.parsing import ParsePool

        return self._own("ast", ParsePool)

    def _own(self, pool: str, make: Callable[[Pool], _Own]) -> _Own:
        budget = self.pool(pool)
        with budget.lock:
            if pool not in self._parts:
                self._parts[pool] = make(budget)
                self._watch(self._parts[pool])
            return cast("_Own", self._parts[pool])
