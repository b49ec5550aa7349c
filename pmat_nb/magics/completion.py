"""Tab completion of our magics' options, choices and variable names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pmat_nb.settings import VERBS, Option, Verb

__all__ = ["complete"]

_BY_MAGIC: dict[str, Verb] = {verb.magic: verb for verb in VERBS}


def complete(line: str, word: str, namespace: Mapping[str, object]) -> list[str]:
    """What may stand where ``word`` is being typed in ``line`` (up to the cursor)."""
    words = line.split()
    verb = _BY_MAGIC.get(words[0].lstrip("%")) if words else None
    if verb is None:
        return []
    previous = words[-2] if word and len(words) > 1 else words[-1]
    options = {f"--{option.name}": option for option in verb.all_options()}
    valued = options.get(previous)
    if valued is not None and valued.kind != "flag" and not word.startswith("-"):
        candidates: Iterable[str] = _values(valued)
    elif word.startswith("-") or not any(o.positional for o in verb.options):
        candidates = sorted(name for name in options if name not in words[1:] or name == word)
    else:
        candidates = _variables(verb, namespace)
    return [candidate for candidate in candidates if candidate.startswith(word)]


def _values(option: Option) -> tuple[str, ...]:
    if option.kind == "switch":
        return ("on", "off")
    return (*option.choices, "off") if option.off else option.choices


def _variables(verb: Verb, namespace: Mapping[str, object]) -> list[str]:
    if not any(option.completes == "variables" for option in verb.options):
        return []
    return sorted(name for name in tuple(namespace) if not name.startswith("_"))
