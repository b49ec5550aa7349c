"""Colours by what they stand for, the same in HTML and in plots.

The hues are Okabe and Ito's (Color Universal Design, 2008), told apart under the
common kinds of colour blindness, a little moved so that they read on white and on
near-black alike. No fact is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HUES", "LEVEL_HUES", "hue_of"]

HUES: Mapping[str, str] = {
    "analysis": "#2f7fc1",
    "cache": "#e08e0b",
    "temp": "#cc6aa0",
    "string": "#c9b21a",
    "ast": "#56b4e9",
    "other": "#9a8478",
    "libraries": "#0f9d76",
    "slack": "#8e949c",
    "unattributed": "#bfc4ca",
    "children": "#7a5fb5",
    "limit": "#d1495b",
}

LEVEL_HUES: Mapping[str, str] = {
    "LOW": "#0f7a5c",
    "MEDIUM": "#8a6a00",
    "HIGH": "#b84a00",
    "CRITICAL": "#b3123f",
}

# Pools that users create take these in turn.
_SPARE = ("#7a5fb5", "#b5653a", "#4b8f9e", "#8aa02f")


def hue_of(name: str) -> str:
    """The colour of a part of memory; an unknown name always gets the same spare one."""
    return (
        HUES.get(name)
        or LEVEL_HUES.get(name)
        or _SPARE[sum(name.encode("utf-8", "replace")) % len(_SPARE)]
    )
