"""The layer of values that a profile's name stands for, as trusted as the layer that names it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .layers import Layer, parted

__all__ = ["ProfileLayers"]


class ProfileLayers:
    """Makes them. ``usable_bytes`` is what ``auto`` goes by, asked once and only for it."""

    def __init__(self, usable_bytes: Callable[[], int | None]) -> None:
        self._usable_bytes = usable_bytes
        self._picked: tuple[str, str] | None = None

    def make(self, name: str, named_by: Layer) -> Layer | None:
        """The layer of the profile ``name``; None for ``none``."""
        if name == "none":
            return None
        from .profiles import pick, profile_values

        words = named_by.source_of("profile")
        if name == "auto":
            if self._picked is None:
                # Once: a profile that changed with free memory would change limits by itself.
                self._picked = pick(self._usable_bytes())
            name, words = self._picked
        source = f"profile {name} ({words})"
        values = profile_values(name)
        if named_by.trusted:
            return Layer("profile", source, values)
        free, held = parted(values)
        return Layer("profile", source, free, withheld=held)

    def withheld(self, layer: Layer) -> Mapping[str, Any]:
        """What does not count, for want of trust, of the profile that ``layer`` names."""
        name = str(layer.values.get("profile", "none"))
        # What `auto` stands for is not asked just to report it.
        made = None if name == "auto" else self.make(name, layer)
        return {} if made is None else made.withheld
