"""What a mark or a call of the fixture asks for, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from pmat_nb.errors import UsageError
from pmat_nb.units import parse_duration, parse_fraction, parse_size

__all__ = ["Options"]

_EXAMPLE = '@pytest.mark.pmat_leaks(repeat=40, max_time="30s")'


class Options(NamedTuple):
    """How often and how long to run, and what counts as a leak.

    ``repeat`` bounds the runs, the ``warmup`` first of which are not judged; they end
    earlier when the verdict is sure, and after ``max_time_s``. A leak fails from
    ``min_bytes`` per run and from this ``confidence`` (0..1) on.
    """

    repeat: int | None = 40
    warmup: int = 3
    max_time_s: float | None = None
    min_bytes: int = 256
    confidence: float = 0.9

    @classmethod
    def of(cls, config: pytest.Config, asked: Mapping[str, Any]) -> Options:
        """The command line, then what is asked, then the setting, then the defaults.

        Raises:
            UsageError: an unknown name, or a value out of bounds.
        """
        unknown = asked.keys() - {"repeat", "warmup", "max_time", "min_bytes", "confidence"}
        if unknown:
            raise UsageError(
                f"pmat_leaks: no argument {min(unknown)!r}; there are repeat, warmup, max_time, "
                f"min_bytes and confidence: {_EXAMPLE}"
            )
        max_time = asked.get("max_time")
        found = cls(
            repeat=_repeat(config, asked.get("repeat")),
            warmup=_whole("warmup", asked.get("warmup", 3), 0),
            max_time_s=None if max_time is None else parse_duration(max_time, option="max_time"),
            min_bytes=parse_size(asked.get("min_bytes", 256), option="min_bytes"),
            confidence=parse_fraction(asked.get("confidence", 0.9), option="confidence"),
        )
        if found.repeat is not None and 1 < found.repeat <= found.warmup:
            raise UsageError(
                f"pmat_leaks: {found.repeat} runs, of which {found.warmup} are warm-up, leave "
                f"none to judge; say repeat={found.warmup + 20}"
            )
        return found

    @staticmethod
    def check(config: pytest.Config) -> None:
        """Raises UsageError for an option or a setting that is no number of runs."""
        _repeat(config, None)

    @property
    def looks(self) -> bool:
        """Whether to look for leaks at all: from two runs on."""
        return self.repeat is None or self.repeat > 1


def _repeat(config: pytest.Config, asked: object) -> int:
    told = config.getoption("--pmat-leaks-repeat")
    if told is not None:
        return _whole("--pmat-leaks-repeat", told, 0)
    if asked is not None:
        return _whole("repeat", asked, 2)
    setting = str(config.getini("pmat_leaks_repeat") or "").strip()
    return _whole("pmat_leaks_repeat", setting, 0) if setting else 40


def _whole(name: str, value: object, least: int) -> int:
    try:
        number = value if type(value) is int else int(value) if type(value) is str else None
    except ValueError:
        number = None
    if number is None or number < least:
        raise UsageError(
            f"pmat_leaks: {name}={value!r} is not a whole number of at least {least}; "
            f"for example {_EXAMPLE}"
        )
    return number
