"""What retains the objects of a site: the shortest path from a root, in words.

Builds on the searches of ``%pmat_why``. It does not see references that C code holds.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import CodeType, ModuleType
from typing import Any

from pmat_nb.consumers.opaque import Arrays
from pmat_nb.consumers.roots import KernelRoots
from pmat_nb.engine.leaks.records import Explanation
from pmat_nb.engine.leaks.samples import Grown, Sample
from pmat_nb.engine.referrers import HolderPath, find_paths
from pmat_nb.engine.safe import (
    instance_dict,
    is_exactly,
    referents,
    type_name,
)

from .advice import recommend
from .bounds import bound_above, bound_of_all, bound_on
from .pools import library_of

__all__ = ["Names", "Retainers", "names_in_code"]

# Names that the repeated code itself uses, with what they are bound to now.
Names = Callable[[], Mapping[str, object]]
_CONTAINERS = (list, dict, set, deque, OrderedDict, defaultdict, Counter, tuple)
# Neither arrays nor frames, by the identity of the type: a hash may be the user's code.
_NO_MEMBERS = frozenset(map(id, (*_CONTAINERS, frozenset, str, bytes, int, float, type(None))))
_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)
# A chain of errors or of versions may be long; the budget ends the search.
_DEEPEST_PATH = 100
# Objects of one site of which the holder is looked for, until one is found.
_ASKED = 2
# Budgets of one site that all may take, and what each may take after that.
_IN_ALL, _LEAST_S = 8, 0.05
# From a frame to the arrays of its blocks.
_FRAME_DEPTH, _FRAME_WIDTH = 5, 48
# Of a kept container, how deep and how far its entries are looked through.
_DEEPEST, _WIDEST = 3, 20_000
# The least telling roots come last.
_LATE_KINDS = ("traceback", "ipython", "thread", "unreached")


def names_in_code(code: CodeType) -> frozenset[str]:
    """Names that a cell (or function) uses itself, those in functions it defines left out.

    What grows under such a name grows before the user's eyes; what only a function
    reaches grows behind their back. Comprehensions belong to the code around them.
    """
    found = {*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars}
    for inner in code.co_consts:
        if type(inner) is CodeType and inner.co_name in ("<listcomp>", "<dictcomp>", "<setcomp>"):
            found |= names_in_code(inner)
    return frozenset(found)


class Retainers:
    """Explains samples: handed to ``Tracker(explain=...)``.

    ``shell`` is IPython's, or anything with a ``user_ns``; ``names`` what the repeated
    code itself names. ``budget_s`` bounds the search for each site.
    """

    def __init__(self, shell: Any, names: Names = dict, *, budget_s: float = 1.0) -> None:
        self._shell = shell
        self._names = names
        self._budget_s = budget_s
        # For all sites together: a report has up to forty.
        self._left_s = _IN_ALL * budget_s
        self._arrays = Arrays()

    def __call__(self, sample: Sample) -> Explanation:
        """What retains the sample's objects, and what to do about it."""
        values, grown, block = sample.values(), sample.grown, sample.block
        container = None if grown is None else grown.container
        what = _first(sample.types)
        if not values and container is None and block is None:
            return _kept_alone(sample.named, what)
        targets = [container] if container is not None else _telling(values) or [block]
        alone = "" if container is not None else sample.named
        kept_by = self._kept_by(targets[0], values) or alone
        own = sample.own_ids() | {id(values), id(targets), *_ids_inside(container)}
        path: HolderPath | None = None
        bounds: list[int | None] = []
        complete = True
        for target in targets:
            path, bounds, complete = self._path(target, own, sample, container is not None)
            if path is not None and path.kind != "unreached":
                break
        text = _words(path, container, what)
        if path is None:
            text += f", to which no name leads{'' if complete else f' within {self._budget_s:g} s'}"
        kind = "" if path is None else path.kind
        named = "" if container is None else type_name(container)
        bound = bound_of_all(bounds) if bounds else bound_above(targets[0])
        advice = recommend("" if path is None else text, kind, named, kept_by=kept_by)
        return Explanation(
            type_name=what,
            retained_by=text,
            recommendation=advice if bound is None else f"none: it holds at most {bound:,}",
            kept_by=kept_by,
            bound=bound,
            library=next((found for found in map(_library, values) if found), ""),
        )

    def members(self, value: Any) -> Iterator[object]:
        """What arrays and frames hold, for ``Tracker(members=...)``: bases of views, blocks."""
        if id(type(value)) in _NO_MEMBERS:
            return  # most of what is asked about
        if is_exactly(value, tuple(self._arrays.types())):
            yield from islice(self._arrays.members(value), 16)
        elif is_exactly(value, self._frames()):
            # Up to Python 3.11 no trace of the frame itself is found.
            yield from _inside_a_frame(value)

    @staticmethod
    def _frames() -> tuple[type, ...]:
        pandas = getattr(sys.modules.get("pandas"), "__dict__", {})
        found = (pandas.get(name) for name in ("DataFrame", "Series"))
        return tuple(kind for kind in found if isinstance(kind, type))

    def _path(
        self, target: object, own: set[int], sample: Sample, grew: bool
    ) -> tuple[HolderPath | None, list[int | None], bool]:
        """The most telling path, the bound on each, and whether the search was complete."""
        bounds: list[int | None] = []
        ran = sample.alive_at[-1][0] if sample.alive_at else 0

        def told(path: HolderPath, chain: Sequence[object]) -> None:
            bounds.append(bound_on(chain, ran, grew=grew))

        search = find_paths(
            target,
            _Roots(self._shell, own),
            self._arrays,
            budget_s=min(self._budget_s, max(_LEAST_S, self._left_s)),
            max_depth=_DEEPEST_PATH,
            max_paths=6,
            told=told,
        )
        self._left_s -= search.duration_s
        ranks = {kind: rank for rank, kind in enumerate(_LATE_KINDS, 1)}
        best = min(search.paths, key=lambda p: (ranks.get(p.kind, 0), p.links), default=None)
        return best, bounds, search.complete

    def _kept_by(self, target: object, values: list[object]) -> str:
        """The name under which the user keeps it, by way of built-in containers alone."""
        wanted = {id(target), *map(id, values)}
        for name, value in self._names().items():
            if any(id(found) in wanted for found in _within(value)):
                return name
        return ""


