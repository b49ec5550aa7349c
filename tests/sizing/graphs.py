"""Random object graphs, and the truth about them: what deleting a name frees."""

from __future__ import annotations

import gc
import tracemalloc
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Plain:
    pass


class Slotted:
    __slots__ = ("left", "right")


class Listed(list):
    pass


class Keyed(dict):
    pass


class Liar:
    """Every question gets an error for an answer."""

    def _refuse(self, *args: object) -> Any:
        raise AssertionError("user code was called")

    __sizeof__ = __len__ = __iter__ = __eq__ = __bool__ = __repr__ = __getattr__ = _refuse
    __hash__ = None  # type: ignore[assignment]


def _instance(cls: type, parts: Sequence[Any]) -> Any:
    obj = cls()
    for number, part in enumerate(parts):
        object.__setattr__(obj, f"attribute_{number % 4}", part)
    return obj


def _slotted(parts: Sequence[Any]) -> Slotted:
    obj = Slotted()
    obj.left = parts[0] if parts else None
    obj.right = parts[-1] if parts else None
    return obj


def _closure(parts: Sequence[Any]) -> Callable[[], Any]:
    held = list(parts)
    return lambda: held


def _generator(parts: Sequence[Any]) -> Any:
    def run(held: list[Any]) -> Any:
        yield held

    made = run(list(parts))
    next(made)
    return made


CONTAINERS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "dict": lambda parts: {f"key {n} {id(parts)}": part for n, part in enumerate(parts)},
    "dict_int": lambda parts: {n * 1_000_003: part for n, part in enumerate(parts)},
    "dict_mixed": lambda parts: {(n, "x") if n % 2 else n: p for n, p in enumerate(parts)},
    "default": lambda parts: defaultdict(list, dict(enumerate(parts))),
    "ordered": lambda parts: OrderedDict((f"o{n}{id(parts)}", p) for n, p in enumerate(parts)),
    "keyed": lambda parts: Keyed({f"k{n}{id(parts)}": p for n, p in enumerate(parts)}),
    "listed": Listed,
    "plain": lambda parts: _instance(Plain, parts),
    "liar": lambda parts: _instance(Liar, parts),
    "slotted": _slotted,
    "closure": _closure,
    "generator": _generator,
}
LEAVES: dict[str, Callable[[int], Any]] = {
    "bytes": lambda n: bytes(40 * n + 1),
    "bytearray": lambda n: bytearray(40 * n),
    "str": lambda n: chr(0x100 + n % 500) * (20 * n + 1),
    "text": lambda n: "t" * (40 * n + 2),
    "int": lambda n: 1 << (n * 160 + 40),
    "float": lambda n: n + 0.5,
    "complex": lambda n: complex(n, 1),
    "set": lambda n: {n + 1000 + i for i in range(n % 50)},
    "frozenset": lambda n: frozenset(str(n) + str(i) for i in range(n % 50)),
    "floats": lambda n: [n + i + 0.25 for i in range(n)],
    "view": lambda n: memoryview(bytearray(40 * n + 10))[2:5],
    "records": lambda n: [{"a": n + i + 0.5, "b": str(n + i + 1000)} for i in range(n % 60)],
}
MUTABLE = (list, deque, Listed)


def array_leaves() -> dict[str, Callable[[int], Any]]:
    import numpy as np

    class Sub(np.ndarray):
        @property
        def base(self) -> Any:
            raise AssertionError("user code was called")

        nbytes = dtype = flat = base

    return {
        "array": lambda n: np.zeros(n * 8 + 1),
        "array_view": lambda n: np.zeros(n * 8 + 5)[1:3],
        "array_sub": lambda n: np.zeros((n + 1, 3)).view(Sub),
        "array_small": lambda n: [np.zeros(n % 5 + 1) for _ in range(n % 20)],
        "array_objects": lambda n: np.array([str(i) * 5 for i in range(1000, 1001 + n)], dtype="O"),
        "array_buffer": lambda n: np.frombuffer(bytearray(n + 16), dtype="u1"),
        "array_fields": lambda n: _fields(np, n),
        "masked": lambda n: np.ma.masked_array(np.zeros(n * 9 + 1), mask=np.zeros(n * 9 + 1, bool)),
    }


def _fields(np: Any, n: int) -> Any:
    made = np.zeros(n + 1, dtype=[("o", "O"), ("f", "f8"), ("in", [("p", "O")])])
    made["o"] = [bytearray(20) for _ in range(n + 1)]
    made["in"]["p"] = [bytearray(30) for _ in range(n + 1)]
    return made


class Step(NamedTuple):
    kind: str
    size: int
    parts: tuple[int, ...]


class Recipe(NamedTuple):
    steps: tuple[Step, ...]
    loops: tuple[tuple[int, int], ...]
    names: tuple[int, ...]
    pins: tuple[int, ...]  # held from outside any name


def recipes(leaves: Sequence[str]) -> st.SearchStrategy[Recipe]:
    indices = st.integers(0, 40)
    leaf = st.builds(Step, st.sampled_from(leaves), st.integers(0, 300), st.just(()))
    container = st.builds(
        Step,
        st.sampled_from(sorted(CONTAINERS)),
        st.just(0),
        st.lists(indices, max_size=6).map(tuple),
    )
    return st.builds(
        Recipe,
        st.lists(st.one_of(leaf, container, container), min_size=2, max_size=25).map(tuple),
        st.lists(st.tuples(indices, indices), max_size=8).map(tuple),
        st.lists(indices, min_size=1, max_size=5).map(tuple),
        st.lists(indices, max_size=2).map(tuple),
    )


def build(recipe: Recipe, leaves: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The namespace a recipe describes, and what else is held."""
    made: list[Any] = []
    for kind, size, parts in recipe.steps:
        if kind in leaves:
            made.append(leaves[kind](size))
        else:
            made.append(CONTAINERS[kind]([made[p % len(made)] for p in parts] if made else []))
    for source, target in recipe.loops:
        container = made[source % len(made)]
        if type(container) in MUTABLE:
            container.append(made[target % len(made)])
    names = {f"n{i}": made[index % len(made)] for i, index in enumerate(recipe.names)}
    return names, [made[index % len(made)] for index in recipe.pins]


def freed_by_deleting(make: Callable[[], tuple[dict[str, Any], Any]], names: Sequence[str]) -> int:
    """Bytes that deleting these names gives back, by tracemalloc."""
    gc.collect()  # empties CPython's free lists, from which objects come untraced
    tracemalloc.start()
    try:
        namespace, kept = make()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for name in names:
            del namespace[name]
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        del kept
    finally:
        tracemalloc.stop()
    return before - after


def count_kind(recipe: Recipe, *kinds: str) -> int:
    return sum(step.kind in kinds for step in recipe.steps)
