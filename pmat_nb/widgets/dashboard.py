"""``%pmat_dashboard``: the widget. It holds no facts of its own, and no thread.

The page asks for a tab and sends orders as messages with a number; each is answered
with that number, so that the page can say which of them still wait for the kernel. What is
measured comes from the feed as ``live``, the past of it as ``past`` when a page asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from . import page
from .orders import RefusedError, carry_out
from .panels import PANELS

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

    from .feed import Feed

__all__ = ["Dashboard"]


class Dashboard(anywidget.AnyWidget):
    """One dashboard on a page; any number may be open."""

    _esm = page.module()
    _css = page.style()
    live: Any = traitlets.Dict().tag(sync=True)
    tabs: Any = traitlets.List().tag(sync=True)

    def __init__(self, session: Session, feed: Feed) -> None:
        super().__init__(tabs=[[name, panel.title] for name, panel in PANELS.items()])
        self._session = session
        self._feed = feed
        self.on_msg(self._received)
        feed.add(self)

    def close(self) -> None:
        """Take the widget off the page; without an open one nothing is measured for them."""
        self._feed.remove(self)
        super().close()

    def show(self, tab: str) -> None:
        """Send a tab as it is now."""
        self.send({"kind": "panel", "tab": tab, "data": PANELS[tab].read(self._session)})

    def _received(self, _widget: Any, message: dict[str, Any], _buffers: Any) -> None:
        guard = self._session.faults.guard("the dashboard")
        guard(self._answer)(message)

    def _answer(self, message: dict[str, Any]) -> None:
        number, order = message.get("id"), message.get("do")
        if order == "past":
            self.send({"kind": "past", "data": self._feed.past()})
        elif order == "show":
            self.show(str(message.get("tab")))
        else:
            self._act(number, str(order), message)
            return
        self.send({"kind": "done", "id": number, "text": ""})

    def _act(self, number: Any, order: str, message: dict[str, Any]) -> None:
        def answer(kind: str, text: str) -> None:
            self.send({"kind": kind, "id": number, "text": text})
            self._feed.changed()

        try:
            carry_out(self._session, order, message, answer)
        except RefusedError as problem:
            answer("refused", str(problem))
