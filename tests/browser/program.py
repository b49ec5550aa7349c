"""Which browser is installed. Run as a program it says what to install where there is none."""

from __future__ import annotations

import shutil

__all__ = ["MISSING", "chromium"]

MISSING = (
    "no browser for the tests of the dashboard: install Chromium (Debian: apt-get install "
    "chromium), or put chromium, chromium-browser or google-chrome on the PATH"
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The browser's program, None where there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


if __name__ == "__main__":
    raise SystemExit(0 if chromium() else MISSING)
