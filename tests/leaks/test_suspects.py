"""Suspects in a real kernel: cells that are run again and again, and what is said of them."""

from __future__ import annotations

import json

import pytest
from support.kernel import Kernel

# A module of the user's that keeps what it loads, and one that does not.
LIBRARY = """
import sys, types
mylib = types.ModuleType("mylib")
exec('''
_registry = []
_cache = {}
def load(n):
    _registry.append(bytearray(n))
    return n
def cached(n):
    if len(_cache) < 4:
        _cache[len(_cache)] = bytearray(n)
    return n
class Cyclic:
    def __init__(self, n):
        self.me, self.data = self, bytearray(n)
''', mylib.__dict__)
sys.modules["mylib"] = mylib
"""
# These cells follow each other faster than a person's, whose are all read; rationing has
# tests of its own.
UNRATIONED = """
import pmat_nb.session as sessions
sessions.running().suspects._allowance.covers_a_cell = lambda: True
"""
NOTICE = "more on each of"


def prepare(kernel: Kernel) -> None:
    for cell in ("%load_ext pmat_nb", LIBRARY, UNRATIONED):
        assert kernel.run(cell).ok


@pytest.fixture(scope="module", autouse=True)
def loaded(module_kernel: Kernel) -> None:
    prepare(module_kernel)


@pytest.fixture(autouse=True)
def quiet(kernel: Kernel) -> None:
    kernel.run("%pmat_configure --notices important", silent=True)


def again(kernel: Kernel, cell: str, times: int) -> str:
    """Run a cell so often; what was printed meanwhile, also between cells."""
    first = len(kernel.messages)
    for _ in range(times):
        assert kernel.run(cell).ok
    kernel.run("pass  # whatever waited has been done")
    return "".join(
        message["content"]["text"]
        for message in kernel.messages[first:]
        if message["header"]["msg_type"] == "stream"
    )


def state_of(kernel: Kernel, cell: str) -> str | None:
    rows = json.loads(kernel.run("%pmat_leaks --format json").text or "")["suspects"]
    return next((row["state"] for row in rows if row["first_line"] == cell), None)


def test_a_registry_behind_the_users_back_is_suspect_after_some_runs(kernel: Kernel) -> None:
    cell = "mylib.load(3_000_000);"
    again(kernel, cell, 7)
    assert state_of(kernel, cell) is None
    printed = again(kernel, cell, 3)
    assert state_of(kernel, cell) == "suspect"
    assert NOTICE not in printed
    text = kernel.run("%pmat_leaks").text or ""
    assert "suspect" in text and "2.9 MB/run" in text and "%%pmat_leaks --repeat 20" in text
    assert cell in text and "10 runs, constant" in text


def test_what_the_cell_appends_to_its_own_list_is_kept(kernel: Kernel) -> None:
    kernel.run("results = []")
    cell = "results.append(bytearray(3_000_000))"
    again(kernel, cell, 12)
    assert state_of(kernel, cell) == "kept"
    text = kernel.run("%pmat_leaks").text or ""
    assert "grows by" in text and "results" in text
    kernel.run("del results")


def test_small_objects_in_a_registry_are_seen_too(kernel: Kernel) -> None:
    kernel.run("def grow():\n    mylib._registry.append([[i] for i in range(20_000)])")
    cell = "grow();"
    again(kernel, cell, 10)
    assert state_of(kernel, cell) == "suspect"


@pytest.mark.parametrize(
    ("before", "cell"),
    [
        ("", "mylib.cached(5_000_000);"),
        ("", "frame = bytearray(8_000_000)"),
        ("", "total = sum(range(1000))"),
        ("", "print('x' * 1000)"),
        ("text = ''", "text += 'line' * 10_000"),
    ],
)
def test_what_is_no_leak_is_not_suspected(kernel: Kernel, before: str, cell: str) -> None:
    kernel.run(before or "pass")
    again(kernel, cell, 12)
    assert state_of(kernel, cell) in (None, "kept")


def test_garbage_that_waits_for_the_collector_is_told_apart(kernel: Kernel) -> None:
    cell = "mylib.Cyclic(3_000_000);"
    again(kernel, cell, 12)
    assert state_of(kernel, cell) in (None, "garbage")


def test_what_another_cell_gives_back_is_no_growth(kernel: Kernel) -> None:
    cell = "held = bytearray(4_000_000)"
    for _ in range(12):
        kernel.run(cell)
        kernel.run("del held")
    assert state_of(kernel, cell) is None


def test_the_notice_comes_once_and_only_where_all_are_wanted(kernel: Kernel) -> None:
    kernel.run("%pmat_configure --notices all", silent=True)
    printed = again(kernel, "mylib.load(4_000_000);  # noted", 12)
    lines = [line for line in printed.splitlines() if NOTICE in line]
    assert len(lines) == 1
    assert lines[0].startswith("pmat_nb: In[") and "kept about 3.8 MB more on each of" in lines[0]
    assert lines[0].endswith("%pmat_leaks · silence: %pmat_configure --notices off")


def test_a_restless_kernel_is_read_less_but_the_leak_is_found(fresh_kernel: Kernel) -> None:
    """Without the tests' exemption: what is not read does not count as a run without growth."""
    fresh_kernel.run("%load_ext pmat_nb")
    fresh_kernel.run(LIBRARY)
    again(fresh_kernel, "mylib.load(300_000);", 100)
    rows = json.loads(fresh_kernel.run("%pmat_leaks --format json").text or "")["suspects"]
    assert rows[0]["runs"] == 100 and rows[0]["counted"] >= 6
    assert 280_000 < rows[0]["bytes_per_run"] < 330_000


