"""Tab completion of our magics' options, their values, and names: variables, pools, caches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pmat_nb.settings import POOL_NAMES, VERBS, Option, Verb

__all__ = ["Names", "complete"]

_BY_MAGIC: dict[str, Verb] = {verb.magic: verb for verb in VERBS}
# What an option completes (``Option.completes``) -> the names there are now.
Names = Mapping[str, Callable[[], Iterable[str]]]
_NO_VALUE = ("flag", "toggle")


def complete(
    line: str, word: str, namespace: Mapping[str, object], names: Names | None = None
) -> list[str]:
    """What may stand where ``word`` is being typed in ``line`` (up to the cursor).

    ``word`` is what follows the last separator, which a comma or ``=`` is too.
    """
    words = line.split()
    verb = _BY_MAGIC.get(words[0].lstrip("%")) if words else None
    if verb is None:
        return []
    options = _spelled(verb)
    valued = options.get(_before(line, words))
    if valued is not None and valued.kind not in _NO_VALUE and not word.startswith("-"):
        if valued.completes == "targets":
            return _continued(line, word, _names(valued, namespace, names or {}))
        candidates: Iterable[str] = _values(valued, namespace, names or {})
    elif word.startswith("-") or not any(o.positional for o in verb.options):
        candidates = sorted(name for name in options if name not in words[1:] or name == word)
    else:
        candidates = _positional(verb, namespace, names or {})
    return [candidate for candidate in candidates if candidate.startswith(word)]


def _continued(line: str, word: str, known: Iterable[str]) -> list[str]:
    """What continues the last of ``cache,temp:fi``: a target has a colon, ``word`` has none."""
    typed = "" if line[-1:].isspace() else line.split()[-1]
    part = typed.rpartition("=")[2].rpartition(",")[2]
    done = len(part) - len(word)
    return [one[done:] for one in known if one.startswith(part)] if done >= 0 else []


def _spelled(verb: Verb) -> dict[str, Option]:
    options = {f"--{option.name}": option for option in verb.all_options()}
    options |= {f"--no-{o.name}": o for o in verb.all_options() if o.kind == "toggle"}
    return options


def _before(line: str, words: list[str]) -> str:
    """The option whose value is being typed, if one is."""
    if line[-1:].isspace():
        return words[-1]
    name, equals, _ = words[-1].partition("=")
    if equals:
        return name
    return words[-2] if len(words) > 1 else ""


def _values(option: Option, namespace: Mapping[str, object], names: Names) -> Iterable[str]:
    if option.completes:
        return _names(option, namespace, names)
    if option.kind == "switch":
        return ("on", "off")
    if option.kind == "limit":
        return ("auto", "off")
    return (*option.choices, "off") if option.off else option.choices


def _positional(verb: Verb, namespace: Mapping[str, object], names: Names) -> list[str]:
    return [
        name
        for option in verb.options
        if option.positional
        for name in _values(option, namespace, names)
    ]


def _names(option: Option, namespace: Mapping[str, object], names: Names) -> list[str]:
    if option.completes == "variables":
        return sorted(name for name in tuple(namespace) if not name.startswith("_"))
    known = names.get(option.completes)
    found = known() if known is not None else POOL_NAMES
    return list(dict.fromkeys(found))
