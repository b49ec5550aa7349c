"""What grew in a stopped cell: the names it bound or filled, its frames' variables, the rest.

Sizes are got within a time budget. What it left half sized is estimated from a sample
where that can be done, and a lower bound elsewhere; :class:`Growth` says which is which.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from pmat_nb.engine.sizing import Root, RootSize, size_roots
from pmat_nb.session.estimates import sampled
from pmat_nb.units import MIB

__all__ = ["Growth", "largest", "measure_growth"]

_BUDGET_S = 0.3
_ESTIMATES_S = 0.15
_WORTH_NAMING = MIB
_MOST = 4
_DEEPEST = 40
Pair = tuple[str, int]
Resident = Callable[[Iterable[tuple[int, int]]], int | None]


class Growth(NamedTuple):
    """``grew`` and ``kept`` are ``(name, bytes)``; ``rest_bytes`` is what no name explains.

    The rest is negative where names grew by more than memory did. ``estimates`` are the
    names whose bytes are scaled up from a sample, ``lower_bounds`` those that were left
    half sized, ``shared`` those of ``kept`` whose bytes something else holds as well, such
    as a thread that still runs. ``frames_bytes`` are held by frames of the traceback, if
    partly by names as well: as long as the frames are kept, deleting the names does not free them.
    """

    grew: tuple[Pair, ...]
    kept: tuple[Pair, ...]
    frames_bytes: int
    rest_bytes: int
    estimates: frozenset[str] = frozenset()
    lower_bounds: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()


def measure_growth(
    namespace: Mapping[str, object],
    bound: Collection[str],
    filled: Mapping[str, float],
    known: Mapping[str, int],
    tracebacks: Sequence[TracebackType],
    total_bytes: int,
    *,
    adapters: Sequence[Any],
    boundaries: Collection[int],
    resident: Resident | None = None,
    own_references: Callable[[object], int] = lambda value: 0,
) -> Growth:
    """Divide ``total_bytes`` of growth among names and frames.

    ``bound`` are the names that the cell bound, ``known`` what names held before;
    ``filled`` those whose container it made longer, with the share that is new;
    ``own_references`` counts those to an object that are ours, and go with the cell.
    """
    names = [name for name in {**dict.fromkeys(bound), **filled} if name in namespace]
    roots = [Root(n, namespace[n], "name", 1 + own_references(namespace[n])) for n in names]
    held = _frame_roots(tracebacks, namespace)
    roots += held
    earlier = {id(value) for name, value in namespace.items() if name not in names}
    limits: dict[str, Any] = {"adapters": adapters, "boundaries": {*boundaries, *earlier}}
    sizing = size_roots(roots, budget_s=_BUDGET_S, resident=resident, **limits)
    guesses = _estimated(roots, sizing.roots, limits)
    roots.clear()
    gains = [_gain(root, filled, known) for root in sizing.roots]
    sizes = _with_guesses(sizing.roots, guesses, total_bytes - sum(g for g in gains if g > 0))
    kept, shared = [], set()
    for root, size in zip(sizing.roots, sizes, strict=True):
        frees = root.retained_bytes - root.absent_retained_bytes
        if root.group == "name":
            if frees < size // 2 and root.complete:
                shared.add(root.key)
            kept.append((root.key, size if root.key in shared else max(frees, size)))
    grew = [
        (root.key, gain + size - _in_memory(root))
        for root, size, gain in zip(sizing.roots, sizes, gains, strict=True)
    ]
    grew = _within(grew, filled, total_bytes)
    reach = size_roots(held, budget_s=_BUDGET_S, **limits)
    return Growth(
        grew=tuple(grew),
        kept=largest(kept),
        frames_bytes=sum(root.charged_bytes for root in reach.roots),
        rest_bytes=total_bytes - sum(size for _, size in grew if size > 0),
        estimates=frozenset(guesses),
        lower_bounds=frozenset(r.key for r in sizing.roots if not r.complete) - frozenset(guesses),
        shared=frozenset(shared),
    )


def _in_memory(root: RootSize) -> int:
    return root.charged_bytes - root.absent_bytes


def _gain(root: RootSize, filled: Mapping[str, float], known: Mapping[str, int]) -> int:
    """What a root gained, at least: a container by the share of entries that are new."""
    if root.group != "name":
        return _in_memory(root)
    if root.key in filled:
        return int(_in_memory(root) * filled[root.key])
    return _in_memory(root) - known.get(root.key, 0)


def _with_guesses(roots: Sequence[RootSize], guesses: dict[str, int], room_bytes: int) -> list[int]:
    """Bytes of each root, estimated ones larger by no more than memory grew beyond names."""
    extra = sum(guesses[root.key] - _in_memory(root) for root in roots if root.key in guesses)
    if room_bytes <= 0:
        guesses.clear()
    share = min(1.0, room_bytes / extra) if guesses else 0.0
    return [
        _in_memory(root) + int(share * (guesses.get(root.key, _in_memory(root)) - _in_memory(root)))
        for root in roots
    ]


def _within(grew: list[Pair], filled: Mapping[str, float], total_bytes: int) -> list[Pair]:
    """Of containers that grew in place no more than memory did: old entries may weigh more."""
    room = total_bytes - sum(size for name, size in grew if size > 0 and name not in filled)
    found = []
    for name, size in grew:
        if name in filled:
            size = max(0, min(size, room))
            room -= size
        found.append((name, size))
    return found


def _estimated(
    roots: Sequence[Root], sizes: Sequence[RootSize], limits: dict[str, Any]
) -> dict[str, int]:
    """What half sized roots probably hold, each object once, as far as time allows."""
    until, seen, found = time.monotonic() + _ESTIMATES_S, set(), {}
    for root, size in zip(roots, sizes, strict=True):
        left = until - time.monotonic()
        if size.complete or id(root.obj) in seen or left <= 0:
            continue
        seen.add(id(root.obj))
        weight = sampled(root.obj, budget_s=left / 2, **limits)
        if weight is not None and weight.used_bytes > _in_memory(size):
            found[root.key] = weight.used_bytes
    return found


def _frame_roots(
    tracebacks: Sequence[TracebackType], namespace: Mapping[str, object]
) -> list[Root]:
    roots = []
    seen: set[int] = set()
    for entry in tracebacks:
        each: TracebackType | None = entry
        depth = 0
        while each is not None and depth < _DEEPEST:
            frame = each.tb_frame
            depth += 1
            # The cell's own variables are the namespace; IPython's are not the user's.
            if id(frame) not in seen and _is_users(frame.f_globals, namespace, frame):
                seen.add(id(frame))
                name = frame.f_code.co_name
                roots += [
                    Root(f"{variable} in {name}()", value, "frame")
                    for variable, value in list(frame.f_locals.items())
                ]
            each = each.tb_next
    return roots


def _is_users(own: Mapping[str, object], namespace: Mapping[str, object], frame: Any) -> bool:
    module = str(own.get("__name__", ""))
    if module.partition(".")[0] in ("IPython", "ipykernel", "pmat_nb", "asyncio"):
        return False
    # By what it holds, not by its name: some versions of IPython give cells another.
    return frame.f_locals is not namespace


def largest(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """The largest that are worth a name, first the one that holds most."""
    worth = [pair for pair in pairs if pair[1] >= _WORTH_NAMING]
    return tuple(sorted(worth, key=lambda pair: -pair[1])[:_MOST])
