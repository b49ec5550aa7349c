"""What IPython's own history keeps: displayed objects, printed text.

A displayed object has six to eight holders besides the user's name for it. They
never make it shared: retained sizes leave them out by `history_holders`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import Held
from .shell import (
    displayhook_fields,
    hidden_namespace,
    is_ipython_name,
    output_history,
    snapshot,
    trait,
    user_namespace,
)

__all__ = ["OutputHistory", "PrintedOutput", "history_holders"]


def _references(shell: Any) -> Iterator[tuple[str, object]]:
    """(holder's name, object) for each reference that the history has to an object."""
    outputs = snapshot(output_history(shell))
    hidden = hidden_namespace(shell)
    for number, value in outputs.items():
        yield f"Out[{number}]", value
    namespace = user_namespace(shell)
    # Told apart by their first letter at once: there may be very many names.
    for name in [n for n in namespace if type(n) is str and n[:1] == "_"]:
        value = namespace[name]
        if _is_output_name(name) and is_ipython_name(name, value, hidden, outputs):
            yield name, value
    del namespace
    for name, value in hidden.items():
        if _is_output_name(name):
            yield f"user_ns_hidden[{name!r}]", value
    for name, value in displayhook_fields(shell).items():
        yield f"displayhook.{name}", value
    result = trait(shell, "last_execution_result")
    value = getattr(result, "__dict__", {}).get("result")
    if value is not None:
        yield "last_execution_result", value


def _is_output_name(name: object) -> bool:
    """``_``, ``__``, ``___`` or ``_N``."""
    if type(name) is not str or not name.startswith("_"):
        return False
    return name in ("_", "__", "___") or name[1:].isdecimal()


def history_holders(shell: Any) -> dict[int, tuple[str, ...]]:
    """By ``id`` of each object in the history: the names of its holders there.

    One name for one reference, so that the length of a tuple is how many references
    to leave out when asking whether anything else holds the object. The ids are good
    for as long as the history is not changed.
    """
    found: dict[int, list[str]] = {}
    for name, value in _references(shell):
        found.setdefault(id(value), []).append(name)
    return {key: tuple(names) for key, names in found.items()}


class OutputHistory:
    """Displayed objects: ``Out``, and what is left of it in other places (pool ``cache``)."""

    name = "Out and display history"
    pool = "cache"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """One entry per displayed object, all addressed ``cache:Out``.

        An object that is gone from ``Out`` but not from ``_`` or the displayhook is
        named after what still holds it.
        """
        seen: set[int] = set()
        for name, value in _references(self._shell):
            # Before anything is displayed, the last outputs are all the empty string.
            if id(value) not in seen and not (type(value) is str and not value):
                seen.add(id(value))
                yield Held(name, (value,), address="cache:Out")


class PrintedOutput:
    """Text and rich output that IPython 9.1 and later keeps of every cell (pool ``cache``)."""

    name = "printed output"
    pool = "cache"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """``history_manager.outputs`` and the reprs of displayed objects."""
        manager = getattr(self._shell, "history_manager", None)
        printed = getattr(manager, "outputs", None)
        reprs = trait(manager, "output_hist_reprs")
        if printed:
            yield Held("printed output", (printed,), f"of {len(printed):,} cells", "cache:outputs")
        if reprs:
            yield Held("reprs of Out", (reprs,), address="cache:outputs")
