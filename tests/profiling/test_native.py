"""C code's allocations by line, through memray, in real kernels."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest
from support.kernel import Kernel

from pmat_nb.consumers.leaks.native_trace import NativeGrowth, growing, with_lines
from pmat_nb.consumers.native import Life
from pmat_nb.engine.leaks.records import Growth, LeakRow
from pmat_nb.engine.leaks.report import LeakRecord
from pmat_nb.engine.leaks.sites import Sites

MB = 1024**2
PLACE = ("/srv/project/work.py", 4)
LEFT = (
    "[__import__('sys').getprofile()] + [n for n in"
    " __import__('os').listdir(__import__('tempfile').gettempdir()) if n.startswith('pmat_nb-')]"
)


def figures(kernel: Kernel, line: str = "pmat_profile") -> dict[str, Any]:
    result = kernel.run(f"print(get_ipython().run_line_magic({line!r}, '--format json'))")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def run(kernel: Kernel, line: str, cell: str) -> Any:
    return kernel.run(f"{line}\n{textwrap.dedent(cell)}", timeout=300)


def test_what_arrow_and_numpy_took_has_its_lines(loaded: Kernel) -> None:
    loaded.run("import numpy as np, pyarrow as pa, ctypes")
    result = run(
        loaded,
        "%%pmat_profile --native",
        """
        def doubled(a):
            return (a * 2 + 1).sum()
        kept = np.ones(10_000_000)
        total = doubled(kept)
        pool = pa.system_memory_pool()
        buffer = pa.allocate_buffer(50_000_000, memory_pool=pool)
        total
        """,
    )
    assert result.ok and "30000000.0" in (result.text or ""), result.error
    assert "memray was on" in result.displays[-1]["text/plain"]
    found = figures(loaded)
    sites = {site["source"]: site for site in found["sites"]}
    assert sites["kept = np.ones(10_000_000)"]["kept_bytes"] >= 80_000_000
    temporary = sites["return (a * 2 + 1).sum()"]
    assert temporary["temporary_bytes"] >= 80_000_000 and temporary["native"]
    assert temporary["function"] == "doubled" and temporary["site"].startswith("In[")
    arrow = next(site for source, site in sites.items() if source.startswith("buffer ="))
    assert arrow["kept_bytes"] >= 50_000_000
    assert found["engine"] == "memray" and found["traced_peak_bytes"] >= 155_000_000
    assert loaded.value(LEFT) == [None]


def test_an_error_and_an_await_under_memray(loaded: Kernel) -> None:
    result = run(loaded, "%%pmat_profile --native", "x = bytearray(30_000_000)\n1 / 0")
    assert result.error is not None and result.error.ename == "ZeroDivisionError"
    assert "it failed" in result.displays[-1]["text/plain"]
    cell = "import asyncio\ny = bytearray(30_000_000)\nawait asyncio.sleep(0.1)\nlen(y)"
    result = run(loaded, "%%pmat_profile --native", cell)
    assert result.text == "30000000" and result.displays
    assert loaded.value(LEFT) == [None]


def test_a_tracker_of_somebody_elses_is_left_alone(loaded: Kernel) -> None:
    loaded.run("import memray, tempfile, os\nfolder = tempfile.mkdtemp()\n"
               "other = memray.Tracker(os.path.join(folder, 'x')); other.__enter__()")  # fmt: skip
    for line in ("%%pmat_profile --native", "%%pmat_leaks --repeat 20 --native"):
        result = loaded.run(f"{line}\nran = True")
        assert "tracking this process already" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert loaded.value("'ran' in globals()") is False
    assert loaded.run("other.__exit__(None, None, None)").ok
    assert loaded.value(LEFT) == [None]


def test_without_memray_it_says_what_to_install(fresh_kernel: Kernel) -> None:
    fresh_kernel.run("%load_ext pmat_nb\nimport sys; sys.modules['memray'] = None")
    for line in ("%%pmat_profile --native", "%%pmat_leaks --repeat 20 --native"):
        result = fresh_kernel.run(f"{line}\nx = 1")
        assert "pip install 'pmat_nb[native]'" in result.stderr


# --- leaks ------------------------------------------------------------------------------

HIDDEN = """
import sqlite3
class Store:
    # One cursor: a connection keeps weak references to each, which Python sees.
    rows = sqlite3.connect(":memory:").cursor()
Store.rows.execute("create table t (x)")
def note(size):
    Store.rows.execute("insert into t values (zeroblob(?))", (size,))
"""


@pytest.fixture(scope="module")
def leak(module_kernel: Kernel) -> dict[str, Any]:
    """The row of C code that grows in a table in memory, out of Python's sight."""
    if not module_kernel.is_alive():
        module_kernel.restart()
    module_kernel.run("%reload_ext pmat_nb")
    module_kernel.run(HIDDEN)
    result = run(module_kernel, "%%pmat_leaks --repeat 30 --native", "note(300_000)\nx = [1] * 999")
    assert result.ok, result.error
    assert "more under memray" in result.displays[-1]["text/plain"]
    rows: list[dict[str, Any]] = figures(module_kernel, "pmat_leaks")["last_report"]["rows"]
    return next(row for row in rows if row["kind"] == "native")


