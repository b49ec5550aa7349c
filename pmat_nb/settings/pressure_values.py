"""Settings of pressure and its gates."""

from __future__ import annotations

from .option import Option

__all__ = ["GATES", "PRESSURE"]

PRESSURE: tuple[Option, ...] = (
    Option(
        "low",
        "fraction",
        "pressure up to which the level is LOW",
        default=0.30,
        minimum=0.05,
        maximum=0.98,
        metavar="FRACTION",
        table="memory.pressure",
    ),
    Option(
        "medium",
        "fraction",
        "pressure up to which the level is MEDIUM",
        default=0.60,
        minimum=0.06,
        maximum=0.99,
        metavar="FRACTION",
        table="memory.pressure",
    ),
    Option(
        "high",
        "fraction",
        "pressure up to which the level is HIGH; from here on it is CRITICAL",
        default=0.80,
        minimum=0.07,
        maximum=1.0,
        metavar="FRACTION",
        table="memory.pressure",
    ),
    Option(
        "auto-respond",
        "toggle",
        "carry out the responses of a pressure level when it is entered",
        default=False,
        table="memory.pressure",
        acts=True,
    ),
    Option(
        "exit-kernel",
        "toggle",
        "let the response exit_gracefully end the kernel after saving, not only the cell",
        default=False,
        table="memory.pressure",
        acts=True,
    ),
)

_GATES = "quality.gates.memory"


def _size(name: str, help: str) -> Option:
    """A gate on bytes."""
    return Option(
        name, "size", help, default="off", unit="bytes", off=True, metavar="SIZE", table=_GATES
    )


GATES: tuple[Option, ...] = (
    Option(
        "enabled",
        "switch",
        "whether %pmat_gate and pmat-nb run check the memory gates",
        default=True,
        table=_GATES,
    ),
    _size("max-memory-usage", "the most that the kernel and its children may reach; off: any"),
    Option(
        "max-pressure-level",
        "choice",
        "the highest pressure level that passes; off: any",
        default="off",
        choices=("low", "medium", "high", "critical"),
        off=True,
        metavar="LEVEL",
        table=_GATES,
    ),
    _size(
        "max-cell-memory",
        "the most that any one cell may add at its peak, to what the kernel held before it; "
        "off: any",
    ),
    _size("max-cell-growth", "the most that any one cell may leave behind; off: any"),
    _size(
        "max-notebook-growth",
        "the most that RSS may have grown from before the first cell to the end; off: any",
    ),
    Option(
        "require-cleanup-after",
        "switch",
        "whether RSS at the end, after a cleanup, must be within 10% of the start",
        default=False,
        table=_GATES,
    ),
)
