"""What IPython's own history keeps: displayed objects, printed text.

A displayed object has six to eight holders besides the user's name for it. They
never make it shared: retained sizes leave them out by `history_holders`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from .base import Held, Step, Wish
from .shell import (
    displayhook_fields,
    hidden_namespace,
    is_ipython_name,
    output_history,
    snapshot,
    trait,
    user_namespace,
)

# Printed text that a plain cleanup leaves: as much as a session has that prints little.
_KEPT_TEXT_BYTES = 1 << 20
_AGE_UNKNOWN = "n/a: IPython does not say when it was last used; leave out --cache-age"

__all__ = ["OutputHistory", "PrintedOutput", "forget", "history_holders"]


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


def forget(shell: Any, value: object) -> None:
    """Let go of one object wherever the history holds it, as ``%xdel`` does.

    ``Out[n]`` of it is a KeyError afterwards. Names that the user gave it stay.
    """
    hidden, outputs = getattr(shell, "user_ns_hidden", {}), output_history(shell)
    names, known = shell.user_ns, (hidden_namespace(shell), snapshot(outputs))
    own = [
        name
        for name, one in snapshot(names).items()
        if one is value and _is_output_name(name) and is_ipython_name(name, one, *known)
    ]
    for name in own:
        _empty_slot(names, name)
    for table in (hidden, _hook_fields(shell)):
        for name in [name for name, one in snapshot(table).items() if one is value]:
            if _is_output_name(name):
                _empty_slot(table, name)
    for number in [number for number, one in snapshot(outputs).items() if one is value]:
        del outputs[number]
    result = getattr(trait(shell, "last_execution_result"), "__dict__", {})
    if result.get("result") is value:
        shell.last_execution_result = None


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

    def steps(self, wish: Wish) -> Iterator[Step]:
        """All of it when aggressive, else what is gone from ``Out`` but held elsewhere.

        Afterwards ``_`` is empty and ``Out[n]`` of an earlier cell a KeyError; both work
        as ever for what is displayed next.
        """
        listed = next(iter(self.held()), None) is not None
        if wish.cache_age_s is not None:
            if listed:
                yield Step.leave("cache:Out", "displayed objects", _AGE_UNKNOWN)
        elif wish.aggressive:
            if listed:
                yield Step("cache:Out", "displayed objects", self._forget)
        else:
            if any(self._unlisted()):
                what = "displayed objects that are gone from Out"
                yield Step("cache:Out", what, self._forget_unlisted)
            if snapshot(output_history(self._shell)):
                why = "Out[n] and _ still give them; --aggressive lets go of them"
                yield Step.leave("cache:Out", "displayed objects", why)

    def _unlisted(self) -> Iterator[tuple[Any, str]]:
        """(where, key) of what only IPython's machinery still holds."""
        shell = self._shell
        names = user_namespace(shell)
        reachable = {id(value) for value in snapshot(output_history(shell)).values()}
        reachable |= {id(value) for name, value in names.items() if _is_output_name(name)}
        for table in (getattr(shell, "user_ns_hidden", {}), _hook_fields(shell)):
            for name, value in snapshot(table).items():
                if _is_output_name(name) and id(value) not in reachable and not _empty(value):
                    yield table, name

    def _forget_unlisted(self) -> str:
        for table, name in tuple(self._unlisted()):
            _empty_slot(table, name)
        return ""

    def _forget(self) -> str:
        shell = self._shell
        names, hidden, outputs = shell.user_ns, hidden_namespace(shell), output_history(shell)
        own = [
            name
            for name, value in snapshot(names).items()
            if _is_output_name(name) and is_ipython_name(name, value, hidden, outputs)
        ]
        for name in own:
            _empty_slot(names, name)
        for table in (getattr(shell, "user_ns_hidden", {}), _hook_fields(shell)):
            for name in [name for name in snapshot(table) if _is_output_name(name)]:
                _empty_slot(table, name)
        outputs.clear()
        result = getattr(trait(shell, "last_execution_result"), "__dict__", {})
        if result.get("result") is not None:
            # As %reset and %xdel do; the result itself may be in use, so it is not changed.
            shell.last_execution_result = None
        return ""


def _hook_fields(shell: Any) -> dict[str, Any]:
    stored = getattr(getattr(shell, "displayhook", None), "__dict__", None)
    return stored if type(stored) is dict else {}


def _empty(value: object) -> bool:
    return type(value) is str and not value


def _empty_slot(table: dict[str, Any], name: str) -> None:
    """``_5`` goes; ``_``, ``__`` and ``___`` become what they are in a new session.

    IPython goes on setting them only while all three are as it left them.
    """
    if name[1:].isdecimal():
        table.pop(name, None)
    elif name in table:
        table[name] = ""


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

    def steps(self, wish: Wish) -> Iterator[Step]:
        """Aggressively the printed text of earlier cells and the reprs of what they displayed.

        Else only printed text beyond 1 MB, the largest cells first. What the front end shows
        is its own; ``%notebook`` writes the printed text, ``%history -o`` shows the reprs.
        """
        numbers, reprs = self._doomed(wish.aggressive), self._reprs() if wish.aggressive else {}
        kinds = (("printed text", numbers), ("reprs", reprs))
        what = " and ".join(f"{kind} of {_cells(len(of))}" for kind, of in kinds if of)
        if what and wish.cache_age_s is not None:
            yield Step.leave("cache:outputs", what, _AGE_UNKNOWN)
        elif what:
            yield Step("cache:outputs", what, lambda: self._forget(wish.aggressive))
        if not wish.aggressive and (left := len(self._earlier()) - len(numbers)):
            why = "%notebook writes it; --aggressive lets go of it"
            yield Step.leave("cache:outputs", f"printed text of {_cells(left)}", why)

    def _doomed(self, every: bool) -> list[int]:
        """The cells whose printed text goes."""
        earlier = self._earlier()
        if every:
            return earlier
        printed = self._printed() or {}
        sizes = {number: _text_bytes(printed.get(number)) for number in earlier}
        total, doomed = sum(sizes.values()), []
        for number in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if total <= _KEPT_TEXT_BYTES:
                break
            doomed.append(number)
            total -= sizes[number]
        return doomed

    def _printed(self) -> Any:
        return getattr(getattr(self._shell, "history_manager", None), "outputs", None)

    def _reprs(self) -> dict[Any, Any]:
        found = trait(getattr(self._shell, "history_manager", None), "output_hist_reprs")
        return found if isinstance(found, dict) else {}

    def _earlier(self) -> list[int]:
        """Cells that have ended: output of the running one is still added to its list."""
        running = getattr(self._shell, "execution_count", 0) - 1
        return [number for number in snapshot(self._printed() or {}) if number < running]

    def _forget(self, every: bool) -> str:
        for number in self._doomed(every):
            # Taken out as a whole: IPython looks at the last piece of a list that is there.
            self._printed().pop(number, None)
        if every:
            self._reprs().clear()
        return ""


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number:,} cells"


def _text_bytes(pieces: object) -> int:
    """Bytes of the texts in a cell's pieces of output, by type and form."""
    waiting: list[Any] = [pieces]
    found = 0
    while waiting:
        current = waiting.pop()
        if type(current) in (str, bytes):
            found += sys.getsizeof(current)
        elif type(current) in (list, tuple):
            waiting += current
        elif type(current) is dict:
            waiting += current.values()
        else:
            waiting += [getattr(current, "__dict__", {}).get("bundle", "")]
    return found
