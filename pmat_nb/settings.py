"""Every option of pmat_nb, declared once.

Two tables: :data:`SETTINGS` are remembered by the session (environment, TOML and
``%pmat_configure`` derive from them); :data:`VERBS` are the commands, whose options
the magics' argument parsers, their help, Tab completion, the command line and the
reference docs derive from. Reading and ranking the sources is
``pmat_nb.configuration``'s work; this module only declares and parses single values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .errors import UsageError
from .units import LimitSpec, parse_duration, parse_fraction, parse_limit, parse_size

__all__ = ["FORMATS", "SETTINGS", "VERBS", "Kind", "Option", "Verb", "setting", "verb"]

Kind = Literal[
    "flag", "switch", "choice", "count", "size", "limit", "duration", "fraction", "text", "path"
]
Value: TypeAlias = bool | int | float | str | LimitSpec | None

FORMATS = ("table", "compact", "json", "frame")
_TRUE = {"on", "true", "yes", "1"}
_FALSE = {"off", "false", "no", "0"}


@dataclass(frozen=True, slots=True)
class Option:
    """One option: how it is called, what it accepts, and what it means.

    ``name`` is the long spelling without dashes (``exact-peak``); TOML and Python
    use ``key`` (``exact_peak``). ``optional`` is the value of an option given bare
    (``--watch``); ``positional`` options have no dashes. ``off`` options also take
    the word ``off``.
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
    completes: Literal["", "variables"] = ""

    @property
    def key(self) -> str:
        """The spelling of TOML, environment and Python: ``exact_peak``."""
        return self.name.replace("-", "_")

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
        if self.kind in ("flag", "switch"):
            return _parse_switch(value, called)
        if self.kind == "choice":
            return _parse_choice(text, self.choices, called)
        if self.kind == "count":
            if not text.isdecimal():
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
            return parse_duration(text, option=called)
        if self.kind == "fraction":
            return parse_fraction(text, option=called)
        if not text:
            raise UsageError(f"{called}: needs a value; for example {called} {self.metavar}")
        return text

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
    if text.lower() in choices:
        return text.lower()
    import difflib

    nearest = difflib.get_close_matches(text.lower(), choices, n=1) or choices[:1]
    raise UsageError(
        f"{called}: {text!r} is not one of {', '.join(choices)}; for example {called} {nearest[0]}"
    )


@dataclass(frozen=True, slots=True)
class Verb:
    """One command: ``%pmat_stats`` in a notebook, ``pmat-nb stats`` in a shell.

    ``reports`` verbs return a report and so take ``--format`` and ``--output``. ``cell``
    verbs are cell magics as well, which arm the cell that they head.
    """

    name: str
    help: str
    options: tuple[Option, ...] = ()
    reports: bool = False
    examples: tuple[str, ...] = field(default=())
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

SETTINGS: tuple[Option, ...] = (
    Option(
        "exact-peak",
        "switch",
        "read each cell's exact peak by resetting VmHWM (Linux); this also resets the "
        "process's ru_maxrss, so turn it off where other tools rely on that",
        default=True,
    ),
    Option(
        "record-source",
        "choice",
        "what the history keeps of a cell's source",
        default="first-line",
        choices=("hash", "first-line", "full"),
        metavar="WHAT",
    ),
    Option(
        "history",
        "switch",
        "keep one row per cell in the history database of the user's state folder",
        default=True,
    ),
    Option(
        "history-sessions",
        "count",
        "sessions kept in the history before the oldest are pruned",
        default=200,
        minimum=1,
        maximum=100_000,
        metavar="N",
    ),
    Option(
        "sizing-budget",
        "duration",
        "time that %pmat_stats and %pmat_vars may spend on sizing before they show lower bounds",
        default=0.25,
        unit="s",
        minimum=0.001,
        maximum=3600,
        metavar="SECONDS",
    ),
    Option(
        "sample-interval",
        "duration",
        "time between two background samples of the kernel's memory",
        default=1.0,
        unit="s",
        minimum=0.1,
        maximum=3600,
        metavar="SECONDS",
    ),
    Option(
        "max-total",
        "limit",
        "the kernel's memory limit: a cell that would take the kernel over it is stopped; "
        "auto is what is usable less a reserve, off switches the guard off",
        default=LimitSpec("auto"),
        unit="bytes",
        metavar="SIZE",
    ),
    Option(
        "notices",
        "choice",
        "which one-line notices appear by themselves",
        default="important",
        choices=("off", "important", "all"),
        metavar="WHICH",
    ),
    Option(
        "save-state",
        "switch",
        "save the variables (as %pmat_save does) when a cell is stopped at its limit",
        default=False,
    ),
)

_NAME = Option("name", "text", "a variable", positional=True, metavar="NAME", completes="variables")
_TOP = Option(
    "top", "count", "show the N largest", minimum=1, maximum=1_000_000, metavar="N", default=20
)