def test_a_failing_watch_breaks_no_cell(fresh_kernel: Kernel) -> None:
    fresh_kernel.run("%load_ext pmat_nb")
    fresh_kernel.run(
        "import pmat_nb.session as sessions\n"
        "def broken(*_, **__): raise RuntimeError('broken counters')\n"
        "sessions.running().suspects._counters.watch = broken\n"
        "sessions.running().suspects._counters.exact = broken"
    )
    results = [fresh_kernel.run("x = 1") for _ in range(4)]
    assert all(result.ok for result in results)
    said = "".join(result.stderr for result in results)
    assert said.count("the leak watch is switched off") == 1


# -- the last report, and the files ---------------------------------------------------------


@pytest.fixture
def suspicious(fresh_kernel: Kernel) -> Kernel:
    prepare(fresh_kernel)
    again(fresh_kernel, "mylib.load(3_000_000);", 10)
    return fresh_kernel


def test_stats_name_suspects_and_leaks_where_asked(suspicious: Kernel) -> None:
    kernel = suspicious
    assert "suspect" not in (kernel.run("%pmat_stats").text or "")
    assert "2.9 MB/run" in (kernel.run("%pmat_stats --check-leaks").text or "")
    plain = json.loads(kernel.run("%pmat_stats --format json").text or "")
    asked = json.loads(kernel.run("%pmat_stats --check-leaks --format json").text or "")
    assert "leaks" not in plain and [*plain, "leaks"] == [*asked]
    assert asked["leaks"]["suspects"][0]["state"] == "suspect"
    assert asked["leaks"]["last_report"] is None


def test_the_report_goes_to_files_by_their_ending(suspicious: Kernel) -> None:
    kernel = suspicious
    assert "suspect" in (kernel.run("%pmat_stats --leak-report").text or "")
    wrote = kernel.run("%pmat_stats --leak-report one.json").stdout
    assert "suspected cells" in wrote and "one.json" in wrote
    assert kernel.value("len(__import__('json').load(open('one.json'))['suspects'])") == 1
    kernel.run("import pmat_nb as pmat")
    loop = "with pmat.track_leaks() as t:\n    for i in range(20):\n"
    kernel.run(loop + "        mylib.load(100_000)\n        t.mark()")
    assert "last report" in (kernel.run("%pmat_leaks").text or "")
    assert "leak 0." in (kernel.run("%pmat_stats --check-leaks").text or "")
    for name in ("two.csv", "two.parquet", "two.json"):
        assert "the last leak report" in kernel.run(f"%pmat_stats --leak-report {name}").stdout
    kernel.run("import pandas as pd")
    kernel.run("csv, parquet = pd.read_csv('two.csv'), pd.read_parquet('two.parquet')")
    assert kernel.value("list(csv.columns) == list(parquet.columns)") is True
    assert kernel.value("parquet['verdict'][0]") == "leak"
    assert kernel.value("__import__('json').load(open('two.json'))['leaking']") is True


def test_other_endings_are_refused_with_those_that_work(kernel: Kernel) -> None:
    for target in ("leaks.txt", "leaks"):
        result = kernel.run(f"%pmat_stats --leak-report {target}")
        assert ".json, .csv or .parquet" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    kernel.run("import os; os.mkdir('folder.csv')")
    assert "is a folder" in kernel.run("%pmat_stats --leak-report folder.csv").stderr


def test_without_suspects_it_says_what_is_watched(fresh_kernel: Kernel) -> None:
    fresh_kernel.run("%load_ext pmat_nb")
    shown = fresh_kernel.run("%pmat_leaks")
    assert "no cell is suspected" in (shown.text or "") and "watched" in (shown.text or "")
    assert "no cell is suspected" in shown.data["text/html"]
    fresh_kernel.run("f = %pmat_leaks --format frame")
    assert fresh_kernel.value("len(f)") == 0
    assert fresh_kernel.value("'kept_by' in f.columns") is True


def test_the_log_has_the_counters(new_kernel: Kernel) -> None:
    new_kernel.start(env={"PMAT_MEMORY_TRACK": "1", "PMAT_MEMORY_SAMPLE_INTERVAL": "0.1s"})
    prepare(new_kernel)
    again(new_kernel, "mylib.load(3_000_000);", 10)
    # What the next line will say: on a busy machine that comes some seconds later.
    line = new_kernel.value("sessions.running().part_if_made('tracker')._figures()")
    assert [row["state"] for row in line["suspects"]] == ["suspect"]
    assert list(line).index("counters") > list(line).index("cell")
    (path,) = new_kernel.folder.glob("home/.local/state/pmat_nb/track/*.ndjson")
    written = [json.loads(text) for text in path.read_text().splitlines()]
    assert set(written[0]["counters"]) == {
        "heap_used_bytes", "allocated_blocks", "gc_counts", "pools",
    }  # fmt: skip
    cells = [cell for one in (*written, line) for cell in one["cells"]]
    assert sorted(cell["run"] for cell in cells) == list(range(2, 11))
    assert all(cell["retained_bytes"] > 2_900_000 for cell in cells if cell["run"] > 2)
