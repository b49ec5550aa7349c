"""The contract between the sizing engine and the libraries it does not know.

An adapter tells what hides behind objects whose memory the garbage collector cannot
see. It must never call code of the user's: no overridden attributes, no lazy
evaluation, no copies; C-level descriptors of the library's own types only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

__all__ = ["Adapter", "Buffer", "Exploded"]


class Buffer(NamedTuple):
    """``nbytes`` of memory from ``address``; ``kind`` is ``host``, ``file`` or ``device``."""

    address: int
    nbytes: int
    kind: str = "host"


class Exploded(NamedTuple):
    """What objects hold beyond their own header and what the collector sees.

    Attributes:
        own_bytes: memory of theirs alone that is in no buffer.
        children: objects they hold references to, once for every reference held. Fresh
            wrappers made for the question do not belong here, and nothing but this list
            may hold on to them, since references are counted.
        buffers: memory blocks they keep alive.
        exact: false where ``own_bytes`` is an estimate.
        more: further children, too many for a list.
    """

    own_bytes: int = 0
    children: list[Any] = []  # noqa: RUF012 - never changed
    buffers: Sequence[Buffer] = ()
    exact: bool = True
    more: Iterator[Any] = iter(())


class Adapter(Protocol):
    """Knows the types of one library.

    ``types()`` is asked once per sizing and returns classes found through
    ``sys.modules``, nothing if the library is not loaded. Subclasses are covered
    too, unless ``exact_types`` is true. ``explode`` gets objects of one class.
    An adapter that raises is left out for the rest of the sizing.
    """

    name: str
    exact_types: bool

    def types(self) -> tuple[type, ...]:
        """The classes this adapter explodes."""

    def explode(self, objs: Sequence[object]) -> Exploded:
        """What these objects hold, taken together."""