VERBS: tuple[Verb, ...] = (
    Verb("status", "where the kernel's memory stands, and what makes sense next", reports=True),
    Verb(
        "stats",
        "where the kernel's memory is: pools, libraries, allocators, limits",
        (
            Option("detailed", "flag", "also pools, largest variables, allocators, limits"),
            Option(
                "watch",
                "duration",
                "refresh every SECONDS while later cells run; off stops it",
                unit="s",
                minimum=0.1,
                maximum=3600,
                metavar="SECONDS",
                optional=2.0,
                off=True,
            ),
            Option(
                "by",
                "choice",
                "break the memory down by this instead",
                choices=("pool", "variable", "cell", "type"),
                metavar="WHAT",
            ),
            Option(
                "analyze-log",
                "path",
                "summarise an NDJSON log instead of this kernel",
                metavar="FILE",
            ),
        ),
        reports=True,
        examples=("--detailed", "--by variable", "--watch 5", "--format json -o stats.json"),
    ),
    Verb(
        "vars",
        "what each variable holds, largest first",
        (
            Option("exact", "flag", "no time budget: size everything, however long it takes"),
            _TOP,
        ),
        reports=True,
        examples=("--top 5", "--exact --format frame"),
    ),
    Verb("why", "what keeps a variable's object alive", (_NAME,), reports=True, examples=("df",)),
    Verb(
        "limit",
        "stop a cell before it takes more memory than this; alone: what is in force",
        (
            Option(
                "size",
                "limit",
                "a size, 80%, +2GB, auto or off; above a cell: what the cell may add",
                unit="bytes",
                positional=True,
                needed=False,
                metavar="SIZE",
            ),
            Option(
                "scope",
                "choice",
                "whether SIZE is what the cell may add or what the whole kernel may reach",
                choices=("cell", "total"),
                metavar="WHAT",
            ),
            Option(
                "ceiling",
                "choice",
                "refuse a single allocation that is too large before it gets a page; auto is "
                "off once a library is loaded that ends the process then (polars)",
                default="auto",
                choices=("auto", "on", "off"),
                metavar="WHEN",
            ),
            Option("warn-only", "flag", "say that the limit was exceeded, but stop nothing"),
            Option(
                "restore-names",
                "flag",
                "after a stop put back the names that the cell bound; the old values stay in "
                "memory meanwhile, and in-place changes are not undone",
            ),
            Option("keep-frames", "flag", "after a stop keep the frames' variables for %debug"),
        ),
        reports=True,
        examples=("2GB", "80%", "auto", "off"),
        cell=True,
    ),
    Verb(
        "save",
        "variables to disk, signed and in one file",
        (
            Option(
                "path",
                "path",
                "the file; by default one per notebook in the user's state folder",
                positional=True,
                needed=False,
                metavar="PATH",
            ),
            Option("vars", "text", "only these, separated by commas", metavar="LIST"),
        ),
        reports=True,
        examples=("", "work.pmat --vars df,model"),
    ),
    Verb(
        "restore",
        "variables back from disk",
        (
            Option(
                "path",
                "path",
                "the file; by default what %pmat_save wrote last for this notebook",
                positional=True,
                needed=False,
                metavar="PATH",
            ),
            Option("vars", "text", "only these, separated by commas", metavar="LIST"),
        ),
        reports=True,
        examples=("", "work.pmat --vars df"),
    ),
    Verb(
        "history",
        "what each cell cost, in this and earlier sessions",
        (
            Option("sessions", "flag", "one row per session instead of per cell"),
            Option("deaths", "flag", "kernels of this notebook that died, and in which cell"),
            Option("plot", "flag", "draw it"),
            Option("forecast", "flag", "when re-run cells will reach the limit"),
        ),
        reports=True,
        examples=("--sessions", "--forecast", "--plot"),
    ),
    Verb(
        "configure",
        "show every setting with its value and source, or change some",
        (*SETTINGS, Option("reset", "flag", "forget what was set in this session")),
        reports=True,
        examples=("--exact-peak off", "--sizing-budget 1s"),
    ),
)


def setting(key: str) -> Option:
    """The setting called ``key`` (``exact_peak`` or ``exact-peak``).

    Raises:
        UsageError: no such setting; the message names the nearest one.
    """
    wanted = key.replace("_", "-")
    for option in SETTINGS:
        if option.name == wanted:
            return option
    import difflib

    near = difflib.get_close_matches(wanted, [option.name for option in SETTINGS], n=1, cutoff=0.3)
    hint = f"; did you mean {near[0].replace('-', '_')}?" if near else ""
    raise UsageError(f"no setting is called {key!r}{hint}")


def verb(name: str) -> Verb:
    """The verb called ``name``; KeyError if there is none."""
    return next(v for v in VERBS if v.name == name)
