"""`pmat-nb run` as users meet it: processes, kernels, files and exit codes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pmat_nb.units import MIB

from .running import cell, code_cells, journals, lines, read, run, write_notebook

DESIGN_KEYS = {
    "timestamp",
    "rss_bytes",
    "tree_bytes",
    "unattributed_bytes",
    "limit_bytes",
    "pressure_level",
    "pools",
    "gc",
    "cell",
}


def test_a_notebook_that_knows_nothing_of_it():
    """Figures per cell, parameters, log, report; the notebook itself is as without us."""
    write_notebook(
        Path('it\'s a "plain"\n..ipynb'),
        [
            cell("mb = 1", "parameters"),
            "x = b'x' * (mb * 2**20)\nlen(x)",
            "sorted(name for name in globals() if not name.startswith('_'))",
            cell("1 / 0", "raises-exception"),
            *(f"y{n} = {n}" for n in range(200)),
            "del x\nprint('done')",
        ],
    )
    Path("link.ipynb").symlink_to('it\'s a "plain"\n..ipynb')
    before = Path("link.ipynb").read_bytes()
    done = run("link.ipynb", "-p", "mb", "40", "--log", "run.ndjson", "--report", "run.json")
    assert done.returncode == 0, done.stderr + done.stdout
    assert Path("link.ipynb").read_bytes() == before
    cells = code_cells("link.executed.ipynb")
    assert [one["execution_count"] for one in cells] == list(range(1, 207))
    assert cells[2]["outputs"][0]["data"]["text/plain"] == [str(40 * MIB)]
    names = "".join(cells[3]["outputs"][0]["data"]["text/plain"])
    # IPython's own: from 8 on "open" too.
    own = {"In", "Out", "exit", "get_ipython", "open", "quit"}
    assert set(ast.literal_eval(names)) - own == {"mb", "x"}
    assert cells[-1]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["done\n"]}]
    report = read("run.json")["notebooks"][0]
    filled = report["cells"][2]
    assert 40 * MIB <= filled["growth_bytes"] < 44 * MIB
    assert filled["peak_kind"] == "exact" and filled["first_line"] == "x = b'x' * (mb * 2**20)"
    assert report["cells"][-1]["growth_bytes"] < -39 * MIB
    assert {one["outcome"] for one in report["cells"]} == {"ok"}
    assert report["peak_bytes"] >= max(one["peak_bytes"] for one in report["cells"])
    log = lines("run.ndjson")
    assert all(line.keys() >= DESIGN_KEYS for line in log)
    assert {f"In[{n}]" for n in range(1, 207)} <= {(x["cell"] or {}).get("label") for x in log}
    assert log[-1]["pools"]["analysis"]["complete"] is not None
    # The dearest of what is done for a cell is a line of the log.
    took = report["duration_s"] - sum(one["duration_s"] for one in report["cells"])
    assert took < 30
    assert not journals()


def test_a_limit_and_gates_and_junit():
    Path("pmat.toml").write_text('[quality.gates.memory]\nmax_cell_growth = "10MB"\n')
    write_notebook(Path("grows.ipynb"), ["x = b'x' * (30 * 2**20)"])
    write_notebook(
        Path("runs-away.ipynb"),
        ["l = []", "while True: l.append(bytearray(b'x') * 2**20)", "never = 1"],
    )
    done = run("grows.ipynb", "--report", "gate.xml", "--output-notebook", "off", "-q")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "In[1] (x = b'x' * (30 * 2**20)) left behind 3" in done.stdout
    failures = ET.parse("gate.xml").getroot().findall(".//failure")
    assert [one.get("type") for one in failures] == ["gate"]
    assert not Path("grows.executed.ipynb").exists()
    done = run("grows.ipynb", "runs-away.ipynb", "--limit-per-cell", "60MB", "--report", "all.html")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "runs-away.ipynb 2/3 In[2] stopped" in done.stderr
    assert "In[2] stopped at" in done.stdout and "the cell may add 60 MB" in done.stdout
    stopped = code_cells("runs-away.executed.ipynb")[1]
    assert stopped["outputs"][0]["ename"] == "MemoryLimitExceeded"
    assert stopped["metadata"]["pmat_nb"]["outcome"] == "stopped"
    assert "runs-away.ipynb" in Path("all.html").read_text()


@pytest.mark.newest
def test_a_baseline_and_a_time_out():
    write_notebook(Path("n.ipynb"), [cell("mb = 1", "parameters"), "x = b'x' * (mb * 2**20)"])
    words = ("n.ipynb", "-q", "--output-notebook", "off", "--baseline", "base.json")
    assert run(*words, "-p", "mb", "20", "--update-baseline").returncode == 0
    worse = run(*words, "-p", "mb", "80")
    assert worse.returncode == 3, worse.stdout + worse.stderr
    assert "n.ipynb In[3]: added 80 MB, was 20 MB, at most 28 MB passes" in worse.stdout
    write_notebook(Path("slow.ipynb"), ["import time\ntime.sleep(60)", "1"])
    slow = run("slow.ipynb", "--timeout", "1s", "--report", "slow.json", "-q")
    assert slow.returncode == 1
    assert [x["outcome"] for x in read("slow.json")["notebooks"][0]["cells"]] == [
        "timed out",
        "not run",
    ]
    assert not journals()


@pytest.mark.newest
@pytest.mark.parametrize("kernel", ["same", "fresh"])
def test_a_scenario_with_its_spread(kernel):
    Path("s.toml").write_text(
        f'name = "fill"\nrepeat = 3\nwarm-up = 1\nkernel = "{kernel}"\n'
        'setup = "mb = 40"\n'
        "cells = [\"x = b'x' * (mb * 2**20)\", 'del x']\n"
    )
    done = run("--scenario", "s.toml", "--memory-limit", "2GB", "--report", "perf.json", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    history = [sys.executable, "-m", "pmat_nb", "history", "--sessions", "--notebook"]
    said = subprocess.run([*history, "s.toml"], capture_output=True, text=True, check=True)
    assert "s.toml" in said.stdout and "nothing recorded" not in said.stdout
    found = read("perf.json")["scenario"]
    assert len(found["repetitions"]) == 3
    assert 40 * MIB <= found["added"]["median"] < 44 * MIB
    assert abs(found["growth"]["median"]) < 4 * MIB
    assert found["time"]["least"] <= found["time"]["median"] <= found["time"]["most"]
    assert read("perf.json")["notebooks"][0]["limit_bytes"] == 2 * 1024 * MIB


@pytest.mark.newest
def test_papermills_engine():
    """By its entry point: figures in the cells' metadata, a failed gate fails it."""

    write_notebook(Path("n.ipynb"), [cell("mb = 1", "parameters"), "x = b'x' * (mb * 2**20)"])
    words = [sys.executable, "-m", "papermill", "--engine", "pmat_nb", "n.ipynb", "out.ipynb"]
    done = subprocess.run(
        [*words, "-p", "mb", "30"],
        env={**os.environ, "PMAT_MEMORY_GATE_MAX_CELL_MEMORY": "10MB"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "GateFailedError: gate max_cell_memory: In[3] (x = b'x' *" in done.stderr
    figures = code_cells("out.ipynb")[2]["metadata"]["pmat_nb"]
    assert 30 * MIB <= figures["added_bytes"] < 34 * MIB
    assert read("out.ipynb")["metadata"]["pmat_nb"]["gates"][0]["passed"] is False


def test_a_total_limit_refuses_one_huge_allocation_and_names_its_option():
    write_notebook(Path("huge.ipynb"), ["x = b'x' * (500 * 2**20)"])
    done = run("huge.ipynb", "--max-total", "200MB", "--report", "huge.json", "-q")
    assert done.returncode == 4, done.stdout + done.stderr
    (made,) = read("huge.json")["notebooks"]
    assert made["limit_source"] == "--max-total"
    assert "refused an allocation" in made["cells"][0]["error"]
    assert made["cells"][0]["peak_bytes"] < 200 * MIB
    assert "PMAT_MEMORY_MAX" not in done.stdout


@pytest.mark.newest
def test_a_cell_that_raised_as_tagged_is_told_from_one_that_did_not():
    cells = [cell("1 / 0", "raises-exception"), cell("x = 1", "raises-exception")]
    write_notebook(Path("tagged.ipynb"), cells)
    done = run("tagged.ipynb", "--report", "tagged.json", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("raised, as tagged") == 1
    raised, fine = read("tagged.json")["notebooks"][0]["cells"]
    assert (raised["outcome"], fine["outcome"], fine["error"]) == ("ok", "ok", "")
    assert raised["error"].startswith("ZeroDivisionError")


@pytest.mark.newest
def test_a_cell_tagged_to_be_skipped_is_listed_and_judged_by_nothing():
    Path("pmat.toml").write_text('[quality.gates.memory]\nmax_cell_growth = "20MB"\n')
    tagged = cell("x = b'x' * (200 * 2**20)", "skip-execution")
    empty = cell(" ", "skip-execution")
    text = {"cell_type": "markdown", "source": "text", "metadata": {"tags": ["skip-execution"]}}
    write_notebook(Path("n.ipynb"), ["a = 1", tagged, empty, text, "b = 1"])
    base = ("n.ipynb", "--output-notebook", "off", "--baseline", "base.json")
    first = run(*base, "--update-baseline", "--report", "n.xml")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "n.ipynb 2/2 In[2] ok" in first.stderr
    made = read("base.json")["notebooks"][0]
    assert [one["outcome"] for one in made["cells"]] == ["ok", "skipped", "ok"]
    assert made["cells"][1]["label"] == "cell 2" and made["cells"][1]["peak_bytes"] is None
    cases = {one.get("name"): one for one in ET.parse("n.xml").getroot().iter("testcase")}
    (left_out,) = cases["cell 2 x = b'x' * (200 * 2**20)"]
    assert (left_out.tag, left_out.get("message")) == ("skipped", "tagged skip-execution")
    # The same cell where it runs is new, not worse than nothing.
    write_notebook(Path("n.ipynb"), ["a = 1", cell("x = b'x' * (200 * 2**20)"), "b = 1"])
    assert run(*base, "--report", "n.json", "-q").returncode == 3
    changes = read("n.json")["changes"]
    verdicts = {one["cell"]: one["verdict"] for one in changes if one["figure"] == "added"}
    assert verdicts == {"In[1]": "same", "In[2]": "new", "In[3]": "same"}


@pytest.mark.newest
def test_a_scenario_leaves_skipped_cells_out():
    tagged = cell("x = 1 / 0", "skip-execution")
    write_notebook(Path("n.ipynb"), [tagged, "y = b'y' * (30 * 2**20)", tagged, "del y"])
    Path("s.toml").write_text('notebook = "n.ipynb"\nrepeat = 2\nwarm-up = 0\n')
    done = run("--scenario", "s.toml", "--report", "s.json", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    found = read("s.json")["scenario"]
    assert len(found["repetitions"]) == 2
    assert 29 * MIB <= found["added"]["median"] < 34 * MIB
