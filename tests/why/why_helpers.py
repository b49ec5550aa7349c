"""The plainest search there is: no names, no arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pmat_nb.engine.holders import Root, Search
from pmat_nb.engine.referrers import find_paths
from pmat_nb.engine.steps import Step


class Named:
    """One dictionary as the only root."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace

    def ends(self, holder: object, chain: Sequence[object]) -> list[Root] | None:
        if holder is not self.namespace:
            return None
        return [Root(k, "variable") for k, v in self.namespace.items() if v is chain[0]]

    def pinned(self, value: object) -> Iterable[Root]:
        return ()

    def ignored(self, holder: object) -> bool:
        return False


class NoArrays:
    def types(self) -> frozenset[type]:
        return frozenset()

    def members(self, value: Any) -> Iterable[object]:
        return ()

    def describe(self, chain: Sequence[Any]) -> Step | None:
        return None


def search() -> Search:
    """Look for an object that a dictionary holds."""
    target = object()
    return find_paths(target, Named({"x": [target]}), NoArrays(), budget_s=20)
