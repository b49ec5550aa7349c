"""Messages to and from a kernel."""

from __future__ import annotations

import contextlib
import queue
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .cells import CellResult


class CellTimeoutError(Exception):
    """A cell gave no answer in time; the kernel is still running it."""


class Wire:
    """A client with its sockets, and every message it received.

    The sockets lie in a folder of their own rather than on ports: two test
    processes cannot take one another's.
    """

    def __init__(self, key: str) -> None:
        from jupyter_client import BlockingKernelClient
        from jupyter_client.connect import write_connection_file

        self._folder = Path(tempfile.mkdtemp(prefix="pmatk-"))
        self.connection_file = str(self._folder / "k.json")
        write_connection_file(
            self.connection_file, ip=str(self._folder / "s"), transport="ipc", key=key.encode()
        )
        self.client: Any = BlockingKernelClient(connection_file=self.connection_file)
        self.client.load_connection_file()
        self.client.start_channels(stdin=False, hb=False)
        self.published: list[dict[str, Any]] = []
        self.replies: dict[str, dict[str, Any]] = {}
        self._by_request: dict[str, list[dict[str, Any]]] = {}
        self._idle: set[str] = set()

    def close(self) -> None:
        self.client.stop_channels()
        self.client.context.destroy(linger=0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def is_done(self, identity: str) -> bool:
        """Whether the request has its reply and all of its output."""
        return identity in self.replies and identity in self._idle

    def handshake(self, deadline: float, is_alive: Callable[[], bool]) -> bool:
        """Ask until an answer comes on both channels: early ones can be lost."""
        while time.monotonic() < deadline and is_alive():
            asked = self.client.kernel_info()
            until = time.monotonic() + 0.5
            while time.monotonic() < until and not self.is_done(asked):
                self.receive(0.1)
                if asked in self.replies:
                    until = min(until, time.monotonic() + 0.2)
            if self.is_done(asked):
                return True
        return False

    def receive_until(
        self, done: Callable[[], bool], deadline: float, is_alive: Callable[[], bool]
    ) -> None:
        """Receive until ``done()``, or the kernel ended. Raises CellTimeoutError."""
        while not done():
            if not is_alive():
                self.receive(0.2)
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise CellTimeoutError("no answer in time; the kernel is still at it")
            self.receive(min(left, 0.2))

    def receive(self, timeout: float) -> None:
        """File every message that is there, or comes within ``timeout`` seconds."""
        import zmq

        client = self.client
        poller = zmq.Poller()
        poller.register(client.shell_channel.socket, zmq.POLLIN)
        poller.register(client.iopub_channel.socket, zmq.POLLIN)
        if not poller.poll(max(1, int(timeout * 1000))):
            return
        with contextlib.suppress(queue.Empty):
            while True:
                reply = client.get_shell_msg(timeout=0)
                self.replies[reply["parent_header"].get("msg_id", "")] = reply["content"]
        with contextlib.suppress(queue.Empty):
            while True:
                self._file(client.get_iopub_msg(timeout=0))

    def result(self, identity: str, duration_s: float) -> CellResult:
        """What has come for a request so far."""
        result = CellResult(duration_s=duration_s)
        for message in self._by_request.get(identity, ()):
            result.add(message)
        if identity in self.replies:
            result.finish(self.replies[identity])
        return result

    def _file(self, message: dict[str, Any]) -> None:
        request = message["parent_header"].get("msg_id", "")
        self.published.append(message)
        self._by_request.setdefault(request, []).append(message)
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            self._idle.add(request)
