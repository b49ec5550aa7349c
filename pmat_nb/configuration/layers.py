"""What a source of settings says, before sources are ranked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from pmat_nb.settings import Value

from .responses import Level

__all__ = ["Kind", "Layer", "SettingRow"]

Kind: TypeAlias = Literal[
    "session", "environment", "project", "traitlets", "user", "machine", "profile"
]
_NOTHING: Mapping[Any, Any] = {}


class SettingRow(NamedTuple):
    """One line of ``%pmat_configure``: a setting, its value and who set it."""

    key: str
    value: Value
    source: str
    help: str


class Layer(NamedTuple):
    """The values of one source.

    ``sources`` names single values' sources where they differ from ``source`` (a
    variable of the environment); ``places`` says where a value stands (``file:line``).
    ``withheld`` is what does not count until the file is trusted: settings by key, and
    responses as ``responses.HIGH.actions``.
    """

    kind: Kind
    source: str
    values: Mapping[str, Value]
    sources: Mapping[str, str] = _NOTHING
    places: Mapping[str, str] = _NOTHING
    responses: Mapping[Level, Mapping[str, Any]] = _NOTHING
    withheld: Mapping[str, Any] = _NOTHING
    trusted: bool = True

    def source_of(self, key: str) -> str:
        """Who set ``key``, for people."""
        return self.sources.get(key, self.source)

    def place_of(self, key: str) -> str:
        """Where ``key`` is set, for error messages."""
        return self.places.get(key, self.source_of(key))
