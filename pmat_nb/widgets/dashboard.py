"""``%pmat_dashboard``: the widget. It holds no facts of its own, and no thread.

The page asks for a tab and sends orders as messages with a number; each is answered
with that ``number``, so that the page can say which of them still wait for the kernel (not
``id``: ipykernel keeps what is sent under that name, to route replies, for ever). What is
measured comes from the feed as ``live``, the past of it as ``past`` when a page asks. A page
says that it is there (``here``) and that it goes (``gone``): unseen, nothing is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from pmat_nb.render.palette import HUES, LEVEL_HUES

from . import page
from .orders import RefusedError, carry_out, is_between_cells, outcome
from .panels import PANELS
from .static_view import bundle

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

    from .feed import Feed

__all__ = ["Dashboard"]

_VIEW = "application/vnd.jupyter.widget-view+json"
# From ipywidgets 8 on.
_SHOWS_ITSELF = hasattr(anywidget.AnyWidget, "_repr_mimebundle_")


class Dashboard(anywidget.AnyWidget):
    """One dashboard on a page; any number may be open."""

    _esm = page.module()
    _css = page.style()
    live: Any = traitlets.Dict().tag(sync=True)
    tabs: Any = traitlets.List().tag(sync=True)
    # How the parts of the memory are shown: [key, title, colour], as they are stacked.
    parts: Any = traitlets.List().tag(sync=True)
    hues: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Session, feed: Feed) -> None:
        titles = [[name, panel.title] for name, panel in PANELS.items()]
        super().__init__(tabs=titles, hues={**HUES, **LEVEL_HUES})
        self._session: Session | None = session
        self._feed: Feed | None = feed
        self._views: set[str] = set()
        # Tabs that cannot be read while a cell runs, as they were read last.
        self._known: dict[str, Any] = {}
        self.on_msg(self._received)
        if self.comm is not None:
            self.comm.on_close(lambda _: self.close())
            _follow_the_page(self.comm)
        feed.add(self)

    def close(self) -> None:
        """Take the widget off the page; without an open one nothing is measured for them."""
        feed, self._feed, self._session = self._feed, None, None
        self._known.clear()
        if feed is not None:
            feed.remove(self)
        super().close()

    # --- shown where there are no widgets ---------------------------------------------

    # ipywidgets 7 shows by this, where it is there, and gives the widget alone.
    _ipython_display_ = None

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        session = self._session
        if session is None:
            return None
        made = super()._repr_mimebundle_(**kwargs) if _SHOWS_ITSELF else self._view()
        data, metadata = made if isinstance(made, tuple) else (made or {}, {})
        static = session.faults.guard("the static dashboard")(bundle)(session)
        return {**data, **(static or {})}, metadata

    def _view(self) -> dict[str, Any]:
        return {_VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}}

    # --- messages -----------------------------------------------------------------------

    def _received(self, _widget: Any, message: dict[str, Any], _buffers: Any) -> None:
        if self._session is not None:
            self._session.faults.guard("the dashboard")(self._answer)(message)

    def _answer(self, message: dict[str, Any]) -> None:
        session, feed = self._session, self._feed
        if session is None or feed is None:
            return
        order, view = str(message.get("do")), str(message.get("view"))
        if order == "gone":
            self._views.discard(view)
            if not self._views:
                feed.pause(self)
            return
        self._views.add(view)
        feed.add(self)
        kind, text = "done", ""
        if order == "past":
            self.send({"kind": "past", "data": feed.past()})
        elif order == "show":
            kind, text = self._show(session, str(message.get("tab")))
        elif order != "here":
            self._act(session, feed, message)
            return
        self.send({"kind": kind, "number": message.get("number"), "text": text})

    def _show(self, session: Session, tab: str) -> tuple[str, str]:
        """Send a tab as it is now, or as it was last and once more when no cell runs.

        One that was never read "waits".
        """
        if tab not in PANELS:
            return "refused", f"there is no tab {tab!r}"
        if PANELS[tab].at_once or is_between_cells(session):
            return self._read(session, tab)
        busy, known = session.meter.busy, self._known.get(tab)
        if busy and known is not None:
            self._send_tab(tab, known)
        session.between_cells.post(
            f"the dashboard's tab {tab} for {id(self)}", lambda: self._read_later(tab)
        )
        return "waits" if busy and known is None else "done", ""

    def _read_later(self, tab: str) -> None:
        """Read a tab on the thread that runs cells, if the dashboard is still there."""
        if self._session is not None:
            kind, text = self._read(self._session, tab)
            if kind == "refused":
                self._send_tab(tab, None, text)

    def _read(self, session: Session, tab: str) -> tuple[str, str]:
        """Read and send a tab; one that fails leaves the others alone."""
        panel = PANELS[tab]
        kind, text, data = outcome(
            session, f"the dashboard's tab {tab}", lambda: panel.read(session)
        )
        if kind != "done":
            return kind, text
        if not panel.at_once:
            self._known[tab] = data
        self._send_tab(tab, data)
        return "done", ""

    def _send_tab(self, tab: str, data: Any, text: str = "") -> None:
        self.send({"kind": "panel", "tab": tab, "data": data, "text": text})

    def _act(self, session: Session, feed: Feed, message: dict[str, Any]) -> None:
        def answer(kind: str, text: str, data: Any = None) -> None:
            self.send({"kind": kind, "number": message.get("number"), "text": text, "data": data})
            feed.changed()

        try:
            carry_out(session, str(message.get("do")), message, answer)
        except RefusedError as problem:
            answer("refused", str(problem))


def _follow_the_page(comm: Any) -> None:
    """Let each message run where the page sent it: on its subshell, while a cell runs.

    From 7.4 on, ipykernel runs it where the comm was last written from, and the feed writes.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, asked: asked