class _Roots(KernelRoots):
    """Those of the kernel; what holds the samples for us is no holder."""

    def __init__(self, shell: Any, own: set[int]) -> None:
        super().__init__(shell, "")
        self._own_ids = own

    def ignored(self, holder: object) -> bool:
        """What is ours, besides what is the kernel's."""
        ours = is_exactly(holder, (Grown, Sample)) or id(holder) in self._own_ids
        return ours or super().ignored(holder)


def _inside_a_frame(value: object) -> Iterator[object]:
    """Its manager, blocks and their arrays, the newest first."""
    level = [value]
    for _ in range(_FRAME_DEPTH):
        level = [held for held in referents(level) if not isinstance(held, type)][-_FRAME_WIDTH:]
        yield from level


def _ids_inside(container: Any) -> set[int]:
    """Entries of the container that grew, and their attributes: many lead back to it."""
    if container is None:
        return set()
    # Modules are where paths end, and sys.modules has its own.
    held = referents([container])[:_WIDEST]
    entries = [entry for entry in held if type(entry) is not ModuleType]
    attributes = map(instance_dict, entries)
    return set(map(id, entries)) | {id(table) for table in attributes if table is not None}


def _telling(values: list[object]) -> list[object]:
    """Those to ask about: others hold numbers and strings for reasons of their own."""
    return sorted(values, key=lambda value: not gc.is_tracked(value))[:_ASKED]


def _kept_alone(name: str, what: str) -> Explanation:
    """Of what is replaced in each iteration, under a name of the user's or in no one's."""
    if not name:
        return Explanation()
    text = f"{name} → {what}" if what else name
    return Explanation(what, text, recommend(text, "variable", "", kept_by=name), name)


def _within(value: object) -> Iterator[object]:
    """An object, and what is in it as long as that is built-in containers."""
    level = [value]
    left = _WIDEST
    for _ in range(_DEEPEST):
        yield from level
        inner: list[object] = []
        for held in level:
            if is_exactly(held, _CONTAINERS) and left > 0:
                inner += referents([held])[-left:]
                left = _WIDEST - len(inner)
        level = inner


def _words(path: HolderPath | None, container: Any, what: str) -> str:
    start = "" if path is None else path.text
    if container is None:
        return f"{start} → {what}" if start else what
    entries = list(container.values()) if is_exactly(container, _MAPPINGS) else list(container)
    inside = f"{type_name(container)} of {len(container):,} {_commonest(entries[-100:])}"
    return f"{start} → {inside.strip()}" if start else inside.strip()


def _commonest(values: list[Any]) -> str:
    return _first(Counter(map(type_name, values)))


def _first(types: Counter[str]) -> str:
    return types.most_common(1)[0][0] if types else ""


def _library(value: object) -> str:
    """The counter for memory that the object, or what it is made of, holds natively."""
    level = [value]
    for _ in range(5):
        for held in level:
            found = library_of(type(held))
            if found:
                return found
        level = [h for h in referents(level[:50]) if not isinstance(h, type)][:200]
    return ""
