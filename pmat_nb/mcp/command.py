"""``pmat-nb mcp``: serve until the client closes standard input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pmat_nb.errors import UnavailableError, UsageError
from pmat_nb.settings import Verb

__all__ = ["command"]


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Serve; returns 0 when the client has gone.

    Raises:
        UnavailableError: the SDK is not installed, or of another major version.
        UsageError: ``--folder`` is none.
    """
    folder = Path(options["folder"] or ".").expanduser()
    if not folder.is_dir():
        raise UsageError(f"--folder: there is no folder {str(folder)!r}; for example --folder .")
    _require_sdk()
    from .server import make_server

    make_server(folder.resolve()).run("stdio")
    return 0


def _require_sdk() -> None:
    try:
        from mcp.server.mcpserver import MCPServer  # noqa: F401 - only whether it is there
    except ImportError as missing:
        raise UnavailableError(
            f"pmat-nb mcp needs the MCP SDK, version 2 or later ({missing}); "
            "pip install 'pmat_nb[mcp]'"
        ) from missing
