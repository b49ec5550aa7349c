"""Why a variable's object stays alive: everything that holds it besides the name itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from difflib import get_close_matches
from sys import getrefcount
from typing import Any

from pmat_nb.engine.referrers import HolderPath, Search, find_paths
from pmat_nb.engine.safe import is_exactly, type_name
from pmat_nb.engine.stats_records import Holder
from pmat_nb.errors import UsageError

from .namespace import user_variables
from .opaque import Arrays
from .roots import KernelRoots
from .sharing import sharers
from .shell import output_history

__all__ = ["why"]

# What a reader wants first: what del can reach, then what cleanup can.
_ORDER = ("variable", "ipython", "traceback", "figure", "widget")
_OUTPUT = re.compile(r"Out\[(\d+)\]")
_SHARED_BY_ALL = (type(None), bool, type(...), type(NotImplemented))
_SMALL_INTEGERS = range(-5, 257)


def why(
    shell: Any,
    name: str,
    *,
    budget_s: float = 1.0,
    size_of: Callable[[object], int | None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Holder, ...]:
    """What keeps the object called ``name`` alive, besides that name; most telling first.

    ``name`` may also be an entry of the output history, ``Out[11]``.

    Empty when nothing else does: ``del name`` would free it. Kind ``shares`` holds not
    the object but the memory of its data. ``size_of`` gives the bytes of the object,
    which each other holder keeps. A search that a bound ended says so
    in a last entry of kind ``incomplete``. Raises UsageError for what is not a
    variable's name.
    """
    alone = _only_name_holds(shell.user_ns, name)
    value = _value_of(shell, name)
    if _is_shared(value):
        text = f"{type_name(value)} {value!r} is one object for the whole interpreter"
        return (Holder(text, "interpreter"),)
    if alone:
        return tuple(Holder(text, "shares") for text in sharers(shell, value))
    search = find_paths(value, KernelRoots(shell, name), Arrays(), budget_s=budget_s, clock=clock)
    size = size_of(value) if size_of is not None and search.paths else None
    # A view of an array has told itself as a path already.
    told = {path.text.partition(" ")[0] for path in search.paths}
    shared = [text for text in sharers(shell, value) if text.partition(" ")[0] not in told]
    return (*(Holder(text, "shares") for text in shared), *_in_order(search, size))


def _references(namespace: Any, name: str) -> int:
    return getrefcount(namespace[name])


# What one reference, the namespace's, looks like to the function above.
_ONE = _references({"one": object()}, "one")


def _only_name_holds(namespace: Any, name: str) -> bool:
    """Whether counting proves it, where a search of millions of objects would end early."""
    return type(namespace) is dict and name in namespace and _references(namespace, name) == _ONE


def _is_shared(value: object) -> bool:
    return is_exactly(value, _SHARED_BY_ALL) or (type(value) is int and value in _SMALL_INTEGERS)


def _in_order(search: Search, size: int | None) -> tuple[Holder, ...]:
    ranks = {kind: rank for rank, kind in enumerate(_ORDER)}
    paths = sorted(search.paths, key=lambda path: ranks.get(path.kind, len(ranks)))
    found = [Holder(path.text, _kind(path), size) for path in paths]
    if not search.complete:
        text = f"the search ended after {search.duration_s:.1f} s: there may be more"
        found.append(Holder(text, "incomplete"))
    return tuple(found)


def _kind(path: HolderPath) -> str:
    """A variable that is the object itself, not a way to it, is an alias."""
    return "alias" if path.kind == "variable" and path.links == 1 else path.kind


def _value_of(shell: Any, name: str) -> object:
    """The object, without any copy of the namespace staying around to hold it too."""
    if name in shell.user_ns:
        return shell.user_ns[name]
    shown = _OUTPUT.fullmatch(name)
    if shown:
        return _output(shell, int(shown[1]))
    if not name.isidentifier():
        raise UsageError(
            f"{name!r} is not a variable's name; give one name, for example %pmat_why df, "
            "or %pmat_why Out[11]"
        )
    names = [other for variable in user_variables(shell) for other in variable.names]
    close = get_close_matches(name, names, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "%pmat_vars lists the variables"
    raise UsageError(f"no variable is called {name!r}; {hint}")


def _output(shell: Any, number: int) -> object:
    outputs = output_history(shell)
    if number in outputs:
        return outputs[number]
    kept = ", ".join(f"Out[{n}]" for n in [n for n in outputs if type(n) is int][-5:])
    raise UsageError(
        f"there is no Out[{number}]; {f'the last are {kept}' if kept else 'Out is empty'}"
    )
