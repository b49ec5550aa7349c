"""The server as an agent's client starts it: a process, spoken to over its standard streams."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from support.kernel import Kernel

if TYPE_CHECKING:
    from mcp import ClientSession

__all__ = ["Reply", "call", "calls", "serve"]

_Found = TypeVar("_Found")


class Reply(NamedTuple):
    """What a tool answered: its figures, or an error's text."""

    failed: bool
    found: Any
    text: str

    def figures(self) -> Any:
        assert not self.failed, self.text
        return self.found

    def error(self) -> str:
        assert self.failed, self.found
        return self.text


def serve(
    kernel: Kernel,
    work: Callable[[ClientSession], Awaitable[_Found]],
    *,
    folder: Path | None = None,
    timeout: float = 120,
) -> _Found:
    """What ``work`` makes of a session with a server at home where ``kernel`` is."""
    # Inside: the oldest set of packages has no SDK, and collects this file all the same.
    from mcp import ClientSession, StdioServerParameters, stdio_client

    words = ["-m", "pmat_nb", "mcp", *([] if folder is None else ["--folder", str(folder)])]
    server = StdioServerParameters(
        command=sys.executable,
        args=words,
        env=kernel._environment({}),
        cwd=kernel.folder / "work",
    )

    async def run() -> _Found:
        with tempfile.TemporaryFile("w+") as log:
            async with stdio_client(server, log) as streams, ClientSession(*streams) as session:
                await session.initialize()
                found = await work(session)
            log.seek(0)
            assert "Traceback" not in (told := log.read()), told
            return found

    return asyncio.run(asyncio.wait_for(run(), timeout))


async def ask(session: ClientSession, tool: str, /, **arguments: Any) -> Reply:
    """One call; the SDK checks what comes against the tool's published schema."""
    said = await session.call_tool(tool, arguments)
    text = "".join(getattr(part, "text", "") for part in said.content)
    return Reply(bool(said.is_error), said.structured_content, text)


def call(server: Kernel, tool: str, /, *, folder: Path | None = None, **arguments: Any) -> Reply:
    """One call of one server."""
    (reply,) = calls(server, (tool, arguments), folder=folder)
    return reply


def calls(
    kernel: Kernel, *wanted: tuple[str, dict[str, Any]], folder: Path | None = None
) -> list[Reply]:
    """Several calls, one after the other."""

    async def work(session: ClientSession) -> list[Reply]:
        await session.list_tools()
        return [await ask(session, tool, **arguments) for tool, arguments in wanted]

    return serve(kernel, work, folder=folder)
