"""Reading IPython's shell without disturbing it.

Namespaces are copied before they are looked through, because another thread may
change them meanwhile; attributes are read from instance dictionaries where traitlets
would otherwise build a default.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "displayhook_fields",
    "hidden_namespace",
    "is_ipython_name",
    "output_history",
    "snapshot",
    "trait",
    "user_namespace",
]

_ABSENT = object()
# Bound by IPython without an entry in the hidden namespace.
_OWN_NAMES = frozenset({"_exit_code"})
_LAST_OUTPUTS = ("_", "__", "___")
_NUMBERED_OUTPUT = re.compile(r"_(\d+)")


def snapshot(namespace: Any) -> dict[Any, Any]:
    """A copy of a mapping that other threads may be changing.

    ``dict.copy`` is one step under the GIL; other mappings are tried a few times.
    """
    if type(namespace) is dict:
        return namespace.copy()
    for _ in range(5):
        try:
            return dict(namespace)
        except RuntimeError:
            continue
    return {}


def trait(owner: Any, name: str) -> Any:
    """An attribute as stored, None where it is not there; builds no trait default."""
    for table in ("_trait_values", None):
        values = getattr(owner, "__dict__", {}) if table is None else getattr(owner, table, {})
        if type(values) is dict and name in values:
            return values[name]
    return None


def user_namespace(shell: Any) -> dict[str, Any]:
    """A copy of the user's namespace, all names."""
    return snapshot(shell.user_ns)


def hidden_namespace(shell: Any) -> dict[str, Any]:
    """A copy of what IPython counts as not the user's own."""
    return snapshot(getattr(shell, "user_ns_hidden", {}))


def output_history(shell: Any) -> dict[Any, Any]:
    """``Out`` itself, not a copy: found by way of the history, as the user may rebind Out."""
    for found in (
        trait(getattr(shell, "history_manager", None), "output_hist"),
        shell.user_ns.get("_oh"),
    ):
        if isinstance(found, dict):
            return found
    return {}


def displayhook_fields(shell: Any) -> dict[str, Any]:
    """The displayhook's ``_``, ``__`` and ``___``, those that it has."""
    stored = getattr(getattr(shell, "displayhook", None), "__dict__", {})
    return {name: stored[name] for name in _LAST_OUTPUTS if name in stored}


def is_ipython_name(
    name: str, value: object, hidden: dict[str, Any], outputs: dict[Any, Any]
) -> bool:
    """Whether IPython, not the user, bound ``name`` to ``value``.

    The test is the one of ``%who``: the hidden namespace has the same object under
    the same name. A name the user has rebound is the user's, ``_`` included.
    """
    if hidden.get(name, _ABSENT) is value:
        return True
    if name[:1] != "_":
        return False
    numbered = _NUMBERED_OUTPUT.fullmatch(name)
    if numbered:
        return outputs.get(int(numbered[1]), _ABSENT) is value
    # Front ends and Python itself bind __session__, __annotations__ and the like.
    return name in _OWN_NAMES or (len(name) > 4 and name[:2] == "__" == name[-2:])
