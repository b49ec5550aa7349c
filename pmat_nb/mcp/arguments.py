"""Arguments that a tool does not take, told in one line: which, what was given, what it takes.

The words come from the tool's published schema, so that they cannot differ from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pmat_nb.render.texts import clean, cut

__all__ = ["refusal"]

_WIDTH = 60
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "null": "null",
    "object": "an object",
}


def refusal(schema: Mapping[str, Any], given: Mapping[str, Any], names: Iterable[str]) -> str:
    """One line on the arguments ``names``, which ``schema`` does not take as ``given``."""
    takes = schema["properties"]
    told = [_told(takes, given, name) for name in dict.fromkeys(names)]
    if any(name not in takes for name in given):
        told.append(f"arguments are {', '.join(takes) or 'none'}")
    return "; ".join(told)


def _told(takes: Mapping[str, Any], given: Mapping[str, Any], name: str) -> str:
    if name not in takes:
        return _unknown(name, list(takes))
    one = takes[name]
    allowed = _either(_allowed(one))
    if name not in given:
        return f"{name} is missing: it takes {allowed} ({one['description']})"
    default = one.get("default")
    without = "" if default is None else f", by default {json.dumps(default)}"
    return f"{name} cannot be {_shown(given[name])}: it takes {allowed}{without}"


def _unknown(name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"there is no argument {_shown(name)}" + (f", but {near[0]}" if near else "")


def _shown(value: object) -> str:
    return cut(clean(json.dumps(value, ensure_ascii=False)), _WIDTH)


def _allowed(schema: Mapping[str, Any]) -> list[str]:
    """What a schema allows, in words."""
    if "anyOf" in schema:
        return [words for one in schema["anyOf"] for words in _allowed(one)]
    if schema["type"] == "boolean":
        return ["true", "false"]
    words = _WORDS[schema["type"]]
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        words += f" from {least:g} to {most:g}"
    if "additionalProperties" in schema:
        words += f" of names, each with ({_either(_allowed(schema['additionalProperties']))})"
    return [words]


def _either(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
