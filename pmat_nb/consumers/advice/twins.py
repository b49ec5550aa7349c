"""Equal columns or arrays held twice: one can stand for both.

Equal is: the same bytes, down to NaN and minus zero, and the same dtype. Where pandas copies
on write (pandas 3, or 2.2 with the option) a column is given to the other table without a
copy, and the first write to either makes one: nothing can tell. For arrays, and where pandas
does not, one object for two would pass writes on; that is for the user to judge.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

from .base import Advice, Scene
from .changes import Late, chunks
from .frames import Variable, about, values_at, variables

__all__ = ["EqualData"]

_LEAST_BYTES = 1 << 20
_PROBED = 512

Key = tuple[Any, ...]


class _Place(NamedTuple):
    variable: int
    column: int


class EqualData:
    """Columns and arrays with the same contents."""

    name = "equal columns and arrays held twice"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """A row for each table that repeats columns of another, and each repeated array."""
        found = list(variables(scene))
        try:
            pairs = _pairs(found, scene.out_of_time)
        except Late:
            return
        for (kept, spare), columns in pairs.items():
            advice = _advice(scene, found[kept], found[spare], columns)
            if advice is not None:
                yield advice


def _pairs(
    found: list[Variable], late: Callable[[], bool]
) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Which columns of one variable repeat those of an earlier one, as (kept, spare)."""
    alike: dict[Key, list[_Place]] = {}
    for number, variable in enumerate(found):
        for share in variable.shares:
            for column in share.places if share.owned else ():
                key = _key(values_at(variable.value, column))
                if key is not None:
                    alike.setdefault(key, []).append(_Place(number, column))
    pairs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for places in alike.values():
        spare: set[_Place] = set()
        for first, second in combinations(places, 2):
            if first in spare or second in spare or first.variable == second.variable:
                continue
            if _fits(found[first.variable], found[second.variable]) and _same(
                _at(found, first), _at(found, second), late
            ):
                spare.add(second)
                pairs.setdefault((first.variable, second.variable), []).append(
                    (first.column, second.column)
                )
    return pairs


def _at(found: list[Variable], place: _Place) -> Any:
    return values_at(found[place.variable].value, place.column)


