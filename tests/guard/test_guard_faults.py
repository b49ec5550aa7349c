"""What happens to the guard itself: killed, stopped, outlived; and its limits change."""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("another platform: the guard needs /proc", allow_module_level=True)

from pmat_nb.engine.guard import Guard, limit_block, runs_under
from pmat_nb.engine.guard.process import layout
from pmat_nb.errors import MemoryLimitExceeded, UnavailableError, UsageError

MB = 1024**2


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    guard.start()
    assert guard._link is not None and guard._link.wait_ready(10)
    # Whoever stops the guard before its launcher has ended sees the system hang it up.
    guard._link.collect_launcher()
    yield guard
    pid = guard.process_id
    guard.close()
    assert pid is None or _wait(lambda: not _exists(pid))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def _wait(done: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.01)
    return done()


def _grow(megabytes: int) -> list[bytearray]:
    grown = []
    for _ in range(megabytes):
        grown.append(bytearray(MB))
        time.sleep(0.0005)
    return grown


def test_a_killed_guard_is_replaced_and_the_limit_holds(guard: Guard) -> None:
    block = limit_block(150 * MB, guard=guard)
    first = guard.process_id
    assert first is not None
    with pytest.raises(MemoryLimitExceeded), block:
        os.kill(first, signal.SIGKILL)
        assert _wait(lambda: guard.process_id not in (None, first))
        _grow(400)
    assert block.report is not None and block.report.guards_replaced == 1
    assert guard.replaced == ["the guard process ended"]


def test_a_stopped_guard_is_noticed_by_its_heartbeat(guard: Guard) -> None:
    first = guard.process_id
    assert first is not None
    with limit_block(150 * MB, guard=guard):
        os.kill(first, signal.SIGSTOP)
        assert _wait(lambda: guard.process_id not in (None, first), 15)
    assert "no sign of life" in guard.replaced[0]
    assert _wait(lambda: not _exists(first))


def test_the_guard_is_no_child_of_the_kernel(guard: Guard) -> None:
    guard._link.collect_launcher()  # type: ignore[union-attr]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.alone
def test_the_guard_starts_at_once_and_is_light() -> None:
    guard = Guard()
    began = time.perf_counter()
    guard.start()
    blocked_s = time.perf_counter() - began
    assert guard._link is not None and guard._link.wait_ready(10)
    status = Path(f"/proc/{guard.process_id}/status").read_text()
    rss = int(status.partition("VmRSS:")[2].split()[0]) * 1024
    guard.close()
    assert blocked_s < 0.06
    assert rss < 12 * MB


def test_the_limit_is_restored_and_the_handler_too() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGURG)
    guard = Guard()
    token = guard.arm(200 * MB, ceiling=True)
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == token.ceiling_bytes
    guard.disarm(token)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before[0]
    guard.close()
    assert (resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGURG)) == before


def test_a_late_signal_hits_nobody(guard: Guard) -> None:
    words = guard._words()
    assert words is not None
    token = guard.arm(200 * MB, in_scope=lambda _frame: True)
    words[layout.STOP_SEQ] = token.seq - 1  # an earlier scope's
    os.kill(os.getpid(), signal.SIGURG)
    time.sleep(0.01)
    words[layout.STOP_SEQ] = 0
    assert not guard.disarm(token).stopped


def test_a_foreign_signal_reaches_the_handler_before_us() -> None:
    seen: list[int] = []
    old = signal.signal(signal.SIGURG, lambda number, _frame: seen.append(number))
    guard = Guard()
    guard.start()
    os.kill(os.getpid(), signal.SIGURG)
    time.sleep(0.01)
    guard.close()
    signal.signal(signal.SIGURG, old)
    assert seen == [signal.SIGURG]


def test_a_child_gets_the_normal_limit_back(guard: Guard) -> None:
    with limit_block(200 * MB, guard=guard):
        pid = os.fork()
        if pid == 0:
            soft = resource.getrlimit(resource.RLIMIT_DATA)[0]
            os._exit(0 if soft == resource.RLIM_INFINITY else 1)
        assert os.waitpid(pid, 0)[1] == 0


def test_the_tighter_of_two_blocks_wins(guard: Guard) -> None:
    outer, inner = limit_block(400 * MB, guard=guard), limit_block(100 * MB, guard=guard)
    caught = None
    with outer:
        try:
            with inner:
                _grow(300)
        except MemoryLimitExceeded as error:
            caught = error.limit_bytes
    assert caught == 100 * MB
    assert outer.report is not None and not outer.report.stopped


