"""The user's own variables, one per object: aliases come as one group.

What is not a variable here: modules, names that IPython binds itself, names hidden
since start-up, and ``_``, ``__``, ``___`` bound by the user, which are leftovers
(pool ``temp``).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from pmat_nb.engine.safe import mro

from .base import Held, Step, Wish
from .shell import hidden_namespace, is_ipython_name, output_history, snapshot, user_namespace

__all__ = ["UserNamespace", "UserObjects", "UserVariable", "user_objects", "user_variables"]

THROWAWAY_NAMES = ("_", "__", "___")
# One object for every equal value: two names for it are not an alias anyone made.
_NOT_GROUPED = frozenset(map(id, (int, bool, float, type(None), type(...), type(NotImplemented))))


class UserVariable:
    """An object under the names that the user gave it; the first name leads."""

    __slots__ = ("names", "value")

    def __init__(self, names: tuple[str, ...], value: object) -> None:
        self.names = names
        self.value = value

    @property
    def name(self) -> str:
        """The name that was bound first."""
        return self.names[0]


class UserObjects:
    """The user's objects and, in step with them, the first name of each.

    ``aliases`` has the further names of those that have some, by position; ``ids`` are
    the objects' ids. Lists, not an object for each variable: a namespace can have a
    hundred thousand.
    """

    __slots__ = ("aliases", "ids", "names", "values")

    def __init__(
        self, names: list[str], values: list[object], aliases: dict[int, tuple[str, ...]]
    ) -> None:
        self.names = names
        self.values = values
        self.aliases = aliases
        self.ids = set(map(id, values))


def user_objects(shell: Any) -> UserObjects:
    """The user's variables in the order they were bound, aliases grouped by identity.

    Safe while another thread changes the namespace: it sees one moment of it.
    """
    namespace = user_namespace(shell)
    names, values = list(namespace), list(namespace.values())
    # Few names go, so the lists are made in one step each and then weeded.
    for at in sorted(_others(shell, names, values), reverse=True):
        del names[at], values[at]
    found = UserObjects(names, values, {})
    return found if len(found.ids) == len(values) else _grouped(names, values)


def _others(shell: Any, names: list[Any], values: list[object]) -> set[int]:
    """Positions of modules, leftovers, and what is not the user's."""
    hidden, outputs = hidden_namespace(shell), snapshot(output_history(shell))
    # By id: a type's hash may be the user's code.
    kinds = list(map(id, map(type, values)))
    modules = {key for key in set(kinds) if _is_module(type(values[kinds.index(key)]))}
    found = {at for at, key in enumerate(kinds) if key in modules} if modules else set()
    suspects = [
        at for at, n in enumerate(names) if type(n) is not str or n[:1] == "_" or n in hidden
    ]
    for at in suspects:
        name = names[at]
        if (
            type(name) is not str
            or name in THROWAWAY_NAMES
            or is_ipython_name(name, values[at], hidden, outputs)
        ):
            found.add(at)
    return found


def _is_module(kind: type) -> bool:
    return any(base is ModuleType for base in mro(kind))


def _grouped(names: list[str], values: list[object]) -> UserObjects:
    found: dict[int, list[str]] = {}
    first: list[object] = []
    for number, (name, value) in enumerate(zip(names, values, strict=True)):
        # Negative keys cannot meet an id.
        key = -1 - number if id(type(value)) in _NOT_GROUPED else id(value)
        if key in found:
            found[key].append(name)
        else:
            found[key] = [name]
            first.append(value)
    groups = list(found.values())
    aliases = {at: tuple(group[1:]) for at, group in enumerate(groups) if len(group) > 1}
    return UserObjects([group[0] for group in groups], first, aliases)


def user_variables(shell: Any) -> list[UserVariable]:
    """The same, an object for each variable."""
    found = user_objects(shell)
    return [
        UserVariable((name, *found.aliases.get(at, ())), value)
        for at, (name, value) in enumerate(zip(found.names, found.values, strict=True))
    ]


class UserNamespace:
    """The user's variables (pool ``analysis``)."""

    name = "user namespace"
    pool = "analysis"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """One entry per object, the other names of it in ``detail``."""
        for variable in user_variables(self._shell):
            others = ", ".join(variable.names[1:])
            detail = f"also {others}" if others else ""
            yield Held(variable.name, (variable.value,), detail)

    def steps(self, wish: Wish) -> Iterator[Step]:
        """Small views that keep a large array alive; no variable ever goes."""
        from .views import view_steps

        return view_steps(self._shell, wish.compact)
