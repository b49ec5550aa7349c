"""A client that executes a notebook as nbclient does, in a kernel that measures itself.

:class:`Measuring` is the client of ``pmat-nb run``, and mixed into papermill's. The kernel loads
the extension in a silent request before the first cell.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple

from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbclient.util import ensure_async, run_sync

from pmat_nb.errors import UnavailableError, UsageError

__all__ = ["Link", "Measuring", "Wishes"]

_AGENT = "pmat_nb.magics.headless"
_ABORTING_S = 0.2


class Wishes(NamedTuple):
    """What the kernel of a run is told; ``environment`` are settings as variables.

    ``limit_source`` is the option that set the limit among them.
    """

    environment: Mapping[str, str]
    limit_per_cell: str | None = None
    log: str | None = None
    limit_source: str | None = None


class Link:
    """What goes to and comes from one kernel: requests, and the lines that it writes.

    ``folder`` is private to the run; ``notebook`` is the path as the log names it.
    """

    def __init__(self, folder: Path, notebook: str, path: Path | None, wishes: Wishes) -> None:
        self._records = folder / "records.ndjson"
        self._records.touch(mode=0o600)
        self._position = 0
        self._notebook = notebook
        self._wishes = wishes
        # By this name the history knows the notebook, as it does under Jupyter's server.
        named = {} if path is None else {"JPY_SESSION_NAME": str(path)}
        self.environment = {**wishes.environment, "PMAT_MEMORY_NOTICES": "off", **named}

    def code(self, function: str) -> str:
        """A request to the kernel: an expression, which leaves no name behind."""
        call = f"__import__({_AGENT!r}, fromlist=[{function!r}]).{function}"
        return f"{call}({self._options()!r})" if function == "begin" else f"{call}()"

    def _options(self) -> str:
        return json.dumps(
            {
                "records": str(self._records),
                "log": self._wishes.log,
                "notebook": self._notebook,
                "limit_per_cell": self._wishes.limit_per_cell,
                "limit_source": self._wishes.limit_source,
                "runner": os.getpid(),
            }
        )

    def events(self) -> Iterator[dict[str, Any]]:
        """What the kernel has written since this was last asked."""
        with self._records.open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is still being written, or its writer has died
                self._position += len(line)
                yield json.loads(line)


class Measuring(NotebookClient):
    """A client whose kernel has the extension; ``link`` is set before it starts."""

    link: Link
    started: dict[str, Any]

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        """As nbclient's, with the run's settings in the environment."""
        given = kwargs.pop("env", None) or os.environ
        kwargs["env"] = {**given, **self.link.environment}
        await super().async_start_new_kernel(**kwargs)

    start_new_kernel = run_sync(async_start_new_kernel)

    async def async_start_new_kernel_client(self) -> Any:
        """As nbclient's; then the extension is loaded, without a trace in the notebook."""
        client: Any = await super().async_start_new_kernel_client()
        try:
            await self.async_ask("begin", timeout_s=60)
        except BaseException:
            await self._async_cleanup_kernel()
            raise
        for event in self.link.events():
            if event["event"] == "start":
                self.started = event
        return client

    start_new_kernel_client = run_sync(async_start_new_kernel_client)

    async def async_ask(self, function: str, *, timeout_s: float) -> None:
        """Have the kernel call a function of the agent, silently.

        Raises:
            UsageError: the kernel cannot (it has no pmat_nb, or runs no Python).
            DeadKernelError: it has died.
            UnavailableError: it did not answer in time.
        """
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            reply = await self._async_request(self.link.code(function), until)
            # For a moment after an interrupt a kernel turns away what was sent meanwhile.
            if reply is not None and reply["content"].get("status") != "aborted":
                _check(reply["content"], self.kernel_name)
                return
            await asyncio.sleep(_ABORTING_S)
        raise UnavailableError(f"the kernel did not answer within {timeout_s:g} s")

    async def _async_request(self, code: str, until: float) -> dict[str, Any] | None:
        """Send ``code`` silently; the reply, or None where none came in time."""
        kernel: Any = self.kc
        asked = await ensure_async(
            kernel.execute(code, silent=True, store_history=False, allow_stdin=False)
        )
        while time.monotonic() < until:
            try:
                reply: dict[str, Any] = await ensure_async(kernel.shell_channel.get_msg(timeout=1))
            except Empty:
                if not await ensure_async(kernel.is_alive()):
                    raise DeadKernelError("Kernel died") from None
                continue
            if reply["parent_header"].get("msg_id") == asked:
                return reply
        return None

    ask = run_sync(async_ask)


def _check(reply: Mapping[str, Any], kernel_name: str) -> None:
    if reply.get("status") == "ok":
        return
    problem = f"{reply.get('ename', '')}: {reply.get('evalue', '')}".strip(": ").splitlines()
    raise UsageError(
        f"pmat-nb run: the kernel {kernel_name or 'python3'!r} cannot measure its memory "
        f"({problem[0] if problem else 'no reason given'}); install pmat_nb in its environment"
    )
