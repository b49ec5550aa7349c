"""A notebook open in the browser: run its cells, read their outputs, find the dashboard.

JupyterLab and Notebook 7 are built of the same parts, so one class serves both. What a user
does is done with mouse and keyboard; what a test wants to know is asked of the application.
"""

from __future__ import annotations

import ast
import json
import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .servers import JupyterServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request

__all__ = ["SCREENSHOTS", "NotebookPage"]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
_SPEC = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
_TIMEOUT_S = 40.0
# The panel of the notebook, in either application.
_PANEL = "window.jupyterapp.shell.currentWidget"
_IDLE = f"() => {_PANEL}?.sessionContext?.session?.kernel?.status === 'idle'"
_COUNT = f"(n) => {_PANEL}.content.widgets[n].model.executionCount"
_SET = f"([n, code]) => {_PANEL}.content.widgets[n].model.sharedModel.setSource(code)"
_ASK = f"""async (code) => {{
  const reply = await {_PANEL}.sessionContext.session.kernel.requestExecute({{
    code: "", silent: true, store_history: false, user_expressions: {{ v: code }},
  }}).done;
  return reply.content.user_expressions.v;
}}"""
# Notebook 7.6 says this of itself whenever a page is loaded, with or without a widget.
_NOT_OURS = re.compile(r"reading 'schema'[^$]*/static/notebook/")
# What JupyterLab lays over the page while a theme loads, and for 200 ms after.
_SPLASH = "#jupyterlab-splash"


class NotebookPage:
    """One page. ``requests`` and ``problems`` have what it fetched and what it complained of."""

    def __init__(self, browser: Browser, server: JupyterServer, cells: Sequence[str]) -> None:
        self.server = server
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(_TIMEOUT_S * 1000)
        self.page.on("request", self._requested)
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self._complained(error.stack or str(error)))
        self._name = f"{uuid.uuid4().hex[:8]}.ipynb"
        self._write(cells)
        self._show()

    def close(self) -> None:
        """Close the page; its kernel goes on."""
        self.page.close()

    def reload(self) -> None:
        """Save the notebook, and load the page anew."""
        self.page.evaluate(f"() => {_PANEL}.context.save()")
        self._show()

    def restart(self) -> None:
        """Restart the kernel, as the menu does."""
        self.page.evaluate(f"() => {_PANEL}.sessionContext.session.kernel.restart()")
        self.page.wait_for_function(_IDLE)

    # -- cells -------------------------------------------------------------------

    def cell(self, at: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(at)

    def output(self, at: int) -> Locator:
        return self.cell(at).locator(".jp-OutputArea").first

    def start(self, at: int, code: str | None = None) -> int | None:
        """Run a cell with the keyboard, and do not wait; the number it had before."""
        if code is not None:
            self.page.evaluate(_SET, [at, code])
        before: int | None = self.page.evaluate(_COUNT, at)
        self.cell(at).locator(".jp-InputPrompt").click()
        self.page.keyboard.press("Control+Enter")
        return before

    def finish(self, at: int, before: int | None, timeout_s: float = _TIMEOUT_S) -> str:
        """Wait until the cell that was started has ended; its output as text."""
        self.page.wait_for_function(
            f"([n, before]) => ![null, before].includes(({_COUNT})(n)) && ({_IDLE})()",
            arg=[at, before],
            timeout=timeout_s * 1000,
        )
        return self.output(at).inner_text()

    def run(self, at: int, code: str | None = None, timeout_s: float = _TIMEOUT_S) -> str:
        """Run a cell and wait for its end; its output as text."""
        return self.finish(at, self.start(at, code), timeout_s)

    def value(self, expression: str) -> Any:
        """A value from the kernel's namespace, by way of JSON; waits for a running cell."""
        answer = self.page.evaluate(_ASK, f"__import__('json').dumps({expression})")
        assert answer["status"] == "ok", f"{expression}: {answer.get('evalue')}"
        # A string within a string: its repr, of plain ASCII.
        text: str = answer["data"]["text/plain"]
        return json.loads(ast.literal_eval(text))

    def wait_for_output(self, at: int, text: str) -> None:
        """Wait until a running cell has printed ``text``."""
        self.output(at).get_by_text(text).first.wait_for()

    def wait_for_value(self, expression: str, accept: Callable[[Any], bool]) -> Any:
        """Wait until a value is one that ``accept`` takes: orders are done beside cells."""
        for _ in range(100):
            value = self.value(expression)
            if accept(value):
                return value
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{expression} stayed {value!r}")

    # -- what is around it -------------------------------------------------------

    def set_theme(self, dark: bool) -> None:
        """Change the application's theme, as its menu does, and wait until it is drawn.

        JupyterLab 4.6 takes its splash away once for each change, and throws where the second
        change came within 200 ms of the first: nobody's menu is that fast.
        """
        theme = f"JupyterLab {'Dark' if dark else 'Light'}"
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            theme,
        )
        light = "false" if dark else "true"
        self.page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")
        self.page.wait_for_selector(_SPLASH, state="detached")

    def foreign_requests(self) -> list[str]:
        """Addresses beyond this machine that the page asked for."""
        own = ("127.0.0.1", "localhost", None)
        return [url for url in self.requests if urlsplit(url).hostname not in own]

    def _write(self, cells: Sequence[str]) -> None:
        import nbformat

        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(code) for code in cells],
            metadata={"kernelspec": _SPEC, "language_info": {"name": "python"}},
        )
        nbformat.write(notebook, self.server.notebooks / self._name)

    def _show(self) -> None:
        self.page.goto(self.server.page_of(self._name))
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        self.page.wait_for_function(_IDLE)

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    def _told(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complained(f"{message.text} ({message.location.get('url', '')})")

    def _complained(self, text: str) -> None:
        if not _NOT_OURS.search(text):
            self.problems.append(text)
