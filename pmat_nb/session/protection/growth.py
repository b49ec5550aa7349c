"""What grew in a stopped cell: the names it bound, its frames' variables, the rest.

Sizes are got within a time budget, so they are lower bounds where it ends early; what
no name explains is called temporaries.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from pmat_nb.engine.sizing import Root, size_roots
from pmat_nb.units import MIB

__all__ = ["Growth", "measure_growth"]

_BUDGET_S = 0.3
_WORTH_NAMING = MIB
_MOST = 4
_DEEPEST = 40


class Growth(NamedTuple):
    """``grew`` and ``kept`` are ``(name, bytes)``, largest first.

    ``frames_bytes`` are held by frames of the traceback, if partly by names as well: as
    long as the frames are kept, deleting the names does not free them.
    """

    grew: tuple[tuple[str, int], ...]
    kept: tuple[tuple[str, int], ...]
    frames_bytes: int


def measure_growth(
    namespace: Mapping[str, object],
    bound: Collection[str],
    known: Mapping[str, int],
    tracebacks: Sequence[TracebackType],
    total_bytes: int,
    *,
    adapters: Sequence[Any],
    boundaries: Collection[int],
) -> Growth:
    """Divide ``total_bytes`` of growth among names and frames.

    ``bound`` are the names that the cell bound, ``known`` what names held before.
    """
    roots = [Root(name, namespace[name], "name", 1) for name in bound if name in namespace]
    held = _frame_roots(tracebacks, namespace)
    roots += held
    sizing = size_roots(roots, adapters=adapters, boundaries=boundaries, budget_s=_BUDGET_S)
    roots.clear()
    kept, grew = [], []
    for root in sizing.roots:
        if root.group == "name":
            kept.append((root.key, root.retained_bytes))
            grew.append((root.key, root.retained_bytes - known.get(root.key, 0)))
        else:
            grew.append((root.key, root.charged_bytes))
    rest = total_bytes - sum(size for _, size in grew if size > 0)
    grew.append(("temporaries", rest))
    earlier = {id(value) for name, value in namespace.items() if name not in bound}
    reach = size_roots(
        held, adapters=adapters, boundaries={*boundaries, *earlier}, budget_s=_BUDGET_S
    )
    frames_bytes = sum(root.charged_bytes for root in reach.roots)
    return Growth(_largest(grew), _largest(kept), frames_bytes)


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


def _largest(pairs: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    worth = [pair for pair in pairs if pair[1] >= _WORTH_NAMING]
    return tuple(sorted(worth, key=lambda pair: -pair[1])[:_MOST])
