"""Runs that do not come to their end as planned: what was known is in every file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

from pmat_nb.units import MIB

from .running import code_cells, command, journals, lines, read, run, write_notebook

# Leaves something that keeps the kernel from answering what comes next.
BUSY = "import time\nget_ipython().events.register('pre_execute', lambda: time.sleep(30))"


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def has_logged(path: Path, number: int) -> bool:
    return path.is_file() and path.read_bytes().count(b"\n") >= number


def children_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != "zombie" for each in processes)


def test_a_kernel_that_dies_is_explained():
    """With what was logged so far, and nothing left for the next session to be told."""
    write_notebook(
        Path("dies.ipynb"),
        ["print('first')", "import os, signal\nos.kill(os.getpid(), 9)", "z = 1"],
    )
    done = run("dies.ipynb", "--log", "dies.ndjson", "--report", "dies.json")
    assert done.returncode == 1, done.stdout + done.stderr
    report = read("dies.json")["notebooks"][0]
    assert [one["outcome"] for one in report["cells"]] == ["ok", "died", "not run"]
    assert "died in In[2] (import os, signal)" in report["death"]
    assert "SIGKILL ended it; no OOM killer acted" in report["death"]
    assert lines("dies.ndjson")[-1]["cell"]["label"] == "In[1]"
    assert code_cells("dies.executed.ipynb")[0]["outputs"][0]["text"] == ["first\n"]
    assert not journals()


# ipykernel 6 leaves its journal there: it ends without the functions for its end.
@pytest.mark.newest
def test_a_killed_run_leaves_a_whole_log_and_no_kernel(tmp_path):
    write_notebook(Path("long.ipynb"), ["a = 1", "import time\nwhile True: time.sleep(0.1)"])
    (tmp_path / "tmp").mkdir()
    log = Path("long.ndjson")
    words = command("long.ipynb", "--log", log, "-q")
    runner = subprocess.Popen(words, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")})
    until(lambda: has_logged(log, 4))
    kernels = children_of(runner.pid)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    until(lambda: gone(kernels), 10)
    found = lines(log)
    assert found[-1]["running"] == "In[2]" and found[-1]["cell"]["label"] == "In[1]"
    assert not journals() and not list((tmp_path / "tmp").glob("pmat_nb-run-*"))


def test_two_at_once_and_an_interrupt():
    """One is interrupted, the other does not notice."""
    for name in "ab":
        code = [
            "x = 1",
            "import time; y = b'y' * (30 * 2**20)\nwhile True: time.sleep(0.1)"
            if name == "a"
            else "2",
        ]
        write_notebook(Path(f"{name}.ipynb"), [*code, "3"])
    log = Path("a.ndjson")
    words = command("a.ipynb", "--log", log, "--report", "a.json", "--format", "compact")
    first = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: has_logged(log, 2))
    second = run("b.ipynb", "-q", "--format", "json")
    kernels = children_of(first.pid)
    first.send_signal(signal.SIGINT)
    said, problems = first.communicate(timeout=60)
    assert first.returncode == 130, said + problems
    assert "Traceback" not in problems
    assert gone(kernels)
    report = read("a.json")["notebooks"][0]
    ended, interrupted, _ = report["cells"]
    outcomes = [one["outcome"] for one in report["cells"]]
    assert outcomes == ["ok", "interrupted", "not run"]
    # What was measured up to then, the interrupted cell and the end included.
    assert ended["peak_bytes"] and interrupted["label"] == "In[2]"
    assert interrupted["added_bytes"] >= 30 * MIB and interrupted["duration_s"] > 0.1
    assert report["growth_bytes"] >= 30 * MIB
    assert "a.ipynb 2/3 In[2] interrupted · " in problems
    assert code_cells("a.executed.ipynb")[1]["metadata"]["pmat_nb"]["peak_bytes"]
    assert lines(log)[-1]["cell"]["label"] == "In[2]" and not journals()
    assert second.returncode == 0 and '"outcome":"ok"' in second.stdout


def test_a_cell_that_takes_no_interrupt_leaves_what_was_known_before_it():
    """SIGTERM; the cell's kernel answers nothing any more, so its gates were not checked."""
    Path("pmat.toml").write_text('[quality.gates.memory]\nmax_cell_growth = "10MB"\n')
    deaf = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(100)"
    write_notebook(Path("deaf.ipynb"), ["x = 1", deaf, "never = 1"])
    log = Path("deaf.ndjson")
    words = command("deaf.ipynb", "--log", log, "--report", "deaf.xml", "-q")
    runner = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: has_logged(log, 2) and lines(log)[-1]["running"] == "In[2]")
    kernels = children_of(runner.pid)
    runner.send_signal(signal.SIGTERM)
    said, problems = runner.communicate(timeout=60)
    assert runner.returncode == 130, said + problems
    assert gone(kernels) and not journals()
    assert "gate max_cell_growth was not checked: the kernel did not answer within 5 s" in said
    cases = {one.get("name"): one for one in ET.parse("deaf.xml").getroot().iter("testcase")}
    assert list(cases["In[1] x = 1"]) == []
    assert cases["cell 2 import signal, time"][0].get("type") == "interrupted"
    assert cases["gate max_cell_growth"][0].get("type") == "gate"
    assert cases["cell 3 never = 1"][0].tag == "skipped"


def test_a_gate_that_cannot_be_checked_in_time_fails():
    """The last cell leaves something that keeps the kernel from answering."""
    Path("pmat.toml").write_text('[quality.gates.memory]\nmax_cell_growth = "10MB"\n')
    write_notebook(Path("n.ipynb"), [BUSY])
    words = ["run", "n.ipynb", "--report", "n.json", "--output-notebook", "off", "-q"]
    code = (
        "import sys; from pmat_nb.cli.main import main; from pmat_nb.cli.run import executing; "
        f"executing._FINISH_S = 2.0; sys.exit(main({words!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 3, done.stdout + done.stderr
    why = "was not checked: the kernel did not answer within 2 s"
    assert f"gate max_cell_growth {why}" in done.stdout
    (run_,) = read("n.json")["notebooks"]
    (gate,) = run_["gates"]
    assert (gate["passed"], gate["bound_bytes"], gate["problem"]) == (False, 10 * MIB, why)
    assert run_["outcome"] == "ok" and run_["cells"][0]["peak_bytes"]


@pytest.mark.newest
def test_papermills_engine_fails_on_a_gate_that_cannot_be_checked_in_time():
    write_notebook(Path("n.ipynb"), [BUSY])
    code = (
        "import papermill; from pmat_nb.cli.run import papermill_engine as own; "
        "own._FINISH_S = 2.0; "
        "papermill.execute_notebook('n.ipynb', 'out.ipynb', engine_name='pmat_nb')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PMAT_MEMORY_GATE_MAX_CELL_MEMORY": "10MB"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    why = "was not checked: the kernel did not answer within 2 s"
    assert f"GateFailedError: gate max_cell_memory {why}" in done.stderr, done.stderr
    assert read("out.ipynb")["metadata"]["pmat_nb"]["gates"][0]["problem"] == why
