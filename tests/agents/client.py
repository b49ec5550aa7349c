"""The server as an agent's client starts it: a process, spoken to over its standard streams."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from support.kernel import Kernel

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal
    from mcp import ClientSession

__all__ = ["Reply", "Server", "ask", "serve", "serving"]

_Found = TypeVar("_Found")
_PATIENCE_S = 120.0


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


class Server:
    """A server that answers until its ``with`` block ends; its session is another thread's."""

    def __init__(self, portal: BlockingPortal, session: ClientSession) -> None:
        self._portal = portal
        self._session = session

    def tools(self) -> dict[str, Any]:
        """What it publishes, by name."""
        return {tool.name: tool for tool in self._portal.call(self._session.list_tools).tools}

    def call(self, tool: str, /, **arguments: Any) -> Reply:
        """One call."""

        async def within() -> Reply:
            return await asyncio.wait_for(ask(self._session, tool, **arguments), _PATIENCE_S)

        return self._portal.call(within)

    def calls(self, *wanted: tuple[str, dict[str, Any]]) -> list[Reply]:
        """Several calls, one after the other."""
        return [self.call(tool, **arguments) for tool, arguments in wanted]


@contextmanager
def serving(kernel: Kernel, folder: Path | None = None) -> Iterator[Server]:
    """A server at home where ``kernel`` is, for the notebooks of ``folder``."""
    # Inside: the oldest set of packages has no SDK, and collects this file all the same.
    from anyio.from_thread import start_blocking_portal

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_session(kernel, folder)) as session,
    ):
        yield Server(portal, session)


def serve(
    kernel: Kernel, work: Callable[[ClientSession], Awaitable[_Found]], *, folder: Path
) -> _Found:
    """What ``work`` makes of a session with a server of its own, which then is closed."""

    async def run() -> _Found:
        async with _session(kernel, folder) as session:
            return await work(session)

    return asyncio.run(asyncio.wait_for(run(), _PATIENCE_S))


@asynccontextmanager
async def _session(kernel: Kernel, folder: Path | None) -> AsyncIterator[ClientSession]:
    from mcp import ClientSession, StdioServerParameters, stdio_client

    words = ["-m", "pmat_nb", "mcp", *([] if folder is None else ["--folder", str(folder)])]
    server = StdioServerParameters(
        command=sys.executable,
        args=words,
        env=kernel._environment({}),
        cwd=kernel.folder / "work",
    )
    with tempfile.TemporaryFile("w+") as log:
        async with stdio_client(server, log) as streams, ClientSession(*streams) as session:
            await session.initialize()
            await session.list_tools()
            yield session
        log.seek(0)
        assert "Traceback" not in (told := log.read()), told


async def ask(session: ClientSession, tool: str, /, **arguments: Any) -> Reply:
    """One call; the SDK checks what comes against the tool's published schema."""
    said = await session.call_tool(tool, arguments)
    text = "".join(getattr(part, "text", "") for part in said.content)
    return Reply(bool(said.is_error), said.structured_content, text)
