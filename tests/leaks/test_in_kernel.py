"""What a user types to find a leak: a tracked loop, and a cell that is run again."""

from __future__ import annotations

import pytest
from support.kernel import Kernel

STEP = """
import pmat_nb as pmat
registry = {}
def step(i):
    registry[len(registry)] = bytearray(50_000 + i)
    return [j for j in range(1000)]
losses = []
"""
LOOP = """
with pmat.track_leaks() as tracker:
    for i in range(40):
        losses.append(i)
        step(i)
        tracker.mark()
report = tracker.report()
"""

# On a busy machine the work that a look may take is over before it has come to all objects, which
# is then said: test_census.py asks for that, and these tests for what is found.
UNHURRIED = """
from pmat_nb.engine.leaks.census import Census
Census.__init__.__kwdefaults__["budget_s"] = 60.0
del Census
"""


@pytest.fixture
def loaded(fresh_kernel: Kernel) -> Kernel:
    for cell in ("%load_ext pmat_nb", STEP, UNHURRIED):
        assert fresh_kernel.run(cell).ok
    return fresh_kernel


def test_a_tracked_loop_names_the_line_and_what_keeps_it(loaded: Kernel) -> None:
    assert loaded.run(LOOP).ok
    assert loaded.value("report.leaking") is True
    row = loaded.value(
        "{k: v for k, v in report.to_dict()['rows'][0].items()"
        " if k in ('site', 'source', 'verdict', 'kind', 'retained_by', 'function')}"
    )
    assert row["verdict"] == "leak" and row["kind"] == "python" and row["function"] == "step"
    assert row["source"] == "registry[len(registry)] = bytearray(50_000 + i)"
    assert row["site"].startswith("In[") and "registry" in row["retained_by"]
    text = loaded.run("report").text or ""
    assert text.startswith("leak ") and "kept by: registry" in text and "fix:" in text
    assert "losses" not in text.partition("your code ran")[0] or "kept on purpose" in text
    assert loaded.value("__import__('tracemalloc').is_tracing()") is False
    assert loaded.value("list(report.to_frame().columns)") == [
        "site", "filename", "lineno", "source", "function", "kind", "verdict", "confidence",
        "bytes_per_iteration", "retained_bytes", "retained_blocks", "iterations", "retained_by",
        "recommendation",
    ]  # fmt: skip


def test_a_loop_that_keeps_nothing_has_no_leak(loaded: Kernel) -> None:
    loaded.run(LOOP.replace("step(i)", "[0] * 5000"))
    assert loaded.value("report.leaking") is False


def test_a_cell_that_is_run_again_is_an_iteration(loaded: Kernel) -> None:
    loaded.run("cache = []\nclass Model:\n    seen = cache")
    assert loaded.run("%pmat_leaks start").ok
    for _ in range(14):
        loaded.run("Model.seen.append(bytearray(200_000));")
    stopped = loaded.run("%pmat_leaks stop")
    assert stopped.ok and stopped.text and "14 times" in stopped.text, stopped.error
    assert loaded.run("%pmat_leaks report").text == stopped.text
    assert (loaded.run("%pmat_leaks").text or "").endswith(stopped.text)


# No lists: one that Python had put by for reuse has no trace, and where it was made is not known.
BEHIND = "seen = []\ndef load(i): seen.append(bytearray(24_000 + i))\ni = 0\nown = []"


def _verdicts(kernel: Kernel) -> list[str]:
    """Of the rows that "seen" retains."""
    rows = "get_ipython().run_line_magic('pmat_leaks', 'report').to_dict()['rows']"
    found = kernel.value(f"[(r['verdict'], r['source'], r['retained_by']) for r in {rows}]")
    verdicts = [verdict for verdict, _, retained_by in found if "seen" in retained_by]
    assert verdicts, found
    return verdicts


@pytest.mark.newest
def test_only_what_the_cell_names_is_kept_on_purpose(loaded: Kernel) -> None:
    loaded.run(BEHIND)
    loaded.run("%pmat_leaks start")
    for _ in range(14):
        loaded.run("i += 1; load(i)")
    assert "on purpose" not in (loaded.run("%pmat_leaks stop").text or "")
    assert any(verdict in ("leak", "undecided") for verdict in _verdicts(loaded))


@pytest.mark.newest
def test_marked_iterations_know_what_the_cells_name(loaded: Kernel) -> None:
    loaded.run(BEHIND)
    mark = "get_ipython().run_line_magic('pmat_leaks', 'mark')"
    loop = f"%pmat_leaks start\nfor i in range(30):\n    load(i)\n    {mark}\n"
    text = loaded.run(loop + "%pmat_leaks stop").text or ""
    assert "30 times" in text and text.startswith("leak ") and "kept by: seen" in text
    text = loaded.run(
        loop.replace("load(i)", "own.append(bytearray(24_000))") + "%pmat_leaks stop"
    ).text
    assert "kept on purpose: own (your variable)" in (text or "")


@pytest.mark.newest
def test_the_cell_that_is_run_again_is_followed(loaded: Kernel) -> None:
    loaded.run(BEHIND)
    started = loaded.run("%pmat_leaks start").stdout
    assert "run again counts" in started and len(started.splitlines()) == 1
    loaded.run("zz = 1")
    for count in range(12):
        loaded.run("i += 1; load(i)")
        if count % 4 == 0:
            loaded.run("%pmat_stats")
    text = loaded.run("%pmat_leaks stop").text or ""
    assert "your code ran 12 times" in text and _verdicts(loaded)
    assert "followed: the cell that begins with i += 1; load(i)" in text


def test_without_a_cell_that_ran_twice_that_is_said(loaded: Kernel) -> None:
    loaded.run("%pmat_leaks start")
    loaded.run("zz = 1")
    loaded.run("zz = 2")
    text = loaded.run("%pmat_leaks stop").text or ""
    assert "no cell ran twice" in text and "--repeat" not in text and "more runs" in text


def test_a_block_without_a_mark_says_so(loaded: Kernel) -> None:
    loaded.run("with pmat.track_leaks() as tracker:\n    step(1)")
    assert "mark() was never called" in (loaded.run("tracker.report()").text or "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%pmat_leaks report", "no report yet"),
        ("%pmat_leaks mark", "nothing is tracked"),
        ("%pmat_leaks stop", "nothing is tracked"),
        ("%pmat_leaks begin", "start"),
        ("%pmat_leaks --warmup -1", "--warmup"),
    ],
)
def test_wrong_order_is_said_in_one_line(loaded: Kernel, line: str, words: str) -> None:
    result = loaded.run(line)
    assert words in result.stderr and len(result.stderr.strip().splitlines()) == 1


def test_unloading_ends_the_tracing(loaded: Kernel) -> None:
    loaded.run("%pmat_leaks start")
    for _ in range(6):
        loaded.run("step(1);")
    loaded.run("%unload_ext pmat_nb")
    assert loaded.value("__import__('tracemalloc').is_tracing()") is False
