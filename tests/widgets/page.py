"""What a page does with a dashboard, by the messages alone: reads its state, sends orders."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from support.kernel import Kernel

VIEW = "application/vnd.jupyter.widget-view+json"


class Page:
    """One dashboard of a kernel, opened by its magic (or by ``source``)."""

    def __init__(self, kernel: Kernel, source: str = "%pmat_dashboard") -> None:
        self.kernel = kernel
        result = kernel.run(source)
        assert result.ok, result.error
        shown = [
            message["content"]["data"]
            for message in kernel.messages
            if message["msg_type"] in ("execute_result", "display_data")
            and VIEW in message["content"]["data"]
        ]
        self.bundle: dict[str, Any] = shown[-1]
        self.model: str = self.bundle[VIEW]["model_id"]
        self._next = 0

    # -- what came -----------------------------------------------------------------

    def messages(self, kind: str = "comm_msg") -> list[dict[str, Any]]:
        return [
            message
            for message in self.kernel.messages
            if message["msg_type"] == kind and message["content"]["comm_id"] == self.model
        ]

    @property
    def state(self) -> dict[str, Any]:
        """The widget's state as a front end has it now."""
        state: dict[str, Any] = dict(self.messages("comm_open")[0]["content"]["data"]["state"])
        for message in self.messages():
            if message["content"]["data"].get("method") == "update":
                state |= message["content"]["data"]["state"]
        return state

    @property
    def moments(self) -> list[dict[str, Any]]:
        """Every ``live`` that came, oldest first."""
        states = [message["content"]["data"].get("state", {}) for message in self.messages()]
        return [state["live"] for state in states if state.get("live")]

    @property
    def heard(self) -> list[dict[str, Any]]:
        """Every answer, tab and past that came."""
        data = [message["content"]["data"] for message in self.messages()]
        return [one["content"] for one in data if one.get("method") == "custom"]

    def panels(self, tab: str) -> list[dict[str, Any]]:
        """Every reading of a tab that came, oldest first."""
        found = (one for one in self.heard if one["kind"] == "panel" and one["tab"] == tab)
        return [one["data"] for one in found]

    def sizes(self) -> list[int]:
        """Bytes of each update, as JSON."""
        updates = [m["content"] for m in self.messages() if "state" in m["content"]["data"]]
        return [len(json.dumps(one, separators=(",", ":"))) for one in updates]

    # -- what it does --------------------------------------------------------------

    def send(self, do: str, *, subshell: str | None = None, **values: Any) -> str:
        """Send an order; the number that its answer will have."""
        self._next += 1
        number = f"page:{self._next}"
        content = {**values, "do": do, "number": number, "view": "page"}
        self._post("comm_msg", {"data": {"method": "custom", "content": content}}, subshell)
        return number

    def close_comm(self) -> None:
        """What a front end sends when it gives a widget up."""
        self._post("comm_close", {"data": {}}, None)

    def answer(self, number: str, timeout: float = 20) -> dict[str, Any]:
        """The answer to an order, once it is there."""
        return self.wait(lambda: [o for o in self.heard if o.get("number") == number], timeout)[0]

    def order(self, do: str, **values: Any) -> dict[str, Any]:
        """Send an order and wait for its answer."""
        return self.answer(self.send(do, **values))

    def show(self, tab: str) -> dict[str, Any]:
        """The tab as the kernel reads it now; as a page does, again where it is behind."""
        while (shown := self._read(tab)).get("behind_s") is not None:
            if tab == "variables":
                self.order("variables size")
            else:
                self.kernel.drain(shown["behind_s"])
        return shown

    def wait(self, seen: Callable[[], Any], timeout: float = 20) -> Any:
        """What ``seen()`` gives, once it is true."""
        deadline = time.monotonic() + timeout
        while not (found := seen()):
            assert time.monotonic() < deadline, f"not within {timeout} s; heard {self.heard[-3:]}"
            self.kernel.drain(0.1)
        return found

    def wait_for_live(self, seen: Callable[[dict[str, Any]], Any], timeout: float = 20) -> Any:
        """The newest moment, once ``seen(moment)``."""
        self.wait(lambda: self.moments and seen(self.moments[-1]), timeout)
        return self.moments[-1]

    def _read(self, tab: str) -> dict[str, Any]:
        before = len(self.panels(tab))
        answer = self.order("show", tab=tab)
        assert answer["kind"] == "done", answer
        self.wait(lambda: len(self.panels(tab)) > before)
        return self.panels(tab)[-1]

    def _post(self, kind: str, content: dict[str, Any], subshell: str | None) -> None:
        client = self.kernel.wire.client
        message = client.session.msg(kind, {"comm_id": self.model, **content})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        client.shell_channel.send(message)


def subshell_of(kernel: Kernel) -> str:
    """A new subshell of a kernel."""
    client = kernel.wire.client
    client.control_channel.send(client.session.msg("create_subshell_request", {}))
    reply = client.get_control_msg(timeout=10)["content"]
    return str(reply["subshell_id"])
