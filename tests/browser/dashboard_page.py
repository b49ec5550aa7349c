"""The dashboard on a page: its tabs, controls and figures, found as a user finds them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .notebook_page import SCREENSHOTS, NotebookPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

__all__ = ["CACHE_LIMIT", "LOAD", "SCRATCH", "SHOW", "DashboardPage", "bytes_of"]

# In the kernel: the limit that the cache pool has now.
CACHE_LIMIT = (
    "__import__('pmat_nb').pools['cache'].stats().to_dict()['pools']['cache']['limit_bytes']"
)
# The cells of the notebook.
LOAD, SHOW, SCRATCH = range(3)
_FACTORS = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


def bytes_of(text: str) -> int:
    """The first size in ``text``."""
    found = re.search(r"([\d.]+) (B|kB|MB|GB|TB)\b", text)
    assert found, f"no size in {text!r}"
    return int(float(found[1]) * _FACTORS[found[2]])


class DashboardPage:
    """The first dashboard of a notebook."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook = notebook
        self.page: Page = notebook.page
        self.root: Locator = self.page.locator(".pmat-dashboard").first

    @classmethod
    def opened(cls, notebook: NotebookPage) -> DashboardPage:
        """Load the extension and open the dashboard, as a user does."""
        notebook.run(LOAD)
        notebook.run(SHOW)
        made = cls(notebook)
        made.wait_for_figures()
        return made

    def wait_for_figures(self) -> None:
        """Wait until the kernel's memory is told."""
        self.wait("(root) => /kernel [0-9.]+ [MG]B/.test(root.textContent)")

    def wait(self, condition: str, timeout_s: float = 20, **values: Any) -> None:
        """Wait until ``condition``, a function of the dashboard's element, holds."""
        self.page.wait_for_function(
            "(values) => { const root = document.querySelector('.pmat-dashboard');"
            f" return root !== null && ({condition})(root, values); }}",
            arg=values,
            timeout=timeout_s * 1000,
        )

    def wait_for_slider(self, label: str, text: str) -> None:
        """Wait until the slider ``label`` stands at ``text``."""
        self.wait(
            "(root, { label, text }) => root.querySelector(`[aria-label='${label}']`)"
            "?.getAttribute('aria-valuetext') === text",
            label=label,
            text=text,
        )

    def tab(self, title: str) -> Locator:
        return self.root.get_by_role("tab", name=title, exact=True)

    def open(self, title: str) -> Locator:
        """Click a tab; its panel."""
        self.tab(title).click()
        panel = self.root.get_by_role("tabpanel", name=title, exact=True)
        panel.wait_for()
        return panel

    def titles(self) -> list[str]:
        return self.root.get_by_role("tab").all_inner_texts()

    def headline(self) -> str:
        """What the live tab says, in sight or not."""
        return self.root.locator(".pmat-live .pmat-headline").text_content() or ""

    def shot(self, name: str) -> None:
        """A picture of the dashboard alone, into ``build/screenshots``."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.root.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")

    def page_shot(self, name: str) -> None:
        """A picture of the whole page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
