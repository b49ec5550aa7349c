"""What a search for holders is told, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .steps import Step

__all__ = ["HolderPath", "Opaque", "Root", "RootFinder", "Search"]


@dataclass(frozen=True, slots=True)
class Root:
    """Where a path starts, in words, and what kind of thing that is.

    ``covers`` counts the links that ``text`` already tells: 0 when it names the
    holder alone, 1 when it names what the holder holds (a variable's name).
    """

    text: str
    kind: str
    covers: int = 1


@dataclass(frozen=True, slots=True)
class HolderPath:
    """One path: ``registry['k'] → list[3]``; ``links`` is its length in references."""

    text: str
    kind: str
    links: int


@dataclass(frozen=True, slots=True)
class Search:
    """Paths, shortest first; ``complete`` is false where a bound ended the search."""

    paths: tuple[HolderPath, ...]
    complete: bool
    duration_s: float


class RootFinder(Protocol):
    """What the caller knows about where paths start and what is not to be told."""

    def ends(self, holder: object, chain: Sequence[object]) -> Sequence[Root] | None:
        """Names for ``holder`` where a path ends there, None where it goes on.

        ``chain`` runs from what it holds to the target. An empty answer ends the
        path untold.
        """

    def pinned(self, value: object) -> Iterable[Root]:
        """Names for what holds ``value`` out of the collector's sight (running frames)."""

    def ignored(self, holder: object) -> bool:
        """Whether a holder is machinery that would be noise in a path."""


class Opaque(Protocol):
    """Objects that hold others without the collector knowing (arrays of a library)."""

    def types(self) -> frozenset[type]:
        """Their exact types; empty while the library is not loaded."""

    def members(self, value: Any) -> Iterable[object]:
        """What one of them holds."""

    def describe(self, chain: Sequence[Any]) -> Step | None:
        """How the first of a chain, if it is one of them, holds the second."""
