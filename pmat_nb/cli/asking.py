"""Talks to one kernel by Jupyter's own messages, with the connection file's key.

A request goes to a subshell where the kernel has them (ipykernel 7), which answers while a cell
runs; otherwise it waits behind the cell. Every request says until when somebody waits for it:
one that comes to its turn later does nothing. Silent and outside the history: what the user
sees in the notebook does not change.
"""

from __future__ import annotations

import json
import queue
import time
from types import TracebackType
from typing import Any

from pmat_nb.errors import NoKernelError

__all__ = ["KernelLine", "heartbeat"]

_CONTROL_S = 2.0
_SUBSHELLS = "kernel subshells"
# So long an answer may be under way after the time that the kernel was given.
_GRACE_S = 0.7
_ASK = "__import__('importlib').import_module('pmat_nb.magics.remote').answer({!r})"


class KernelLine:
    """A connection to a kernel; a context manager that leaves no socket behind.

    Raises:
        NoKernelError: the connection file cannot be read.
    """

    def __init__(self, connection_file: str) -> None:
        from jupyter_client.blocking.client import BlockingKernelClient

        self._client: Any = BlockingKernelClient(connection_file=connection_file)
        try:
            self._client.load_connection_file()
        except (OSError, ValueError, TypeError) as problem:
            raise NoKernelError(
                f"the connection file {connection_file!r} cannot be read: {problem}"
            ) from None
        self._client.start_channels(iopub=False, stdin=False, hb=False, control=True)

    def __enter__(self) -> KernelLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.stop_channels()
        self._client.context.destroy(linger=0)

    def features(self, timeout_s: float = _CONTROL_S) -> frozenset[str] | None:
        """What the kernel supports; None where nothing answers: stuck, stopped or gone."""
        reply = self._control("kernel_info_request", {}, timeout_s)
        return None if reply is None else frozenset(reply.get("supported_features", ()))

    def ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """What ``pmat_nb.magics.remote.answer`` says; ``waiting`` is ``stuck`` where the kernel
        does not even say that it is busy.
        """
        until = time.time() + timeout_s
        features = self.features(min(timeout_s, _CONTROL_S))
        if features is None:
            return {"waiting": "stuck"}
        request = {**request, "until": until}
        said = self._ask_subshell(request, until) if _SUBSHELLS in features else None
        if said is None or said.get("waiting") == "idle":
            said = self._execute(request, until, None)
        return said if said is not None else {"waiting": "busy"}

    def _ask_subshell(self, request: dict[str, Any], until: float) -> dict[str, Any] | None:
        reply = self._control("create_subshell_request", {}, _CONTROL_S)
        subshell = (reply or {}).get("subshell_id")
        if subshell is None:
            return None
        try:
            return self._execute(request, until, subshell) or {"waiting": "busy"}
        finally:
            self._control("delete_subshell_request", {"subshell_id": subshell}, _CONTROL_S)

    def _execute(
        self, request: dict[str, Any], until: float, subshell: str | None
    ) -> dict[str, Any] | None:
        content = {
            "code": "",
            "silent": True,
            "store_history": False,
            "user_expressions": {"pmat": _ASK.format(json.dumps(request))},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        while time.time() < until:
            message = self._client.session.msg("execute_request", content)
            if subshell is not None:
                message["header"]["subshell_id"] = subshell
            self._client.shell_channel.send(message)
            reply = self._receive(self._client.get_shell_msg, message, until + _GRACE_S)
            if reply is None or reply.get("status") != "aborted":
                return None if reply is None else _said(reply)
            # For a moment after a failed cell the kernel drops what comes.
            time.sleep(_GRACE_S / 4)
        return None

    def _control(self, kind: str, content: dict[str, Any], timeout_s: float) -> Any:
        message = self._client.session.msg(kind, content)
        self._client.control_channel.send(message)
        return self._receive(self._client.get_control_msg, message, time.time() + timeout_s)

    def _receive(self, get: Any, message: dict[str, Any], until: float) -> Any:
        """The content of the reply to ``message``; None if none came in time."""
        identity = message["header"]["msg_id"]
        while (left_s := until - time.time()) > 0:
            try:
                reply = get(timeout=left_s)
            except queue.Empty:
                return None
            if reply["parent_header"].get("msg_id") == identity:
                return reply["content"]
        return None


def _said(reply: dict[str, Any]) -> dict[str, Any]:
    """What the kernel answered."""
    found = (reply.get("user_expressions") or {}).get("pmat") or {}
    if found.get("status") == "ok":
        answer: dict[str, Any] = found["data"]["application/json"]
        return answer
    told = f"{found.get('ename', 'error')}: {found.get('evalue', 'the kernel gave no answer')}"
    return {"error": told, "kind": "Exception"}


def heartbeat(connection_file: str, timeout_s: float) -> bool:
    """Whether the kernel's heart beats: it does in a thread that needs no interpreter lock."""
    import zmq
    from jupyter_client.connect import ConnectionFileMixin

    try:
        told = ConnectionFileMixin(connection_file=connection_file)
        told.load_connection_file()
    except (OSError, ValueError, TypeError):
        return False
    context = zmq.Context()
    try:
        socket = context.socket(zmq.REQ)
        socket.linger = 0
        socket.connect(told._make_url("hb"))
        socket.send(b"pmat-nb")
        return bool(socket.poll(round(timeout_s * 1000)))
    finally:
        context.destroy(linger=0)
