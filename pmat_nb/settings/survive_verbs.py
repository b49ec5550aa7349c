"""Commands that limit cells, and that keep variables beyond the kernel."""

from __future__ import annotations

from .option import Option, Verb

__all__ = ["LIMIT", "RESTORE", "SAVE"]

LIMIT = Verb(
    "limit",
    "stop a cell before it takes more memory than this; alone: what is in force",
    (
        Option(
            "size",
            "limit",
            "a size, 80%, +2GB, auto or off; above a cell: what the cell may add, auto for "
            "what is left of the kernel's automatic limit, off for no limit in this cell",
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
)

SAVE = Verb(
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
)

RESTORE = Verb(
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
)
