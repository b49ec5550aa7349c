"""A key at the terminal, waited for no longer than asked."""

from __future__ import annotations

import os
import sys
import time

__all__ = ["pressed"]


def pressed(key: str, timeout_s: float) -> bool:
    """Whether ``key`` is typed within ``timeout_s``; without a terminal just the time passes."""
    try:
        import select
        import termios
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
    except Exception:  # no terminal, or none of this kind: termios has an error of its own
        time.sleep(timeout_s)
        return False
    until = time.monotonic() + timeout_s
    try:
        # Not flushed, as is the default: a key may have been typed while a table was drawn.
        tty.setcbreak(terminal, termios.TCSANOW)
        while (left_s := until - time.monotonic()) > 0:
            if select.select([terminal], [], [], left_s)[0]:
                typed = os.read(terminal, 64)
                if not typed or key.encode() in typed:
                    return True
        return False
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
