"""The installed Chromium, driven by Playwright; Playwright's own downloads are never used."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from support.processes import end_marked

from .servers import MARK, environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["open_browser"]

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def open_browser(program: str, folder: Path) -> Iterator[Browser]:
    """A headless browser; when it is closed, nothing of it is left."""
    from playwright.sync_api import sync_playwright

    mark = secrets.token_hex(8)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=list(_ARGUMENTS),
            headless=True,
            env=environment(folder, mark),
        )
        try:
            yield browser
        finally:
            browser.close()
    left = end_marked(MARK, mark)
    assert not left, f"processes outlived their browser: {left}"
