"""The tests' own tools: a kernel that is real, capped and gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from support.kernel import CellTimeoutError, Kernel, KernelDiedError
from support.processes import command_line, descendants, rss_bytes
from support.tidy import Traces

MIB = 1024**2


def test_a_cell_gives_back_all_that_a_front_end_sees(kernel: Kernel) -> None:
    result = kernel.run(
        "import sys\n"
        "print('out'); print('err', file=sys.stderr); print('more')\n"
        "display({'a': 1})\n"
        "x = 40 + 2\n"
        "x"
    )
    assert result.ok and result.error is None
    assert (result.stdout, result.stderr) == ("out\nmore\n", "err\n")
    assert result.displays[0]["text/plain"] == "{'a': 1}"
    assert result.text == "42" and result.data == {"text/plain": "42"}
    assert kernel.value("x") == 42
    assert kernel.namespace()["x"] == "42"


def test_an_error_comes_with_name_value_and_traceback(kernel: Kernel) -> None:
    result = kernel.run("def f():\n    1/0\nf()")
    assert result.status == "error" and result.error is not None
    assert (result.error.ename, result.error.evalue) == ("ZeroDivisionError", "division by zero")
    assert "----> 2     1/0" in result.error.traceback


def test_value_leaves_no_trace(kernel: Kernel) -> None:
    kernel.run("before = 1")
    count = kernel.value("get_ipython().execution_count")
    names = kernel.namespace()
    assert kernel.value("[before, 'two\\nlines', None]") == [1, "two\nlines", None]
    assert kernel.value("get_ipython().execution_count") == count
    assert kernel.namespace() == names
    with pytest.raises(AssertionError, match="NameError"):
        kernel.value("no_such_name")


def test_queued_cells_are_aborted_after_an_error(kernel: Kernel) -> None:
    results = kernel.run_all(["import time; time.sleep(0.2); 1/0", "2", "3"])
    assert [r.status for r in results] == ["error", "aborted", "aborted"]


def test_interrupt_and_timeout(kernel: Kernel) -> None:
    identity = kernel.send("print('running', flush=True)\nimport time; time.sleep(30)")
    kernel.wait_for_output(identity, "running")
    with pytest.raises(CellTimeoutError):
        kernel.collect(identity, timeout=0.1)
    kernel.interrupt()
    result = kernel.collect(identity, timeout=10)
    assert result.error is not None and result.error.ename == "KeyboardInterrupt"
    assert kernel.is_alive()


def test_the_kernel_is_the_environment_of_the_tests(kernel: Kernel) -> None:
    assert kernel.value("__import__('sys').prefix") == sys.prefix
    assert kernel.value("__import__('os').getpid()") == kernel.pid
    assert kernel.value("__import__('os').path.expanduser('~')") == str(kernel.folder / "home")
    assert kernel.value("__import__('os').getcwd()") == str(kernel.folder / "work")


def test_environment_rlimits_and_restart(new_kernel: Kernel, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="another platform: POSIX")
    bound = 64 * 1024 * MIB
    new_kernel.start(
        env={"HOME": None, "PMAT_MEMORY_MAX": "2GB"},
        cwd=tmp_path,
        rlimits={resource.RLIMIT_DATA: bound},
    )
    asked = (
        "[__import__('os').environ.get('HOME'), __import__('os').environ['PMAT_MEMORY_MAX'],"
        " __import__('os').getcwd(), __import__('resource').getrlimit(2)]"
    )
    assert resource.RLIMIT_DATA == 2
    expected = [None, "2GB", str(tmp_path), [bound, bound]]
    assert new_kernel.value(asked) == expected
    first = new_kernel.pid
    new_kernel.run("x = 1")
    new_kernel.restart()
    assert new_kernel.pid != first
    assert new_kernel.value(asked) == expected
    assert "x" not in new_kernel.namespace()


def test_two_kernels_at_once(kernel: Kernel, fresh_kernel: Kernel) -> None:
    kernel.run("which = 'first'")
    fresh_kernel.run("which = 'second'")
    fresh_kernel.stop()
    assert kernel.value("which") == "first"


def test_a_kernel_over_its_cap_is_ended(make_kernel: Callable[..., Kernel]) -> None:
    kernel = make_kernel(cap_bytes=300 * MIB)
    kernel.start()
    result = kernel.run("import time\nhold = b'x' * 2**29\ntime.sleep(30)")
    assert result.status == "dead" and kernel.capped and not kernel.is_alive()
    with pytest.raises(KernelDiedError):
        kernel.value("1")
    kernel.stop()


def test_a_kernel_ends_when_asked(new_kernel: Kernel) -> None:
    new_kernel.start()
    assert new_kernel.shutdown() == 0
    assert new_kernel.processes() == []


def test_processes_that_outlive_their_kernel_are_found(
    make_kernel: Callable[..., Kernel],
) -> None:
    kernel = make_kernel()
    kernel.start()
    kernel.run("import subprocess\np = subprocess.Popen(['sleep', '60'], start_new_session=True)")
    assert len(kernel.processes()) == 2
    kernel.stop()
    assert kernel.left_over == ["sleep 60"]
    assert kernel.processes() == []


def test_a_child_is_seen_with_its_memory() -> None:
    code = "import time; hold = b'x' * 2**26; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in descendants(os.getpid())
        assert rss_bytes(child.pid) > 2**26
        child.kill()
    assert child.pid not in descendants(os.getpid())


def test_what_is_left_behind_is_named() -> None:
    before = Traces.take()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="lingerer", daemon=True)
    thread.start()
    tracemalloc.start()
    Path("litter.txt").touch()
    child = subprocess.Popen(["sleep", "60"])
    try:
        while not command_line(child.pid):  # between fork and exec there is none
            pass
        assert before.left_behind(patience_s=0) == [
            "thread lingerer",
            f"process {child.pid} sleep 60",
            "file litter.txt",
            "tracemalloc.is_tracing() = True",
        ]
    finally:
        stop.set()
        thread.join()
        tracemalloc.stop()
        Path("litter.txt").unlink()
        child.kill()
        child.wait()
    assert before.left_behind() == []


_SKIPS = {
    "test_skip.py": "import pytest\ndef test_x(): pytest.skip('no reason')\n",
    "test_platform.py": "import pytest\ndef test_x(): pytest.skip('another platform: BSD')\n",
    "test_import.py": "import pytest\npytest.importorskip('no_such_module')\ndef test_x(): pass\n",
    "test_xfail.py": "import pytest\n@pytest.mark.xfail\ndef test_x(): assert 0\n",
}


@pytest.mark.parametrize(
    ("in_ci", "expected"),
    [("1", ["1 failed", "1 skipped", "1 xfailed", "1 error"]), ("0", ["3 skipped", "1 xfailed"])],
)
def test_a_skip_fails_in_ci_unless_for_a_platform(
    in_ci: str, expected: list[str], tmp_path: Path
) -> None:
    for name, text in _SKIPS.items():
        (tmp_path / name).write_text(text)
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    env |= {"PMAT_CI": in_ci, "PYTHONPATH": str(Path(__file__).parent)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "support.no_skips",
        "--continue-on-collection-errors",
    ]
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    closing = run.stdout.strip().splitlines()[-1]
    assert [part for part in expected if part not in closing] == [], run.stdout


FAILS_ONCE = """
import pytest

made = []

@pytest.fixture(scope="module")
def shared():
    made.append(0)
    yield len(made)
    made.append("closed")

@pytest.fixture(scope="module", autouse=True)
def prepared(shared):
    made.append("prepared")

def test_first(shared):
    assert shared == 1

def test_second(shared):
    assert made[-3:] == ["closed", 0, "prepared"], "as the first left it"

def test_third(shared):
    assert made.count("closed") == 1
"""


def test_a_second_try_has_what_it_shares_made_anew(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FAILS_ONCE)
    (tmp_path / "conftest.py").write_text(
        "from support.second_try import pytest_runtest_setup, pytest_terminal_summary\n"
    )
    options = ("-q", "-p", "no:cacheprovider", "--reruns", "1")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "3 passed, 1 rerun" in run.stdout
    assert "test_second [call]: AssertionError: as the first left it" in run.stdout
