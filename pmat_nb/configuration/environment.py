"""Settings from the environment: ``PMAT_MEMORY_MAX``, and ``PMAT_MEMORY_`` and a key."""

from __future__ import annotations

from collections.abc import Mapping

from pmat_nb.errors import UsageError
from pmat_nb.settings import SETTINGS, Option, Value

from .layers import Layer

__all__ = ["read_environment", "variable"]

_PREFIX = "PMAT_MEMORY_"


def variable(option: Option) -> str:
    """The environment variable that sets ``option``."""
    return f"{_PREFIX}MAX" if option.key == "max_total" else _PREFIX + option.key.upper()


def read_environment(environ: Mapping[str, str]) -> tuple[Layer, list[str]]:
    """What the environment sets, and what is wrong with it, in words.

    An empty variable counts as unset, as in shells. ``PMAT_MEMORY_MAX_TOTAL`` is
    taken too, after ``PMAT_MEMORY_MAX``.
    """
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    for option in SETTINGS:
        for name in dict.fromkeys((variable(option), _PREFIX + option.key.upper())):
            if environ.get(name, "").strip() and option.key not in values:
                try:
                    values[option.key] = option.parse(environ[name], called=name)
                    sources[option.key] = name
                except UsageError as problem:
                    problems.append(str(problem))
    problems += _unknown(environ)
    return Layer("environment", "environment", values, sources=sources), problems


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {_PREFIX + option.key.upper() for option in SETTINGS} | {f"{_PREFIX}MAX"}
    found = [name for name in environ if name.startswith(_PREFIX) and name not in known]
    if not found:
        return []
    import difflib

    # Other tools of PMAT may have variables of their own; only a slip is worth a word.
    near = ((name, difflib.get_close_matches(name, known, n=1, cutoff=0.85)) for name in found)
    return [
        f"{name}: no setting is called so; did you mean {match[0]}?"
        for name, match in sorted(near)
        if match
    ]