def _key(values: Any) -> Key | None:
    """What equal arrays have in common, from a few of their bytes; None for what is not told."""
    numpy: Any = sys.modules["numpy"]
    if type(values) is not numpy.ndarray or values.ndim != 1 or values.nbytes < _LEAST_BYTES:
        return None
    if values.dtype.kind not in "biufcmM":
        return None
    step = max(1, len(values) // _PROBED)
    digest = hashlib.blake2b(values[::step].tobytes(), digest_size=16).digest()
    return (values.dtype.str, len(values), digest)


def _same(first: Any, second: Any, late: Callable[[], bool]) -> bool:
    if first.dtype != second.dtype or len(first) != len(second):
        return False
    pieces = zip(chunks(first, late), chunks(second, late), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pieces)


def _fits(kept: Variable, spare: Variable) -> bool:
    """Whether one's column can be given to the other with every value in its row."""
    if kept.form == "array" or spare.form == "array":
        # The same values in another shape are another array.
        return kept.form == spare.form and _layout(kept.value) == _layout(spare.value)
    return spare.form == "frame" and _same_index(kept.value.index, spare.value.index)


def _layout(array: Any) -> tuple[Any, ...]:
    return (array.shape, array.strides, array.flags.aligned)


def _same_index(first: Any, second: Any) -> bool:
    """Whether two indexes say the same; only kinds whose comparison is no user's code."""
    pandas: Any = sys.modules["pandas"]
    if first is second:
        return True
    plain = type(first) is type(second) and type(first) in (
        pandas.RangeIndex,
        pandas.DatetimeIndex,
        pandas.Index,
    )
    if not plain or getattr(first.dtype, "kind", "O") not in "biufM":
        return False
    return bool(first.dtype == second.dtype and first.equals(second))


# --- as a row ------------------------------------------------------------------------


def _advice(
    scene: Scene, kept: Variable, spare: Variable, columns: list[tuple[int, int]]
) -> Advice | None:
    if spare.form == "array":
        return _of_arrays(scene, kept, spare)
    action, saved = _shared(kept, spare, columns)
    if saved < _LEAST_BYTES:
        return None
    shares = _copies_on_write()
    names = ", ".join(str(spare.labels[place]) for _, place in columns[:5])
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
    sharing = "shared until one of them is written to" if shares else "needs copy-on-write"
    return Advice(
        kind="equal data",
        what=f"{spare.name}: {names}{more} also held by {kept.name}",
        why=f"every byte is the same, and so is the index; {sharing}",
        action=action,
        estimated_bytes=saved,
        basis=f"compared all {len(spare.value):,} values",
        risk="none" if shares else "recompute",
        where=f"{kept.name}, {spare.name}",
        check=_Check(scene, kept.name, spare.name, action),
        applies=shares,
        undo=_apart(spare, [place for _, place in columns]) if shares else "",
        undo_note="copies are made again" if shares else "",
        about=(
            *about(kept, [place for place, _ in columns]),
            *about(spare, [place for _, place in columns]),
        ),
    )


def _of_arrays(scene: Scene, kept: Variable, spare: Variable) -> Advice | None:
    if not spare.alone:
        return None
    return Advice(
        kind="equal data",
        what=f"{spare.name}: the same array as {kept.name}",
        why="every byte is the same; a write to one would then be seen in the other",
        action=f"{' = '.join(spare.names)} = {kept.name}",
        estimated_bytes=spare.value.nbytes,
        basis=f"compared all {spare.value.size:,} values",
        risk="recompute",
        where=f"{kept.name}, {spare.name}",
        check=lambda: "",
        applies=False,
        about=(*about(kept, ()), *about(spare, ())),
    )


def _shared(kept: Variable, spare: Variable, columns: list[tuple[int, int]]) -> tuple[str, int]:
    """(code, bytes it frees): columns beside the repeated ones leave their array as copies."""
    given = {place: source for source, place in columns}
    lines, others, saved = [], [], 0
    for place, source in given.items():
        from_ = kept.name if kept.form == "series" else f"{kept.name}[{kept.labels[source]!r}]"
        lines.append(f"{spare.name}[{spare.labels[place]!r}] = {from_}")
    for share in spare.shares:
        if set(share.places) & set(given):
            beside = [place for place in share.places if place not in given]
            others += beside
            saved += share.nbytes - sum(values_at(spare.value, one).nbytes for one in beside)
    return "\n".join([*lines, *_copied(spare, others)]), saved


def _copied(spare: Variable, places: list[int]) -> list[str]:
    return [
        f"{spare.name}[{spare.labels[place]!r}] = {spare.name}[{spare.labels[place]!r}].copy()"
        for place in places
    ]


def _apart(spare: Variable, places: list[int]) -> str:
    return "\n".join(_copied(spare, places))


class _Check:
    """Whether the same row would be found again."""

    def __init__(self, scene: Scene, kept: str, spare: str, action: str) -> None:
        self._scene = scene
        self._names = (kept, spare)
        self._action = action

    def __call__(self) -> str:
        found = [one for one in variables(self._scene) if one.name in self._names]
        for (kept, spare), columns in _pairs(found, lambda: False).items():
            if _shared(found[kept], found[spare], columns)[0] == self._action:
                return ""
        return f"{' and '.join(self._names)} are not as they were"


def _copies_on_write() -> bool:
    """Whether pandas gives a column away without a copy, and copies at the first write."""
    pandas: Any = sys.modules["pandas"]
    if int(pandas.__version__.partition(".")[0]) >= 3:
        return True
    return pandas.get_option("mode.copy_on_write") is True
