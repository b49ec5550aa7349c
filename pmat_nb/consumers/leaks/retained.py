"""What retains the objects of a site: the shortest path from a root, in words.

Builds on the searches of ``%pmat_why``. It does not see references that C code holds.
"""

from __future__ import annotations

import functools
import gc
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import CodeType, FrameType, ModuleType
from typing import Any

from pmat_nb.consumers.opaque import Arrays
from pmat_nb.consumers.roots import KernelRoots
from pmat_nb.engine.leaks.census import Grown, Sample
from pmat_nb.engine.leaks.records import Explanation
from pmat_nb.engine.referrers import HolderPath, find_paths
from pmat_nb.engine.safe import (
    has_base,
    instance_dict,
    is_exactly,
    qualified_name,
    referents,
    type_name,
)

from .advice import recommend
from .pools import library_of

__all__ = ["Names", "Retainers", "names_in_code"]

# Names that the repeated code itself uses, with what they are bound to now.
Names = Callable[[], Mapping[str, object]]
_CONTAINERS = (list, dict, set, deque, OrderedDict, defaultdict, Counter, tuple)
_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)
_CACHE: type = type(functools.lru_cache(lambda: None))
_BOUNDS = ("maxsize", "max_size", "maxlen", "max_entries", "capacity", "limit")
# Lists of weak references that their owner clears of dead ones from this length on:
# pandas/_libs/internals.pyx.
_WEAK_LISTS = {"pandas._libs.internals.BlockValuesRefs": 500}
# How far up, and how many at each level, an owner with a bound is looked for.
_LEVELS_UP, _HOLDERS = 3, 24
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

    def __init__(self, shell: Any, names: Names = dict, *, budget_s: float = 0.5) -> None:
        self._shell = shell
        self._names = names
        self._budget_s = budget_s
        self._arrays = Arrays()

    def __call__(self, sample: Sample) -> Explanation:
        """What retains the sample's objects, and what to do about it."""
        values = sample.values()
        container = None if sample.grown is None else sample.grown.container
        if not values and container is None:
            return Explanation()
        target = _telling(values) if container is None else container
        kept_by = self._kept_by(target, values) or ("" if container is not None else sample.named)
        path = self._path(target, sample.own_ids() | {id(values)})
        text = _words(path, container, _first(sample.types))
        kind = "" if path is None else path.kind
        named = "" if container is None else type_name(container)
        return Explanation(
            type_name=_first(sample.types),
            retained_by=text,
            recommendation=recommend(text, kind, named, kept_by=kept_by),
            kept_by=kept_by,
            bound=_bound_of(target, grew=container is not None),
            library=next((found for found in map(_library, values) if found), ""),
        )

    def members(self, value: Any) -> Iterator[object]:
        """What arrays hold, for ``Tracker(members=...)``: the base of a view."""
        if is_exactly(value, tuple(self._arrays.types())):
            yield from islice(self._arrays.members(value), 16)

    def _path(self, target: object, own: set[int]) -> HolderPath | None:
        roots = _Roots(self._shell, own)
        search = find_paths(target, roots, self._arrays, budget_s=self._budget_s, max_paths=6)
        ranks = {kind: rank for rank, kind in enumerate(_LATE_KINDS, 1)}
        return min(search.paths, key=lambda p: (ranks.get(p.kind, 0), p.links), default=None)

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


def _telling(values: list[object]) -> object:
    """The one to ask about: others hold numbers and strings for reasons of their own."""
    return next((value for value in values if gc.is_tracked(value)), values[0])


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


def _bound_of(target: Any, *, grew: bool) -> int | None:
    """The most that what holds an object can hold: a deque's, or that of a cache it is in."""
    if type(target) is deque:
        return target.maxlen
    level = [target]
    for _ in range(_LEVELS_UP):
        above = [h for h in gc.get_referrers(*level) if not _passing(h)][:_HOLDERS]
        for owner in above:
            found = _bound_of_owner(owner, target if grew else None)
            if found is not None:
                return found
        level = [h for h in above if not has_base(h, type)]
        if not level:
            break
    return None


def _bound_of_owner(owner: Any, target: Any) -> int | None:
    if type(owner) is _CACHE:
        bound: int | None = _CACHE.cache_info(owner).maxsize
        return bound
    if type(owner) is deque:
        return owner.maxlen
    if qualified_name(type(owner)) in _WEAK_LISTS:
        return _WEAK_LISTS[qualified_name(type(owner))]
    # A cache by its attributes: only of the very container that grew.
    attributes = instance_dict(owner) or {}
    if target is None or not any(value is target for value in attributes.copy().values()):
        return None
    found = _bound_attribute(attributes)
    return found if found is not None and found >= len(target) else None


def _passing(holder: object) -> bool:
    """What holds things only while it looks at them, or holds everything."""
    if is_exactly(holder, (FrameType, ModuleType, Sample, Grown)):
        return True
    return type(holder) is dict and "__builtins__" in holder


def _bound_attribute(attributes: dict[Any, Any] | None) -> int | None:
    for key, value in (attributes or {}).copy().items():
        if type(key) is str and type(value) is int and key.lstrip("_").lower() in _BOUNDS:
            return value
    return None


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
