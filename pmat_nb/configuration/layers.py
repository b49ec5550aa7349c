"""What a source of settings says, before sources are ranked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from pmat_nb.settings import Value, setting

from .responses import Level

if TYPE_CHECKING:
    from .files import FileContent

__all__ = ["Kind", "Layer", "SettingRow", "file_layer", "parted"]

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


def file_layer(kind: Kind, content: FileContent, *, trusted: bool) -> Layer:
    """What a file says; of an untrusted one only what bounds, measures and shows."""
    source = f"{kind} {content.path}"
    if trusted:
        return Layer(
            kind, source, content.values, places=content.places, responses=content.responses
        )
    values, held = parted(content.values)
    # What is shown does not act; everything else in a level's table does.
    shown = {
        level: {name: value for name, value in fields.items() if name == "notify"}
        for level, fields in content.responses.items()
    }
    held.update(
        (f"responses.{level}.{name}", value)
        for level, fields in content.responses.items()
        for name, value in fields.items()
        if name != "notify"
    )
    return Layer(kind, source, values, {}, content.places, shown, held, trusted=False)


def parted(values: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, Any]]:
    """What bounds and measures, and what acts."""
    acts = {key: value for key, value in values.items() if setting(key).acts}
    return {key: value for key, value in values.items() if key not in acts}, acts
