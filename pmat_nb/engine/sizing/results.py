"""What goes into a sizing and what comes out of it. Bytes are ``int``."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BufferRange", "Root", "RootSize", "Sizing"]


class Root(NamedTuple):
    """One named object to size.

    ``key`` names it (``x``, ``cache:Out[5]``), ``group`` is the pool it is charged to.
    ``discount`` is how many references to ``obj`` do not count as external holders:
    the namespace slot, IPython's history (``Out``, ``_``, ``_N``, the displayhook ...)
    and any list or local variable of the caller. The reference that this tuple
    itself holds is known and must not be part of it.

    With ``together`` true, ``obj`` is a list that was made for this: its objects, each
    held once by a namespace and by nothing else of the caller's, are sized as one root.
    The list is not counted, and ``discount`` has no meaning.
    """

    key: str
    obj: object
    group: str
    discount: int = 0
    together: bool = False


class BufferRange(NamedTuple):
    """A block of memory outside Python objects, and the root it is charged to.

    ``kind`` is ``host``, ``file`` (memory that a file backs) or ``device``.
    """

    address: int
    nbytes: int
    key: str
    group: str
    kind: str


class RootSize(NamedTuple):
    """The sizes of one root.

    Attributes:
        key: the root's key.
        group: the root's pool.
        shallow_bytes: the object alone, with the memory block it owns itself.
        retained_bytes: what would be freed if this name (with its exclusive aliases
            and the discounted holders) went away.
        shared_bytes: reachable, but kept alive by something else as well.
        charged_bytes: host bytes first reached from this root, in charging order; these
            add up over all roots without counting anything twice.
        buffer_bytes: the part of ``charged_bytes`` that lies in ``Sizing.buffers``, of
            which not every byte need be resident.
        device_bytes: accelerator bytes charged to this root.
        objects: Python objects charged to this root.
        complete: false where the figures are lower bounds.
        exact: false where a library gave only an estimate.
        aliases: the other keys of the same object.
        padding_bytes: what the allocator adds to ``charged_bytes`` by rounding small objects
            up; in none of the other figures.
        shared_with: keys of other roots (at most eight) that hold some of the shared bytes.
        absent_bytes: the part of ``charged_bytes`` that is claimed but not in memory;
            ``absent_retained_bytes`` and ``absent_shared_bytes`` likewise of those two.
    """

    key: str
    group: str
    shallow_bytes: int
    retained_bytes: int
    shared_bytes: int
    charged_bytes: int
    buffer_bytes: int
    device_bytes: int
    objects: int
    complete: bool
    exact: bool = True
    aliases: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()
    padding_bytes: int = 0
    absent_bytes: int = 0
    absent_retained_bytes: int = 0
    absent_shared_bytes: int = 0


class Sizing(NamedTuple):
    """The result of :func:`~pmat_nb.engine.sizing.size_roots`, roots in the order given.

    ``absence_known`` is false where nobody could tell what of the buffers is in memory.
    """

    roots: tuple[RootSize, ...]
    complete: bool
    duration_s: float
    objects: int
    buffers: tuple[BufferRange, ...]
    notes: tuple[str, ...] = ()
    absence_known: bool = False
