"""Ranks the sources: of each setting the strongest value, bounded by the machine's caps.

A pure function of layers, strongest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pmat_nb.settings import SETTINGS, Option, Value, setting, spelled
from pmat_nb.units import LimitSpec

from .layers import Layer, SettingRow
from .responses import DEFAULTS, FIELDS, LEVELS, Level, Responses

__all__ = ["CAPPED", "Ranked", "beyond_cap", "caps_of", "rank", "rising"]

THRESHOLDS = ("pressure_low", "pressure_medium", "pressure_high")
CAPPED = (
    "max_total",
    *(o.key for o in SETTINGS if o.key.endswith("_pool") and o.kind == "size"),
)


class Ranked(NamedTuple):
    """What is in force. ``profile`` is the layer of the profile in force, if any."""

    rows: Mapping[str, SettingRow]
    responses: Mapping[Level, Responses]
    profile: Layer | None
    problems: tuple[str, ...]


def rank(layers: Sequence[Layer], make_profile: Callable[[str, Layer], Layer | None]) -> Ranked:
    """The strongest of each, ``layers`` being ordered from strong to weak.

    ``make_profile`` gives the values of the profile that a layer names; they rank just
    below that layer's own.
    """
    layers, problems = _with_rising_thresholds(layers)
    profile: Layer | None = None
    for place, layer in enumerate(layers):
        if "profile" in layer.values:
            profile = make_profile(str(layer.values["profile"]), layer)
            if profile is not None:
                layers = [*layers[: place + 1], profile, *layers[place + 1 :]]
            break
    caps = caps_of(layers)
    rows = {option.key: _row(option, layers, caps) for option in SETTINGS}
    return Ranked(rows, _responses(layers), profile, tuple(problems))


def caps_of(layers: Iterable[Layer]) -> dict[str, tuple[Value, str]]:
    """The machine's caps by key, each with its source.

    A size or a share of what is usable caps; ``auto``, ``off`` and ``+2GB`` do not.
    """
    return {
        key: (value, layer.source)
        for layer in layers
        if layer.kind == "machine"
        for key, value in layer.values.items()
        if key in CAPPED and _bounds(value)
    }


def _bounds(value: Value) -> bool:
    if isinstance(value, LimitSpec):
        return value.kind in ("absolute", "fraction")
    return isinstance(value, int)


def beyond_cap(value: Value, cap: Value) -> bool:
    """Whether ``value`` is certainly above ``cap``.

    A size and a share cannot be compared here; where the limit is put into force both
    are resolved, and the lower one counts.
    """
    if isinstance(value, LimitSpec) and isinstance(cap, LimitSpec):
        return value.kind == "off" or (value.kind == cap.kind and value.value > cap.value)
    return value == "off" or (isinstance(value, int) and isinstance(cap, int) and value > cap)


def rising(low: Value, medium: Value, high: Value) -> bool:
    """Whether the pressure thresholds rise."""
    bounds = [each for each in (low, medium, high) if isinstance(each, float)]
    return len(bounds) == 3 and bounds[0] < bounds[1] < bounds[2]


def _row(
    option: Option, layers: Iterable[Layer], caps: Mapping[str, tuple[Value, str]]
) -> SettingRow:
    waiting = ""
    value, source = option.default, "default"
    for layer in layers:
        if option.key in layer.values:
            value, source = layer.values[option.key], layer.source_of(option.key)
            break
        if option.key in layer.withheld and not waiting:
            text = spelled(option, layer.withheld[option.key])
            waiting = f" ({layer.source} says {text}: not trusted)"
    cap = caps.get(option.key)
    if cap is not None and beyond_cap(value, cap[0]):
        value, source = cap[0], f"{cap[1]} (a cap: {source} says {spelled(option, value)})"
    elif cap is not None and source != cap[1]:
        source += f" (at most {spelled(option, cap[0])}: {cap[1]})"
    return SettingRow(option.key, value, source + waiting, option.help)


def _with_rising_thresholds(layers: Sequence[Layer]) -> tuple[list[Layer], list[str]]:
    """Without the thresholds of layers that would put them out of order."""
    held = {key: setting(key).default for key in THRESHOLDS}
    kept: list[Layer] = []
    problems: list[str] = []
    for layer in reversed(layers):
        own = {key: layer.values[key] for key in THRESHOLDS if key in layer.values}
        if own and not rising(*{**held, **own}.values()):
            problems.append(_not_rising(layer, {**held, **own}, tuple(own)))
            rest = {k: v for k, v in layer.values.items() if k not in own}
            layer = layer._replace(values=rest)
        else:
            held.update(own)
        kept.append(layer)
    return kept[::-1], problems


def _not_rising(layer: Layer, held: Mapping[str, Value], own: Sequence[str]) -> str:
    low, medium, high = (spelled(setting(key), held[key]) for key in THRESHOLDS)
    return (
        f"{layer.place_of(own[0])}: the pressure levels must rise, but low is {low}, medium "
        f"{medium} and high {high}; for example low 30%, medium 60%, high 80%"
    )


def _responses(layers: Sequence[Layer]) -> dict[Level, Responses]:
    return {level: _response(level, layers) for level in LEVELS}


def _response(level: Level, layers: Sequence[Layer]) -> Responses:
    fields: dict[str, Any] = {}
    source = waiting = ""
    for layer in layers:
        given = layer.responses.get(level, {})
        fields = {**given, **fields}
        source = source or (layer.source if given else "")
        held = [name for name in FIELDS if f"responses.{level}.{name}" in layer.withheld]
        if held and not waiting:
            waiting = f" ({layer.source} sets {', '.join(held)}: not trusted)"
    return DEFAULTS[level]._replace(**fields, source=(source or "default") + waiting)
