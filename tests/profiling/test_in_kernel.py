"""``%%pmat_profile`` in real kernels: what it shows, and that it leaves nothing behind."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest
from support.cells import CellResult
from support.kernel import Kernel

MB = 1024**2
NOTHING_LEFT = (
    "[__import__('tracemalloc').is_tracing()] + [t.name for t in"
    " __import__('threading').enumerate() if t.name == 'pmat_nb profile']"
)


def profile(kernel: Kernel, cell: str, line: str = "%%pmat_profile") -> CellResult:
    return kernel.run(f"{line}\n{textwrap.dedent(cell)}", timeout=240)


def figures(kernel: Kernel) -> dict[str, Any]:
    """Those of the last profile, which the line form shows again."""
    result = kernel.run("print(get_ipython().run_line_magic('pmat_profile', '--format json'))")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_temporary_peak_has_its_line_and_height(loaded: Kernel) -> None:
    result = profile(
        loaded,
        """
        import numpy as np
        kept = np.ones(20_000_000)
        total = max((kept * 2 + 1).sum() for _ in range(5))
        total
        """,
    )
    assert result.ok and "60000000.0" in (result.text or "")
    shown = result.displays[-1]["text/plain"]
    assert "(exact)" in shown and "stayed" in shown and "tracing was on" in shown
    assert "<table" in result.displays[-1]["text/html"]
    found = figures(loaded)
    temporary = next(s for s in found["sites"] if s["source"].startswith("total ="))
    assert temporary["site"].endswith(":5") and temporary["kept_bytes"] < MB
    assert temporary["temporary_bytes"] >= 150 * MB
    stayed = next(s for s in found["sites"] if s["source"].startswith("kept ="))
    assert stayed["kept_bytes"] >= 150 * MB and stayed["temporary_bytes"] == 0
    assert found["peak_kind"] == "exact" and found["peak_line"].endswith(":5")
    assert found["peak_bytes"] - found["rss_before_bytes"] >= 300 * MB
    assert found["sites_bytes"] >= 0.9 * found["traced_peak_bytes"] >= 270 * MB
    assert loaded.value(NOTHING_LEFT) == [False]


def test_two_short_calls_of_one_library_function_each_have_their_line(loaded: Kernel) -> None:
    loaded.run("import numpy as np")
    profile(loaded, "x = np.ones(10_000_000)\ny = np.ones(5_000_000) * 2")
    found = {site["source"]: site for site in figures(loaded)["sites"]}
    assert found["x = np.ones(10_000_000)"]["kept_bytes"] // 1000 == 80_000
    assert found["y = np.ones(5_000_000) * 2"]["kept_bytes"] // 1000 == 40_000
    profile(loaded, "a = np.full(2_000_000, 1.0)\nb = np.full(20_000_000, 1.0)")
    sites = figures(loaded)["sites"]
    assert [(s["source"][0], s["kept_bytes"] // 1000) for s in sites[:2]] == [
        ("b", 160_000), ("a", 16_000),
    ]  # fmt: skip
    assert sites[0]["within"].startswith("numeric.py:") and sites[0]["estimated_bytes"] == 0


def test_the_line_form_shows_it_again_and_as_a_frame(loaded: Kernel) -> None:
    profile(loaded, "x = [str(i) for i in range(50_000)]")
    again = loaded.run("%pmat_profile")
    assert again.ok and "stayed" in (again.text or "")
    loaded.run("report = get_ipython().run_line_magic('pmat_profile', '')")
    assert loaded.value("list(report.to_frame().columns)[:6]") == [
        "site", "filename", "lineno", "source", "function", "peak_bytes",
    ]  # fmt: skip
    assert loaded.value("list(report.to_frame('timeline').columns)") == [
        "at_s", "rss_bytes", "traced_bytes", "line",
    ]  # fmt: skip
    assert loaded.value("len(report.to_frame('lines')) >= 1") is True
    assert "is not sites" in loaded.run("report.to_frame('x')").error.evalue  # type: ignore[union-attr]


def test_the_plot_is_one_picture_that_leaves_no_figure_open(loaded: Kernel) -> None:
    profile(loaded, "import time\nx = bytearray(50_000_000)\ntime.sleep(0.2)\ndel x")
    result = loaded.run("get_ipython().run_line_magic('pmat_profile', '').plot()")
    assert result.ok and result.data is not None and "image/png" in result.data, result.error
    assert loaded.value("'matplotlib.pyplot' in __import__('sys').modules") is False


def test_a_function_in_a_module_and_a_generator_have_their_lines(loaded: Kernel) -> None:
    (loaded.folder / "work").mkdir(exist_ok=True)
    module = loaded.folder / "work" / "mylib.py"
    module.write_text("def make(n):\n    return [bytes(1000) for _ in range(n)]\n")
    loaded.run(f"import sys; sys.path.insert(0, {str(module.parent)!r}); import mylib")
    cell = """
        def produced(n):
            for _ in range(n):
                yield bytearray(2000)
        a = mylib.make(20_000)
        b = list(produced(10_000))
        """
    assert profile(loaded, cell).ok
    found = {site["source"]: site for site in figures(loaded)["sites"]}
    made = found["return [bytes(1000) for _ in range(n)]"]
    assert made["site"] == "mylib.py:2" and made["function"] == "make"
    assert made["kept_bytes"] > 18 * MB
    assert found["yield bytearray(2000)"]["kept_bytes"] > 18 * MB


def test_an_error_is_the_users_and_the_report_comes_all_the_same(loaded: Kernel) -> None:
    result = profile(loaded, "x = bytearray(30_000_000)\n1 / 0")
    assert result.error is not None and result.error.ename == "ZeroDivisionError"
    assert "pmat_nb" not in result.error.traceback
    assert "it failed" in result.displays[-1]["text/plain"]
    assert loaded.value(NOTHING_LEFT) == [False]


def test_showing_the_error_is_not_the_cells(fresh_kernel: Kernel) -> None:
    """The first traceback of a kernel brings in a highlighter: memory that nobody allocated."""
    fresh_kernel.run("%load_ext pmat_nb")
    slow = "import time\nshell = get_ipython()\nshow = shell.InteractiveTB.structured_traceback\n"
    slow += "def late(*a, **k):\n    time.sleep(2)\n    return show(*a, **k)\n"
    fresh_kernel.run(slow + "shell.InteractiveTB.structured_traceback = late")
    result = profile(fresh_kernel, "x = bytearray(30_000)\n1 / 0")
    assert result.error is not None and result.error.ename == "ZeroDivisionError"
    found = figures(fresh_kernel)
    assert found["duration_s"] < 1.5 and found["traced_peak_bytes"] < MB
    assert {site["site"].partition("[")[0] for site in found["sites"]} == {"In"}
    assert found["sites"][0]["kept_bytes"] >= 30_000


def test_an_error_that_the_cell_shows_itself_does_not_end_it(loaded: Kernel) -> None:
    profile(loaded, "get_ipython().run_cell('1 / 0')\nx = bytearray(30_000_000)")
    assert figures(loaded)["sites"][0]["kept_bytes"] >= 30_000_000


def test_a_cell_that_allocates_nothing_has_no_rows_of_others(loaded: Kernel) -> None:
    for cell in ("pass", "# nothing", "1"):
        # What threads of the kernel import for the first time is there once, and looks like its.
        for _ in range(3):
            profile(loaded, cell)
            names = [site["site"] for site in figures(loaded)["sites"]]
            if all(name.startswith("In[") for name in names):
                break
        assert all(name.startswith("In[") for name in names), names


def test_an_interrupt_ends_the_cell_and_not_the_report(loaded: Kernel) -> None:
    sent = loaded.send("%%pmat_profile\nprint('running')\nx = bytearray(10_000_000)\nwhile 1: pass")
    loaded.wait_for_output(sent, "running")
    loaded.interrupt()
    result = loaded.collect(sent)
    assert result.error is not None and result.error.ename == "KeyboardInterrupt"
    assert result.displays and loaded.value(NOTHING_LEFT) == [False]


def test_a_cell_that_awaits(loaded: Kernel) -> None:
    cell = "import asyncio\nx = bytearray(40_000_000)\nawait asyncio.sleep(0.3)\nlen(x)"
    result = profile(loaded, cell)
    assert result.ok and result.text == "40000000" and result.displays
    assert figures(loaded)["duration_s"] >= 0.3


def test_a_limit_and_a_profile_above_one_cell(loaded: Kernel) -> None:
    cell = "held = bytearray(400_000_000)"
    for heads in (
        ("%%pmat_profile", "%%pmat_limit 200MB"),
        ("%%pmat_limit 200MB", "%%pmat_profile"),
    ):
        result = loaded.run("\n".join((*heads, cell)))
        assert result.error is not None and result.error.ename == "MemoryLimitExceeded"
        assert "it failed" in result.displays[-1]["text/plain"]
        assert loaded.value(NOTHING_LEFT) == [False]
    assert loaded.run("%%pmat_limit 1GB\n%%pmat_profile\nx = 41\nx + 1").text == "42"


def test_tracing_that_the_cell_starts_or_the_user_has_on(loaded: Kernel) -> None:
    loaded.run("import tracemalloc; tracemalloc.start(5)")
    profile(loaded, "x = bytearray(20_000_000)")
    found = figures(loaded)
    assert any("was on already" in note for note in found["notes"])
    assert found["sites"][0]["kept_bytes"] >= 20_000_000
    assert loaded.value("tracemalloc.get_traceback_limit()") == 5
    result = profile(loaded, "x = bytearray(20_000_000)\ntracemalloc.stop()")
    assert result.ok and any("stopped tracemalloc" in note for note in figures(loaded)["notes"])
    assert loaded.value(NOTHING_LEFT) == [False]


def test_memory_that_python_does_not_see_is_named(loaded: Kernel) -> None:
    loaded.run("import pyarrow as pa")
    profile(loaded, "t = pa.py_buffer(b'')\nb = pa.allocate_buffer(200_000_000)\n"
            "import ctypes\nctypes.memset(b.address, 1, b.size)")  # fmt: skip
    found = figures(loaded)
    assert 150 * MB < found["outside_bytes"] < 260 * MB
    assert "outside Python's sight" in (loaded.run("%pmat_profile").text or "")


def test_profiles_hold_on_to_nothing(loaded: Kernel) -> None:
    loaded.run("import weakref\nclass Thing: pass")
    profile(loaded, "thing = Thing(); gone = weakref.ref(thing)\nimport time\ntime.sleep(0.1)")
    assert loaded.value("gone() is thing") is True
    loaded.run("del thing")
    assert loaded.value("gone() is None") is True


def test_a_profile_in_a_profile_is_refused(loaded: Kernel) -> None:
    cell = "get_ipython().run_cell_magic('pmat_profile', '', 'x = 1')"
    result = profile(loaded, cell)
    assert "being profiled already" in result.stderr or (
        result.error is not None and "being profiled already" in result.error.evalue
    )
    assert result.displays and loaded.value(NOTHING_LEFT) == [False]


def test_the_report_goes_to_a_file_where_that_is_asked_for(loaded: Kernel) -> None:
    result = profile(loaded, "x = bytearray(5_000_000)", "%%pmat_profile -o p.json --format json")
    assert result.ok and not result.displays
    assert loaded.value("__import__('json').load(open('p.json'))['engine']") == "tracemalloc"
    loaded.run("import os; os.unlink('p.json')")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%pmat_profile --interval 0\nx = 1", "--interval"),
        ("%pmat_profile --native", "write %%pmat_profile above"),
        ("%%pmat_profile 5\nx = 1", "one word too many"),
    ],
)
def test_what_it_cannot_mean_is_said_in_one_line(loaded: Kernel, cell: str, words: str) -> None:
    result = loaded.run(cell)
    assert words in result.stderr and len(result.stderr.strip().splitlines()) == 1


def test_no_profile_yet(fresh_kernel: Kernel) -> None:
    fresh_kernel.run("%load_ext pmat_nb")
    assert "no cell was profiled yet" in fresh_kernel.run("%pmat_profile").stderr


def test_unloading_in_the_middle_ends_it(fresh_kernel: Kernel) -> None:
    fresh_kernel.run("%load_ext pmat_nb")
    result = profile(fresh_kernel, "x = bytearray(1_000_000)\n%unload_ext pmat_nb")
    assert result.ok, result.error
    assert fresh_kernel.value(NOTHING_LEFT) == [False]
