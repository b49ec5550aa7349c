"""What a front end learns of one cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class CellError:
    """The error of a cell as the front end got it, colours taken out."""

    ename: str
    evalue: str
    traceback: str


@dataclass
class CellResult:
    """Everything a front end learns of one cell.

    ``status`` is ``ok``, ``error``, ``aborted`` (an earlier cell failed) or ``dead``
    (the kernel ended; ``death`` says how). ``outputs`` are in notebook form, in order, with
    neighbouring pieces of one stream joined. ``payload`` is what pagers (``len?``) return.
    """

    status: str = "dead"
    death: str = ""
    execution_count: int | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: CellError | None = None
    payload: list[dict[str, Any]] = field(default_factory=list)
    user_expressions: dict[str, Any] = field(default_factory=dict)
    duration_s: float = 0.0

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    def _stream(self, name: str) -> str:
        return "".join(
            o["text"] for o in self.outputs if o["output_type"] == "stream" and o["name"] == name
        )

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def data(self) -> dict[str, Any] | None:
        """The MIME bundle of the last value, or None where the cell has none."""
        results = [o["data"] for o in self.outputs if o["output_type"] == "execute_result"]
        return results[-1] if results else None

    @property
    def text(self) -> str | None:
        """The last value as plain text."""
        return None if self.data is None else self.data.get("text/plain")

    @property
    def html(self) -> str | None:
        """The last value as HTML."""
        return None if self.data is None else self.data.get("text/html")

    @property
    def displays(self) -> list[dict[str, Any]]:
        """MIME bundles of what the cell displayed, first to last."""
        return [o["data"] for o in self.outputs if o["output_type"] == "display_data"]

    def add(self, message: Mapping[str, Any]) -> None:
        """Take in one message that the kernel published for this cell."""
        kind, content = message["msg_type"], message["content"]
        last = self.outputs[-1] if self.outputs else None
        if kind == "stream":
            same = last and last["output_type"] == "stream" and last["name"] == content["name"]
            if same and last is not None:
                last["text"] += content["text"]
            else:
                self.outputs.append({"output_type": "stream", **content})
        elif kind == "error":
            text = _ANSI.sub("", "\n".join(content["traceback"]))
            self.error = CellError(content["ename"], content["evalue"], text)
            self.outputs.append({"output_type": "error", **content})
        elif kind in ("display_data", "update_display_data", "execute_result", "clear_output"):
            self.outputs.append({"output_type": kind, **content})

    def finish(self, reply: Mapping[str, Any]) -> None:
        """Take in the kernel's reply to the request."""
        self.status = reply["status"]
        self.execution_count = reply.get("execution_count")
        self.payload = list(reply.get("payload", ()))
        self.user_expressions = dict(reply.get("user_expressions", ()))
        if self.status == "error" and self.error is None and "ename" in reply:
            text = _ANSI.sub("", "\n".join(reply.get("traceback", ())))
            self.error = CellError(reply["ename"], reply["evalue"], text)
