"""What an option and a command are, and how a single value is parsed."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from pmat_nb.errors import UsageError
from pmat_nb.units import LimitSpec, parse_duration, parse_fraction, parse_limit, parse_size

__all__ = ["FORMATS", "Kind", "Option", "Value", "Verb"]

Kind = Literal[
    "flag",
    "switch",
    "toggle",
    "choice",
    "count",
    "size",
    "limit",
    "duration",
    "fraction",
    "text",
    "path",
]
Value: TypeAlias = bool | int | float | str | LimitSpec | None

FORMATS = ("table", "compact", "json", "frame")
_TRUE = {"on", "true", "yes", "1"}
_FALSE = {"off", "false", "no", "0"}
# What a setting's key and environment variable say of the TOML table it stands in.
_PREFIXES = {"memory": "", "memory.pressure": "pressure_", "quality.gates.memory": "gate_"}


class Option(NamedTuple):
    """One option: how it is called, what it accepts, and what it means.

    ``name`` is the long spelling without dashes (``exact-peak``), ``table`` the TOML
    table where a setting stands, as ``toml_key``; Python and the environment use ``key``.
    ``switch`` options take ``on`` or ``off``, ``toggle`` ones are ``--x`` or ``--no-x``.
    ``optional`` is the value of an option given bare (``--watch``); ``positional`` options
    have no dashes; ``many`` ones take several words; ``pairs`` ones a name
    and a value, as often as one likes. ``off`` options also take the word
    ``off``. An option that ``acts`` does more than bound or measure: in a project's
    ``pmat.toml``, which is someone else's input, it counts only after ``--trust``.
    """

    name: str
    kind: Kind
    help: str
    default: Value = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    metavar: str = ""
    short: str = ""
    optional: Value = None
    positional: bool = False
    needed: bool = True
    off: bool = False
    completes: Literal["", "variables", "pools", "targets"] = ""
    table: str = "memory"
    acts: bool = False
    many: bool = False
    pairs: bool = False

    @property
    def toml_key(self) -> str:
        """Its key within ``table``: ``exact_peak``."""
        return self.name.replace("-", "_")

    @property
    def key(self) -> str:
        """Its spelling in Python and, in capitals, the environment: ``pressure_low``."""
        return _PREFIXES[self.table] + self.toml_key

    @property
    def spelled(self) -> str:
        """How messages name it: ``--exact-peak``, or ``NAME`` for a positional."""
        return self.metavar or self.name.upper() if self.positional else f"--{self.name}"

    def parse(self, value: object, *, called: str = "") -> Value:
        """``value`` as this option's type.

        Raises:
            UsageError: naming the option, the value, and an example that would work.
        """
        called = called or self.spelled
        if self.off and str(value).strip().lower() == "off":
            return "off"
        parsed = self._parse_kind(value, called)
        self._check_bounds(parsed, called)
        return parsed

    def _parse_kind(self, value: object, called: str) -> Value:
        text = str(value).strip()
        if self.kind in ("flag", "switch", "toggle"):
            return _parse_switch(value, called)
        if self.kind == "choice":
            return _parse_choice(text, self.choices, called)
        if self.kind == "count":
            if not text.removeprefix("-").isdecimal():
                example = int(self.minimum or 1)
                raise UsageError(
                    f"{called}: {text!r} is not a whole number; for example {called} {example}"
                )
            return int(text)
        if self.kind == "size":
            return parse_size(text, option=called)
        if self.kind == "limit":
            return parse_limit(text, option=called)
        if self.kind == "duration":
            return self._parse_duration(text, called)
        if self.kind == "fraction":
            return parse_fraction(text, option=called)
        if not text:
            raise UsageError(f"{called}: needs a value; for example {called} {self.metavar}")
        return text

    def _parse_duration(self, text: str, called: str) -> Value:
        usual = self.optional if self.default is None else self.default
        if isinstance(usual, (int, float)):
            # An example of the order that the option is about.
            return parse_duration(text, option=called, example=f"{usual:g}s")
        return parse_duration(text, option=called)

    def _check_bounds(self, value: Value, called: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return
        if self.minimum is not None and value < self.minimum:
            raise UsageError(
                f"{called}: {value:g} is below {self.minimum:g}; the least is "
                f"{called} {self.minimum:g}"
            )
        if self.maximum is not None and value > self.maximum:
            raise UsageError(
                f"{called}: {value:g} is above {self.maximum:g}; the most is "
                f"{called} {self.maximum:g}"
            )


def _parse_switch(value: object, called: str) -> bool:
    lowered = str(value).strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise UsageError(f"{called}: {value!r} is not on or off; for example {called} off")


def _parse_choice(text: str, choices: tuple[str, ...], called: str) -> str:
    if "on" in choices and text.lower() in _TRUE | _FALSE:
        return "on" if text.lower() in _TRUE else "off"
    if text.lower() in choices:
        return text.lower()
    import difflib

    nearest = difflib.get_close_matches(text.lower(), choices, n=1) or choices[:1]
    raise UsageError(
        f"{called}: {text!r} is not one of {', '.join(choices)}; for example {called} {nearest[0]}"
    )


class Verb(NamedTuple):
    """One command: ``%pmat_stats`` in a notebook, ``pmat-nb stats`` in a shell.

    ``reports`` verbs return a report and so take ``--format`` and ``--output``. ``cell``
    verbs are cell magics as well, which arm the cell that they head.
    """

    name: str
    help: str
    options: tuple[Option, ...] = ()
    reports: bool = False
    examples: tuple[str, ...] = ()
    cell: bool = False

    @property
    def magic(self) -> str:
        """The magic's name without percent signs; the bare ``status`` is ``pmat``."""
        return "pmat" if self.name == "status" else f"pmat_{self.name}"

    def all_options(self) -> tuple[Option, ...]:
        """Its own options, then those that every report takes."""
        return (*self.options, FORMAT, OUTPUT) if self.reports else self.options


FORMAT = Option(
    "format",
    "choice",
    "how to show the result",
    default="table",
    choices=FORMATS,
    metavar="FORMAT",
)
OUTPUT = Option(
    "output",
    "path",
    "write to FILE instead of the notebook; - is standard output",
    metavar="FILE",
    short="o",
)
