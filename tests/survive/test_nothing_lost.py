"""What outlives a cell, and a kernel: saved variables, the journal, the notice of a death."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.kernel import GIB, Kernel

from .kernels import assert_stopped

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: the guard needs /proc"
)

WORK = """
import numpy as np, pandas as pd, threading
weights = np.arange(100_000.0); alias = weights
frame = pd.DataFrame({"id": range(5), "s": list("abcde")})
scale = 2
def predict(x): return x * scale + weights[1]
lock = threading.Lock()
"""


@pytest.fixture
def loaded(fresh_kernel: Kernel) -> Kernel:
    assert fresh_kernel.run("%load_ext pmat_nb").ok
    return fresh_kernel


def _usage_error(kernel: Kernel, code: str) -> str:
    text = kernel.run(code).stderr.strip()
    assert text.startswith("UsageError: ") and len(text.splitlines()) == 1, text
    return text


# -- saving and restoring -----------------------------------------------------------------
def test_saved_variables_outlive_the_kernel(loaded: Kernel) -> None:
    kernel = loaded
    assert "nothing was saved" in _usage_error(kernel, "%pmat_restore")
    assert kernel.run(WORK).ok
    saved = kernel.run("%pmat_save")
    assert saved.ok and saved.text and "lock" in saved.text and saved.html, saved.error
    kernel.kill()
    kernel.restart()
    loading = kernel.run("%load_ext pmat_nb")
    assert "%pmat_restore" in loading.stdout
    restored = kernel.run("%pmat_restore")
    assert restored.ok and restored.text and "restored" in restored.text, restored.error
    assert kernel.value("alias is weights and len(weights)") == 100_000
    assert kernel.value("[predict(1), np.__name__, frame.s.tolist()]") == [
        3.0, "numpy", list("abcde"),
    ]  # fmt: skip
    assert "lock" not in kernel.namespace()


def test_some_variables_and_another_place(loaded: Kernel, tmp_path: Path) -> None:
    kernel, place = loaded, tmp_path / "state.pmat"
    kernel.run("a, b, c = [1], 'two', 3")
    assert kernel.run(f"%pmat_save {place} --vars a,b").ok
    assert place.stat().st_mode & 0o777 == 0o600
    kernel.run("del a, b, c")
    assert kernel.run(f"%pmat_restore {place} --vars b").ok
    assert kernel.value("b") == "two" and "a" not in kernel.namespace()
    assert "did you mean" in _usage_error(kernel, f"bb = 1\n%pmat_save {place} --vars bbb")
    assert "c" in _usage_error(kernel, f"%pmat_restore {place} --vars c")
    assert "--vars" in kernel.complete("%pmat_restore --v")


def test_an_earlier_kernels_file_is_set_aside_and_replaced_values_are_named(
    loaded: Kernel,
) -> None:
    kernel = loaded
    kernel.run("result = [1, 2, 3]")
    assert kernel.run("%pmat_save").ok
    kernel.kill()
    kernel.restart()
    kernel.run("%load_ext pmat_nb")
    kernel.run("other = 5")
    saved = kernel.run("saved = get_ipython().run_line_magic('pmat_save', '')\nsaved")
    assert saved.text and "an earlier kernel had saved" in saved.text, saved.error
    earlier = kernel.value("saved.to_dict()['earlier']")
    kernel.run("result = 'newer'")
    restored = kernel.run(f"%pmat_restore {earlier}")
    assert restored.text and "in place of the values they had: result" in restored.text
    assert kernel.value("[result, other]") == [[1, 2, 3], 5]
    again = kernel.run("%pmat_save").text or ""
    assert "earlier" not in again


def test_a_forged_file_is_refused_and_changes_nothing(loaded: Kernel, tmp_path: Path) -> None:
    kernel, place = loaded, tmp_path / "state.pmat"
    kernel.run("a, b = list(range(1000)), 'kept'")
    kernel.run(f"%pmat_save {place}")
    data = bytearray(place.read_bytes())
    kernel.run("a, b = 1, 2")
    for forged in (data[: len(data) // 2], data[:-20] + b"x" * 20, b"nothing of ours"):
        place.write_bytes(forged)
        assert str(place) in _usage_error(kernel, f"%pmat_restore {place}")
        assert kernel.value("[a, b]") == [1, 2]


def test_a_stop_saves_where_that_is_set(loaded: Kernel) -> None:
    kernel = loaded
    kernel.run("%config InlineBackend")
    kernel.run("import pmat_nb; pmat_nb.session.current().settings.put('save_state', True)")
    kernel.run("result = [42]")
    stopped = kernel.run("%%pmat_limit 100MB\ndef f():\n    l = []\n    while True: "
                         "l.append(bytearray(2**20))\nf()")  # fmt: skip
    assert_stopped(stopped)
    assert "saved" in stopped.stdout
    kernel.run("del result")
    assert kernel.run("%pmat_restore").ok and kernel.value("result") == [42]


# -- deaths --------------------------------------------------------------------------------
def test_a_death_in_a_cell_is_told_once(loaded: Kernel) -> None:
    kernel = loaded
    identity = kernel.send("# a comment\nprint('in it'); import time; time.sleep(60)")
    kernel.wait_for_output(identity, "in it")
    kernel.drain(0.5)
    kernel.kill()
    kernel.restart()
    told = kernel.run("%load_ext pmat_nb").stdout
    assert "died in In[2] (print('in it')" in told, told
    assert "SIGKILL" in told and "no OOM killer" in told, told
    deaths = kernel.run("%pmat_history --deaths")
    assert "died in In[2]" in (deaths.text or ""), deaths
    # Told once.
    assert "died" not in kernel.run("%reload_ext pmat_nb").stdout
    kernel.shutdown()
    kernel.start()
    assert "died" not in kernel.run("%load_ext pmat_nb").stdout
    assert "died in In[2]" in (kernel.run("%pmat_history --deaths").text or "")


def test_a_death_between_cells_blames_none(loaded: Kernel) -> None:
    kernel = loaded
    kernel.run("x = 1")
    kernel.drain(0.3)
    kernel.kill()
    kernel.restart()
    told = kernel.run("%load_ext pmat_nb").stdout
    assert "died after In[2] (x = 1)" in told, told


def test_an_orderly_end_is_no_death(loaded: Kernel) -> None:
    loaded.run("x = 1")
    loaded.shutdown()
    loaded.start()
    assert "died" not in loaded.run("%load_ext pmat_nb").stdout


def test_a_running_kernel_of_the_same_folder_is_not_called_dead(
    loaded: Kernel, make_kernel: Callable[..., Kernel]
) -> None:
    loaded.run("x = 1")
    other = Kernel(loaded.folder, cap_bytes=2 * GIB)
    other.start()
    try:
        assert "died" not in other.run("%load_ext pmat_nb").stdout
    finally:
        other.stop()
    assert loaded.run("x").text == "1"


def test_without_a_place_for_the_journal_cells_run(fresh_kernel: Kernel) -> None:
    kernel = fresh_kernel
    state = kernel.folder / "home" / ".local" / "state"
    state.rmdir()
    state.write_text("a file where the folder should be")
    try:
        assert kernel.run("%load_ext pmat_nb").ok
        first = kernel.run("x = 40 + 2; x")
        assert first.text == "42"
        assert kernel.run("x").text == "42"
        # What else has no place may be told meanwhile, in a line of its own, before or after.
        told = kernel.run("%pmat_save").stderr.strip().splitlines()
        assert any(line.startswith("UsageError: ") for line in told), told
        stopped = kernel.run("%%pmat_limit 100MB\nl = []\nwhile True: l.append(bytearray(2**20))")
        assert_stopped(stopped)
    finally:
        state.unlink()


@pytest.fixture
def unwritable(fresh_kernel: Kernel) -> Callable[[bool], None]:
    """Lets the kernel write no byte to any file, as on a full disk, and lets it again."""
    import resource

    def switch(full: bool) -> None:
        bound = 0 if full else resource.RLIM_INFINITY
        hard = resource.prlimit(fresh_kernel.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(fresh_kernel.pid, resource.RLIMIT_FSIZE, (bound, hard))

    return switch


def test_a_disk_that_fills_up_breaks_no_cell_and_no_stop(
    fresh_kernel: Kernel, unwritable: Callable[[bool], None]
) -> None:
    kernel = fresh_kernel
    kernel.stop()
    kernel.start(arguments=["--HistoryManager.enabled=False"])
    assert kernel.run("%load_ext pmat_nb").ok
    assert kernel.run("x = 40").ok
    unwritable(True)
    try:
        first, second = kernel.run("x += 2; x"), kernel.run("x")
        assert [first.text, second.text] == ["42", "42"], (first.error, second.error)
        # Each thing that failed is said once, in a line.
        told = (first.stdout + first.stderr + second.stdout + second.stderr).splitlines()
        assert len(told) == len(set(told)) <= 3, told
        stopped = kernel.run("%%pmat_limit 100MB\nl = []\nwhile True: l.append(bytearray(2**20))")
        assert_stopped(stopped)
        told = kernel.run("%pmat_save").stderr.strip().splitlines()
        assert told[-1].startswith("UsageError: "), told
    finally:
        unwritable(False)
    assert kernel.run("%pmat_save --vars x").ok
    kernel.run("del x")
    assert kernel.run("%pmat_restore").ok and kernel.value("x") == 42
