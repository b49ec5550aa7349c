"""What each pressure level does about itself: ``[memory.pressure.responses.LEVEL]``.

Reading and merging only. Carrying the actions out is the session's work, and happens
only while ``auto_respond`` is on or ``--simulate`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from pmat_nb.errors import UsageError

__all__ = ["ACTIONS", "DEFAULTS", "FIELDS", "LEVELS", "Level", "Responses", "parse_field"]

Level: TypeAlias = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
LEVELS: tuple[Level, ...] = ("LOW", "MEDIUM", "HIGH", "CRITICAL")

ACTIONS: Mapping[str, str] = {
    "cleanup_temp": "clean the temp pool: idle buffers, errors before the last, closed figures",
    "compact_strings": "make equal strings that are different objects one object",
    "cleanup_all": "clean every target, as %pmat_cleanup --target all does; the last error stays",
    "reduce_cache": "evict from our own caches until they hold half as much",
    "compact_all": "share equal strings, hand back what allocators hold free; views stay",
    "emergency_cleanup": "clean aggressively: warm caches, Out[], the last error; views stay",
    "dump_cache": "empty our own caches, to disk where swapping is allowed",
    "save_state": "save the variables, as %pmat_save does",
    "exit_gracefully": "save the variables, then stop the cell; the kernel only with exit_kernel",
}


class Responses(NamedTuple):
    """What happens when a level is entered, and who said so.

    ``actions`` run in this order; ``notify`` shows one line; ``notification_cmd`` is a
    program with its arguments, run without a shell; ``save_state`` saves the variables
    after the actions. ``source`` names the strongest source that set any of them.
    """

    actions: tuple[str, ...] = ()
    notify: bool = False
    notification_cmd: tuple[str, ...] | None = None
    save_state: bool = False
    source: str = "default"


# From HIGH on each level repeats what the one before does, since a cell can go from LOW to
# CRITICAL at once. By default warm caches are halved, never emptied, and nothing is written
# to disk or ended.
DEFAULTS: Mapping[Level, Responses] = {
    "LOW": Responses(),
    "MEDIUM": Responses(("cleanup_temp",)),
    "HIGH": Responses(("cleanup_temp", "compact_strings", "reduce_cache"), notify=True),
    "CRITICAL": Responses(("cleanup_all", "reduce_cache", "compact_all"), notify=True),
}

FIELDS = tuple(name for name in Responses._fields if name != "source")


def parse_field(name: str, value: Any) -> Any:
    """The value of one field of a level's table, as ``Responses`` has it.

    Raises:
        UsageError: a wrong type or an unknown action, with what would work.
    """
    return _PARSERS[name](name, value)


def _actions(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(
            f'{name}: {value!r} is not a list of actions; for example {name} = ["cleanup_temp"]'
        )
    for item in value:
        if item not in ACTIONS:
            import difflib

            near = difflib.get_close_matches(item, ACTIONS, n=1, cutoff=0.3)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{name}: {item!r} is not one of {', '.join(ACTIONS)}{hint}")
    return tuple(value)


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name}: {value!r} is not true or false; for example {name} = true")
    return value


def _command(name: str, value: Any) -> tuple[str, ...] | None:
    example = f'for example {name} = ["notify-send", "memory"]'
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        words = list(value)
    elif isinstance(value, str):
        import shlex

        try:
            words = shlex.split(value)
        except ValueError as problem:
            raise UsageError(f"{name}: {problem} in {value!r}; {example}") from None
    else:
        raise UsageError(f"{name}: {value!r} is not a program with its arguments; {example}")
    if words and not words[0]:
        raise UsageError(f"{name}: {value!r} names no program; {example}")
    return tuple(words) or None


_PARSERS: Mapping[str, Callable[[str, Any], Any]] = {
    "actions": _actions,
    "notify": _truth,
    "notification_cmd": _command,
    "save_state": _truth,
}
