"""A cell under a limit: what it began with, which names it bound, putting them back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import MemoryLimitExceeded

from .limits import CellLimit

if TYPE_CHECKING:
    from pmat_nb.engine.guard import Token

__all__ = ["OpenScope"]

# Reading the names' identities costs 20 ns each; not worth it in a huge namespace.
_NAMES_COMPARED = 2_000
_CONTAINERS = frozenset((list, dict, set, bytearray))
_ABSENT = object()


class OpenScope:
    """A cell under a limit, from its beginning to its end."""

    def __init__(self, info: Any, limit: CellLimit, token: Token, namespace: Any) -> None:
        self.info = info
        self.limit = limit
        self.token = token
        self.source: str = info.raw_cell or ""
        self.settled: MemoryLimitExceeded | None = None
        # The ceiling refused it to a thread, and the thread ended of it.
        self.refused_in_thread: BaseException | None = None
        self._identities: dict[str, int] | None = None
        self._values: dict[str, object] | None = None
        if limit.restore_names:
            self._values = dict(namespace)
        elif len(namespace) <= _NAMES_COMPARED:
            self._identities = dict(zip(namespace, map(id, namespace.values()), strict=False))
        # Of containers also their lengths: what appends to them binds no name.
        self._lengths: dict[str, int] = (
            {n: len(v) for n, v in namespace.items() if type(v) in _CONTAINERS}
            if len(namespace) <= _NAMES_COMPARED
            else {}
        )

    def label(self, shell: Any) -> str:
        """How IPython calls the cell."""
        history = getattr(getattr(shell, "history_manager", None), "input_hist_parsed", ())
        number = len(history) - 1
        return f"In[{number}]" if self.info.store_history and number > 0 else "the cell"

    def bound_names(self, namespace: Mapping[str, object], mentioned: Collection[str]) -> list[str]:
        """Names that were bound or rebound since: by the cell, its functions, its threads.

        ``mentioned`` are those that the cell's own source binds; where the namespace was
        too large to compare, they are the answer.
        """
        if self._values is None and self._identities is None:
            return [name for name in mentioned if name in namespace]
        return [
            name
            for name, value in list(namespace.items())
            if not self._was(name, value) and not _is_ipythons(str(name))
        ]

    def _was(self, name: str, value: object) -> bool:
        if self._values is not None:
            return self._values.get(name, _ABSENT) is value
        return self._identities is not None and self._identities.get(name) == id(value)

    def filled_names(self, namespace: Mapping[str, object]) -> dict[str, float]:
        """Names whose container grew in place, with the share of its entries that is new."""
        grown = {}
        for name, length in self._lengths.items():
            value: Any = namespace.get(name, _ABSENT)
            if not self._was(name, value) or _is_ipythons(name):
                continue
            if len(value) > length:
                grown[name] = 1 - length / len(value)
        return grown

    def restore_names(self, shell: Any) -> tuple[str, ...]:
        """Put the names back that the cell bound, rebound or deleted; which they were."""
        if self._values is None:
            return ()
        namespace, before = shell.user_ns, self._values
        changed = [
            name
            for name in {**before, **namespace}
            if before.get(name, _ABSENT) is not namespace.get(name, _ABSENT)
            and not _is_ipythons(str(name))
        ]
        for name in changed:
            if name in before:
                namespace[name] = before[name]
            else:
                namespace.pop(name, None)
        return tuple(sorted(changed))

    def close(self) -> None:
        """Let go of the old values."""
        self._values = self._identities = self.refused_in_thread = None
        self._lengths = {}


def _is_ipythons(name: str) -> bool:
    return name in ("In", "Out", "exit", "quit") or (
        name.startswith("_") and (name.strip("_i").isdecimal() or not name.strip("_iohd"))
    )
