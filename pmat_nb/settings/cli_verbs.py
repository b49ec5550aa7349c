"""Commands of the command line that are no magics; declared as the others are.

``pmat-nb`` has these and every verb of :mod:`.verbs` (``stats``, ``pools``, ...), which act on a
running kernel.
"""

from __future__ import annotations

from .option import Option, Verb

__all__ = ["CLI_VERBS", "KERNEL"]

# What every verb that needs a kernel takes beside its own options.
KERNEL: tuple[Option, ...] = (
    Option(
        "kernel",
        "text",
        "which kernel: its id or the start of it, its notebook's name or path, or its "
        "connection file; not needed where only one has loaded pmat_nb",
        metavar="WHICH",
    ),
)

CLI_VERBS: tuple[Verb, ...] = ()