def test_a_leak_of_c_code_has_the_users_line(leak: dict[str, Any]) -> None:
    assert leak["source"].startswith("Store.rows.execute(") and leak["function"] == "note"
    assert leak["verdict"] == "leak" and leak["site"].startswith("In[")
    assert leak["bytes_per_iteration"] == pytest.approx(310_000, rel=0.15)
    assert "sqlite3" in leak["retained_by"]


def test_nothing_of_it_is_left(leak: dict[str, Any], loaded: Kernel) -> None:
    assert loaded.value(LEFT) == [None]
    assert loaded.value("__import__('tracemalloc').is_tracing()") is False


def test_kept_frames_and_arrow_columns_are_told_once(loaded: Kernel) -> None:
    loaded.run("import polars as pl, pyarrow as pa, numpy as np\nclass Held:\n    frames = []")
    cell = "Held.frames.append(pl.DataFrame({'x': np.arange(60_000)}))"
    result = run(loaded, "%%pmat_leaks --repeat 24 --native", cell)
    assert result.ok, result.error
    last = figures(loaded, "pmat_leaks")["last_report"]
    rows = [r for r in last["rows"] if r["verdict"] == "leak"]
    assert [row["source"] for row in rows] == [cell]
    assert rows[0]["bytes_per_iteration"] == pytest.approx(480_000, rel=0.5)


@pytest.mark.parametrize(
    ("line", "words"),
    [("%%pmat_leaks --repeat 8 --native", "too few"), ("%pmat_leaks --native", "above that cell")],
)
def test_what_cannot_work_is_said_in_one_line(loaded: Kernel, line: str, words: str) -> None:
    result = loaded.run(f"{line}\nx = 1" if line.startswith("%%") else line)
    assert words in result.stderr and len(result.stderr.strip().splitlines()) == 1


# --- rules ------------------------------------------------------------------------------


def lives(born: list[float], *, died: list[float | None] | None = None) -> list[Life]:
    ends = died or [None] * len(born)
    return [Life(PLACE, "f", b, d, 1000, 1) for b, d in zip(born, ends, strict=True)]


MARKS = [float(i) for i in range(1, 9)]


def test_blocks_of_each_iteration_that_live_on_are_growth() -> None:
    found = growing(lives([i + 0.5 for i in range(8)]), MARKS)
    assert [(g.place, g.bytes_per_iteration) for g in found] == [(PLACE, 1000)]


def test_last_results_and_first_caches_are_none() -> None:
    last = lives([i + 0.5 for i in range(8)], died=[i + 1.5 for i in range(7)] + [None])
    assert growing(last, MARKS) == []
    assert growing(lives([0.5, 0.6, 0.7]), MARKS) == []
    assert growing(lives([2.5]), MARKS) == []


def record(*rows: LeakRow) -> LeakRecord:
    flat = Growth("constant", 300_000.0, 299_000.0, 301_000.0, 1.0, 1.0, 1.0, 20)
    return LeakRecord(rows, 20, 3, 4, 0, 1.0, 0.01, 2.0, False, flat, ())


def row(**known: Any) -> LeakRow:
    usual = dict.fromkeys(LeakRow._fields, "") | {
        "kind": "native", "verdict": "leak", "confidence": 0.7, "lineno": 0,
        "bytes_per_iteration": 300_000.0, "retained_bytes": 6_000_000, "retained_blocks": 0,
        "iterations": 20,
    }  # fmt: skip
    return LeakRow(**(usual | known))


def test_a_row_without_a_line_gives_way_to_its_lines() -> None:
    found = with_lines(record(row()), [NativeGrowth(PLACE, "f", 290_000.0, 1.0)], Sites())
    assert [(r.site, r.verdict, r.confidence) for r in found.rows] == [("work.py:4", "leak", 0.7)]
    assert len(found.details) == len(found.rows)


def test_a_row_whose_lines_were_not_seen_stays_and_says_so() -> None:
    found = with_lines(record(row()), [NativeGrowth(PLACE, "f", 20_000.0, 1.0)], Sites())
    assert [r.lineno for r in found.rows] == [0, 4] and "memray saw no line" in (
        found.rows[0].recommendation
    )


def test_what_the_tracker_has_by_line_is_not_told_again() -> None:
    known = row(kind="python", filename=PLACE[0], lineno=PLACE[1])
    found = with_lines(record(known), [NativeGrowth(PLACE, "f", 300_500.0, 1.0)], Sites())
    assert found.rows == (known,)


def test_lines_of_which_the_counters_say_nothing_are_undecided() -> None:
    found = with_lines(record(), [NativeGrowth(PLACE, "f", 50_000.0, 1.0)], Sites())
    assert [r.verdict for r in found.rows] == ["undecided"]
