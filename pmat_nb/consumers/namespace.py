"""The user's own variables, one per object: aliases come as one group.

What is not a variable here: modules, names that IPython binds itself, names hidden
since start-up, and ``_``, ``__``, ``___`` bound by the user, which are leftovers
(pool ``temp``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pmat_nb.engine.safe import has_base, is_exactly

from .base import Held
from .shell import hidden_namespace, is_ipython_name, output_history, snapshot, user_namespace

__all__ = ["UserNamespace", "UserVariable", "user_variables"]

THROWAWAY_NAMES = ("_", "__", "___")
# One object for every equal value: two names for it are not an alias anyone made.
_NOT_GROUPED = (int, bool, float, type(None), type(...), type(NotImplemented))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UserVariable:
    """An object under the names that the user gave it; the first name leads."""

    names: tuple[str, ...]
    value: object

    @property
    def name(self) -> str:
        """The name that was bound first."""
        return self.names[0]


def user_variables(shell: Any) -> list[UserVariable]:
    """The user's variables in the order they were bound, aliases grouped by identity.

    Safe while another thread changes the namespace: it sees one moment of it.
    """
    hidden, outputs = hidden_namespace(shell), snapshot(output_history(shell))
    names: dict[int, list[str]] = {}
    # What there is to know of each type, by id: a type's hash may be the user's code.
    kinds: dict[int, tuple[bool, bool]] = {}
    values: list[tuple[int, object]] = []
    for number, (name, value) in enumerate(user_namespace(shell).items()):
        if type(name) is not str or name in THROWAWAY_NAMES:
            continue
        kind = type(value)
        if id(kind) not in kinds:
            kinds[id(kind)] = (has_base(value, ModuleType), is_exactly(value, _NOT_GROUPED))
        is_module, is_single = kinds[id(kind)]
        if is_module or is_ipython_name(name, value, hidden, outputs):
            continue
        # Negative keys cannot meet an id.
        key = -1 - number if is_single else id(value)
        if key in names:
            names[key].append(name)
        else:
            names[key] = [name]
            values.append((key, value))
    return [UserVariable(tuple(names[key]), value) for key, value in values]


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
