"""The settings that a session remembers, each declared once.

``%pmat_configure``, the environment, TOML and traitlets derive from this table.
Reading and ranking those sources is ``pmat_nb.configuration``'s work.
"""

from __future__ import annotations

from pmat_nb.errors import UsageError
from pmat_nb.units import LimitSpec

from .measuring_values import MEASURING
from .option import Option
from .pool_values import CACHES, GROWTHS, POLICIES, POOL_NAMES, POOLS
from .pressure_values import GATES, PRESSURE

__all__ = [
    "GROUPS",
    "GROWTHS",
    "POLICIES",
    "POOL_NAMES",
    "PROFILES",
    "SETTINGS",
    "setting",
]

PROFILES = (
    "pmat",
    "large-project",
    "ci-pipeline",
    "interactive",
    "container",
    "low-memory",
    "balanced",
    "performance",
    "minimal",
)

_LIMITS = (
    Option(
        "profile",
        "choice",
        "a set of values for a kind of machine or work; ranks just below the explicit values "
        "of the source that names it",
        default="none",
        choices=("none", "auto", *PROFILES),
        metavar="NAME",
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
        "save-state",
        "toggle",
        "save the variables (as %pmat_save does) when a cell is stopped at its limit",
        default=False,
        acts=True,
    ),
)

_COLLECTING = (
    Option(
        "gc-interval",
        "duration",
        "time between two full garbage collections of ours, made between cells; off: none",
        default=600.0,
        unit="s",
        minimum=1.0,
        off=True,
        metavar="TIME",
    ),
    Option(
        "gc-threshold",
        "fraction",
        "memory pressure at which the collection comes before its time",
        default=0.8,
        minimum=0.05,
        maximum=1.0,
        metavar="FRACTION",
    ),
)

# In the order in which they are shown.
GROUPS: tuple[tuple[str, tuple[Option, ...]], ...] = (
    ("limits", _LIMITS),
    ("pools", POOLS),
    ("our own caches", CACHES),
    ("garbage collection", _COLLECTING),
    ("pressure", PRESSURE),
    ("gates", GATES),
    ("measuring", MEASURING),
)

SETTINGS: tuple[Option, ...] = tuple(option for _, options in GROUPS for option in options)
_BY_KEY = {option.key: option for option in SETTINGS}


def setting(key: str) -> Option:
    """The setting called ``key`` (``exact_peak`` or ``exact-peak``).

    Raises:
        UsageError: no such setting; the message names the nearest one.
    """
    wanted = key.replace("-", "_")
    if wanted in _BY_KEY:
        return _BY_KEY[wanted]
    import difflib

    near = difflib.get_close_matches(wanted, _BY_KEY, n=1, cutoff=0.3)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"no setting is called {key!r}{hint}")