def test_an_outer_limit_holds_inside_an_inner_one(guard: Guard) -> None:
    with (
        pytest.raises(MemoryLimitExceeded) as caught,
        limit_block(100 * MB, guard=guard),
        limit_block(400 * MB, guard=guard),
    ):
        _grow(300)
    assert caught.value.limit_bytes == 100 * MB


def test_a_warning_stops_nothing(guard: Guard) -> None:
    block = limit_block(60 * MB, guard=guard, warn_only=True)
    words = guard._words()
    assert words is not None
    with block, mmap.mmap(-1, 120 * MB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        # Not from the heap, which may have it free and in memory from an earlier test.
        for at in range(0, len(memory), mmap.PAGESIZE):
            memory[at] = 1
        seen = words[layout.POLLS]
        assert _wait(lambda: words[layout.POLLS] > seen + 1)
    assert block.report is not None and block.report.warned and not block.report.stopped


def test_a_limit_changed_while_a_block_runs_holds_at_once(guard: Guard) -> None:
    token = guard.arm(in_scope=runs_under(globals()))
    with pytest.raises(MemoryLimitExceeded):
        guard.set_standing(token.baseline_bytes + 100 * MB)
        _grow(400)
    report = guard.disarm(token)
    guard.set_standing(None)
    assert report.stopped and report.limit_bytes is None


def test_a_block_outside_the_main_thread_is_stopped(guard: Guard) -> None:
    caught: list[BaseException] = []

    def work() -> None:
        try:
            with limit_block(100 * MB, guard=guard):
                _grow(400)
        except MemoryLimitExceeded as error:
            caught.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(30)
    assert [type(error).__name__ for error in caught] == ["MemoryLimitExceeded"]


def test_a_limit_of_nothing_is_refused(guard: Guard) -> None:
    with pytest.raises(UsageError, match="0"):
        guard.arm(0)


def test_elsewhere_the_guard_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    guard = Guard()
    assert not guard.available and "darwin" in guard.reason
    with pytest.raises(UnavailableError, match="prlimit"):
        guard.start()


KERNEL = """
import os, sys, time
from pmat_nb.engine.guard import Guard
guard = Guard(certificate_path=sys.argv[1])
token = guard.arm(500 * 2**20)
guard._link.wait_ready(10)
print(guard.process_id, flush=True)
time.sleep(0.5)
if sys.argv[2] == "killed": os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_a_killed_kernel_leaves_a_death_certificate(tmp_path: Path, how: str) -> None:
    path = tmp_path / "death.json"
    kernel = subprocess.Popen(
        [sys.executable, "-c", KERNEL, str(path), how], stdout=subprocess.PIPE, text=True
    )
    assert kernel.stdout is not None
    guard_pid = int(kernel.stdout.readline())
    assert _wait(lambda: not _exists(guard_pid), 20), "the guard outlived its kernel"
    kernel.communicate()
    if how == "ended":
        assert not path.exists()
        return
    record = json.loads(path.read_text())
    assert record["kernel_pid"] == kernel.pid
    assert record["exit"] == {"code": 0, "signal": 9}
    assert record["last_tree_bytes"] > MB and record["scopes"][0]["threshold_bytes"] > 500 * MB
    assert path.stat().st_mode & 0o777 == 0o600


FREEZES = """
import os, signal, subprocess, sys, time
from pmat_nb.engine.guard import Guard
def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"
grow = "import time\\nl = []\\nfor _ in range(1000): l.append(bytearray(2**20)); time.sleep(.001)"
# Who does not answer leaves a child frozen for a tenth of a second.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG])
guard = Guard()
token = guard.arm(100 * 2**20)
guard._link.wait_ready(10)
child = subprocess.Popen([sys.executable, "-c", grow])
print(child.pid, guard.process_id, flush=True)
looks = 0
while looks < 20 and child.poll() is None:  # longer than a reading of its memory pauses it
    looks = looks + 1 if is_stopped(child.pid) else 0
    time.sleep(0.001)
os.kill(guard.process_id if sys.argv[1] == "guard" else os.getpid(), signal.SIGKILL)
child.wait()
"""


@pytest.mark.parametrize("dies", ["kernel", "guard"])
def test_a_child_that_was_frozen_does_not_stay_so(dies: str) -> None:
    kernel = subprocess.Popen(
        [sys.executable, "-c", FREEZES, dies], stdout=subprocess.PIPE, text=True
    )
    assert kernel.stdout is not None
    child, guard_pid = map(int, kernel.stdout.readline().split())
    try:
        kernel.wait(60)
        assert _wait(lambda: not _exists(guard_pid), 20)
        assert _wait(lambda: not _exists(child), 5), "it is still frozen"
    finally:
        if _exists(child):  # it would keep our end of the pipe open
            os.kill(child, signal.SIGKILL)
        kernel.kill()
        kernel.communicate()
