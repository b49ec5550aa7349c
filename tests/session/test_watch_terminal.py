"""``%pmat_stats --watch`` in a terminal: a real ``ipython`` on a real pseudo-terminal."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="another platform: no pseudo-terminals")

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_CLEARED = "\x1b[H\x1b[2J"


class Terminal:
    """An ``ipython`` that believes a person sits before it; ``seen`` is all that it wrote."""

    def __init__(self, folder: Path) -> None:
        self._master, slave = pty.openpty()
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "PMAT_"))}
        env |= {"HOME": str(folder), "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            cwd=folder,
            # A session of its own, with the terminal as its own: Ctrl-C then reaches it.
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str, times: int = 1, timeout_s: float = 60) -> str:
        """What was written since the last call, up to the ``times``-th ``text``."""
        deadline = time.monotonic() + timeout_s
        while self.seen.count(text) < times:
            ready, _, _ = select.select([self._master], [], [], 0.2)
            if ready:
                self.seen += os.read(self._master, 65536).decode(errors="replace")
            assert time.monotonic() < deadline, f"no {times} × {text!r} in:\n{self.seen}"
        end = -1
        for _ in range(times):
            end = self.seen.index(text, end + 1)
        found, self.seen = self.seen[: end + len(text)], self.seen[end + len(text) :]
        return found

    def run(self, line: str) -> str:
        """Type a line at the prompt; what it printed, up to the next prompt."""
        self.type(line + "\n")
        return _ESCAPE.sub("", self.wait_for("In ["))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        os.close(self._master)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    try:
        made.wait_for("In [")
        made.run("%load_ext pmat_nb")
        yield made
    finally:
        made.close()


def test_a_live_table_appears_updates_and_stops(terminal: Terminal) -> None:
    terminal.run("%pmat_configure --notices off")
    terminal.type("%pmat_stats --watch 0.2\n")
    shown = terminal.wait_for("(Ctrl-C stops)", times=3)
    tables = shown.split(_CLEARED)[1:]
    assert len(tables) == 3
    for table in tables:
        text = _ESCAPE.sub("", table)
        assert text.startswith("kernel ") and "unattributed" in text
        assert max(map(len, text.splitlines())) <= 100
    terminal.type("\x03")
    after = terminal.wait_for("In [")
    assert "Traceback" not in after and "KeyboardInterrupt" not in after
    # The terminal is the user's again.
    assert "42" in terminal.run("40 + 2")
    assert _CLEARED not in terminal.seen


def test_a_wrong_period_is_refused_in_one_line(terminal: Terminal) -> None:
    said = terminal.run("%pmat_stats --watch never")
    assert "UsageError" in said and "Traceback" not in said


def test_off_where_nothing_is_watched(terminal: Terminal) -> None:
    said = terminal.run("%pmat_stats --watch off")
    assert "Error" not in said
