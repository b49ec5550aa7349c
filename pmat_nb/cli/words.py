"""Parsed options as the words that they were, to hand them on to a kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pmat_nb.settings import Option, Verb, spelled

__all__ = ["words_of"]


def words_of(verb: Verb, options: Mapping[str, Any]) -> list[str]:
    """What ``parse_words`` reads back as ``options``, without those that are not ``verb``'s."""
    positional = [option for option in verb.options if option.positional]
    named = [option for option in verb.options if not option.positional]
    words = [word for option in named for word in _words(option, options.get(option.key))]
    for option in positional:
        value = options.get(option.key)
        words += [spelled(option, one) for one in _listed(value)]
    return words


def _words(option: Option, value: Any) -> Iterator[str]:
    if value is None or (option.kind == "flag" and not value):
        return
    if option.kind == "flag":
        yield f"--{option.name}"
    elif option.kind == "toggle":
        yield f"--{option.name}" if value else f"--no-{option.name}"
    elif option.many:
        yield f"--{option.name}"
        yield from (spelled(option, one) for one in value)
    else:
        yield f"--{option.name}={spelled(option, value)}"


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
