"""Values that a session may not set, refused with what would work instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pmat_nb.errors import UsageError
from pmat_nb.settings import Value, setting, spelled

from .layers import Layer
from .ranking import THRESHOLDS, beyond_cap, caps_of, rising

__all__ = ["refuse_beyond_cap", "refuse_not_rising"]


def refuse_beyond_cap(key: str, value: Value, layers: Iterable[Layer]) -> None:
    """Raise UsageError if ``value`` is above the machine's cap on ``key``, if there is one."""
    found = caps_of(layers).get(key)
    if found is not None and beyond_cap(value, found[0]):
        option = setting(key)
        most = spelled(option, found[0])
        raise UsageError(
            f"{option.spelled}: {spelled(option, value)} is above the cap of {most} in "
            f"{found[1]}, which nobody can raise; the most is {option.spelled} {most}"
        )


def refuse_not_rising(values: Mapping[str, Value]) -> None:
    """Raise UsageError if the pressure thresholds among ``values`` do not rise."""
    low, medium, high = (values[key] for key in THRESHOLDS)
    if not rising(low, medium, high):
        texts = [spelled(setting(THRESHOLDS[0]), value) for value in (low, medium, high)]
        raise UsageError(
            f"the pressure levels must rise, but --low would be {texts[0]}, --medium "
            f"{texts[1]} and --high {texts[2]}; for example --low 30% --medium 60% --high 80%"
        )
