"""A notification command: a real script, its environment, its end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from pmat_nb.engine.responses.command import Notifier, told


@pytest.fixture
def script(isolated: Path):
    def write(body: str) -> tuple[str, ...]:
        path = isolated / "tell.py"
        path.write_text(f"import json, os, sys, time\nhere = {str(isolated)!r}\n{body}")
        return sys.executable, str(path), "an argument; with $HOME and 'quotes'"

    return write


@pytest.fixture
def notifier():
    failures: list[str] = []
    made = Notifier(failures.append, timeout_s=3)
    made.failures = failures
    yield made
    made.close()


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_it_gets_the_figures_by_environment_and_its_words_as_they_are(script, notifier, isolated):
    command = script(
        "told = {k: v for k, v in os.environ.items() if k.startswith('PMAT_') and k != 'PMAT_CI'}\n"
        "print('never seen'); sys.stderr.write('nor this')\n"
        "open(here + '/told.json', 'w').write(json.dumps([told, sys.argv[1:], sys.stdin.read()]))\n"
    )
    assert notifier.run(command, told("HIGH", 0.6512, 5, 8, simulated=True)) == ""
    environment, words, read = json.loads((isolated / "told.json").read_text())
    assert environment == {
        "PMAT_PRESSURE_LEVEL": "HIGH",
        "PMAT_PRESSURE": "0.6512",
        "PMAT_TREE_BYTES": "5",
        "PMAT_LIMIT_BYTES": "8",
        "PMAT_SIMULATED": "1",
    }
    assert words == ["an argument; with $HOME and 'quotes'"]
    assert read == ""


def test_what_is_unknown_is_left_out():
    assert told("CRITICAL", None, None, None, simulated=False) == {
        "PMAT_PRESSURE_LEVEL": "CRITICAL"
    }


def test_it_is_ended_with_its_children_when_it_takes_too_long(script, notifier, isolated):
    command = script(
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open(here + '/child', 'w').write(str(child.pid)); time.sleep(60)\n"
    )
    started = time.monotonic()
    assert "longer than 3 s" in notifier.run(command, {})
    assert time.monotonic() - started < 8
    pid = int((isolated / "child").read_text())
    wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists() or _gone(pid))


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    except OSError:
        return True


@pytest.mark.parametrize(
    ("command", "word"), [(("/nonexistent/program",), "did not start"), (("false",), "status 1")]
)
def test_a_failure_is_told_in_words(command, word, notifier):
    notifier.start(command, {})
    wait_for(lambda: notifier.failures)
    assert word in notifier.failures[0]


def test_one_at_a_time_and_closing_ends_it_without_a_word(script, notifier):
    command = script("time.sleep(60)")
    assert notifier.start(command, {})
    assert not notifier.start(command, {})
    wait_for(lambda: notifier._process is not None)
    notifier.close()
    assert notifier.failures == []
