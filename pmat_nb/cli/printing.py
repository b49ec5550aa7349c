"""Where reports go: the terminal, safe for it, or a file."""

from __future__ import annotations

import sys
from pathlib import Path

from pmat_nb.render.output import as_text, write_bytes, write_output
from pmat_nb.render.report import Report
from pmat_nb.render.texts import clean

__all__ = ["deliver", "deliver_content", "show"]


def show(text: str) -> None:
    """Print ``text``; what a name or a line of code could do to a terminal becomes escapes."""
    safe = "\n".join(clean(line) for line in text.split("\n"))
    encoding = sys.stdout.encoding or "utf-8"
    print(safe.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def deliver(report: Report, format: str | None, output: str | None) -> None:
    """A report of this process, as ``--format`` and ``-o`` ask."""
    if output is None or output == "-":
        show(as_text(report, format or "table"))
    else:
        write_output(report, format or "table", output)


def deliver_content(data: bytes, output: str) -> None:
    """What a kernel made for the file ``output``."""
    write_bytes(Path(output).expanduser(), data)
