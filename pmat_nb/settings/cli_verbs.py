"""Commands of the command line that are no magics; declared as the others are.

``pmat-nb`` has these and every verb of :mod:`.verbs` (``stats``, ``pools``, ...), which act on a
running kernel.
"""

from __future__ import annotations

from .option import Option, Verb
from .run_verb import RUN

__all__ = ["CLI_VERBS", "KERNEL", "MORE"]

# What every verb that needs a kernel takes beside its own options.
KERNEL: tuple[Option, ...] = (
    Option(
        "kernel",
        "text",
        "which kernel: its id or the start of it, its notebook's name or path, or its "
        "connection file; not needed where only one has loaded pmat_nb",
        metavar="WHICH",
    ),
    Option(
        "timeout",
        "duration",
        "how long to wait for a busy kernel; by default 30 s, 3 s where its last figures will do",
        unit="s",
        minimum=0.1,
        maximum=86_400,
        metavar="SECONDS",
    ),
)
_LEVELS = ("low", "medium", "high", "critical")
_NOTEBOOK = Option("notebook", "path", "only of this notebook; by default of all", metavar="PATH")

# What some of the verbs take beside that.
MORE: dict[str, tuple[Option, ...]] = {
    "stats": (
        Option("all", "flag", "a table of every kernel on this machine, with --watch like top"),
    ),
    "history": (_NOTEBOOK,),
}

_HEALTH = Verb(
    "health",
    "whether the kernels answer and are below a level, for a container's health check",
    (
        *KERNEL,
        Option("all", "flag", "also kernels of yours that have not loaded pmat_nb"),
        Option(
            "max-level",
            "choice",
            "the highest level that is healthy",
            default="high",
            choices=_LEVELS,
            metavar="LEVEL",
        ),
        Option("none-ok", "flag", "healthy too where no kernel runs"),
    ),
    reports=True,
    examples=("", "--max-level medium --timeout 5", "--all --none-ok"),
)
_METRICS = Verb(
    "metrics",
    "figures of every kernel of yours for Prometheus, until Ctrl-C",
    (
        Option(
            "port",
            "count",
            "where to listen; 0 takes a free one",
            default=9095,
            minimum=0,
            maximum=65_535,
            metavar="PORT",
        ),
        Option(
            "address",
            "text",
            "on which address; others than this machine's see kernels' names and figures",
            default="127.0.0.1",
            metavar="ADDRESS",
        ),
        Option("once", "flag", "print the figures and end"),
    ),
    examples=("", "--port 0", "--once"),
)
_RECOVER = Verb(
    "recover",
    "clear what dead kernels left, set your settings aside and start with the profile minimal",
    (Option("dry-run", "flag", "show what would be done and do nothing"),),
    reports=True,
    examples=("--dry-run", ""),
)
_COMPLETION = Verb(
    "completion",
    "a script that completes pmat-nb's commands and options in your shell",
    (
        Option(
            "shell",
            "choice",
            "which shell",
            choices=("bash", "zsh", "fish"),
            positional=True,
            metavar="SHELL",
        ),
    ),
    examples=("bash > ~/.local/share/bash-completion/completions/pmat-nb",),
)

_MCP = Verb(
    "mcp",
    "the kernels' figures as tools for an agent (Model Context Protocol, over standard input)",
    (
        Option(
            "folder",
            "path",
            "the folder whose notebooks the agent may run; by default the working folder",
            metavar="FOLDER",
        ),
    ),
    examples=("", "--folder notebooks"),
)

CLI_VERBS: tuple[Verb, ...] = (RUN, _HEALTH, _METRICS, _RECOVER, _COMPLETION, _MCP)
