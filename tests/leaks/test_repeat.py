"""``%%pmat_leaks --repeat N`` in real kernels: what it finds, and that the cell is the cell."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.cells import CellResult
from support.kernel import Kernel

SETUP = """
import asyncio, builtins, time
registry = {}
def step():
    registry[len(registry)] = bytearray(50_000)
    return 5
def fail():
    registry[len(registry)] = bytearray(50_000)
    raise ValueError("each time")
"""
_CLEAN = (
    "(__import__('tracemalloc').is_tracing(), __import__('gc').get_freeze_count(),"
    " 'run_ast_nodes' in vars(get_ipython()), 'Silence' in repr(__import__('sys').stdout.write))"
)


@pytest.fixture(scope="module")
def shared(make_kernel) -> Iterator[Kernel]:
    kernel = make_kernel()
    kernel.start()
    yield kernel
    kernel.stop()


@pytest.fixture
def loaded(shared: Kernel) -> Kernel:
    if not shared.is_alive():
        shared.start()
    shared.run("%reset -f")
    assert shared.run("%load_ext pmat_nb").ok or shared.run("%reload_ext pmat_nb").ok
    assert shared.run(SETUP).ok
    return shared


def report_of(result: CellResult) -> str:
    """The text of the report under a cell; empty where there is none."""
    texts = [o["data"].get("text/plain", "") for o in result.outputs if "data" in o]
    return next((text for text in texts if "your code ran" in text), "")


def rows(kernel: Kernel) -> list[dict]:
    return kernel.value("get_ipython().run_line_magic('pmat_leaks', 'report').to_dict()['rows']")


def figures(kernel: Kernel) -> dict:
    return kernel.value("get_ipython().run_line_magic('pmat_leaks', 'report').to_dict()")


def test_a_leak_has_its_line_and_what_keeps_it(loaded: Kernel) -> None:
    loaded.run("losses = []")
    result = loaded.run(
        "%%pmat_leaks --repeat 40\nprint('shown once')\nlosses.append('x' * 9000)\nstep()"
    )
    assert result.ok and result.text == "5" and result.stdout == "shown once\n"
    text = report_of(result)
    leak = rows(loaded)[0]
    assert leak["verdict"] == "leak" and leak["site"].startswith("In[") and leak["lineno"] == 4
    assert leak["source"] == "registry[len(registry)] = bytearray(50_000)"
    assert "kept by: registry" in text and "kept on purpose: losses" in text
    assert "output of the runs after the first is not shown" in text
    runs = figures(loaded)["iterations"]
    assert runs == loaded.value("len(registry)") == loaded.value("len(losses)") <= 40
    assert loaded.value("sorted(Out.values()) == [5]") is True
    assert loaded.value("sum('shown once' in text for text in In)") == 1
    assert loaded.value(_CLEAN) == [False, 0, False, False]
    again = loaded.run("%pmat_leaks report")
    assert again.text == text


def test_nothing_leaks(loaded: Kernel) -> None:
    result = loaded.run("%%pmat_leaks --repeat 30\nx = [0] * 5000\nlen(x)")
    assert result.text == "5000" and report_of(result).startswith("nothing leaks")
    assert rows(loaded) == []


@pytest.mark.newest
def test_a_frame_that_is_replaced_is_not_kept(loaded: Kernel) -> None:
    loaded.run("import numpy as np, pandas as pd")
    frame = "r = pd.DataFrame({'a': np.random.rand(5000)})\nr2 = r.a.mean()"
    for _ in range(2):
        text = report_of(loaded.run(f"%%pmat_leaks --repeat 40\n{frame}"))
        assert text and "on purpose" not in text


def test_without_repeat_nothing_runs(loaded: Kernel) -> None:
    result = loaded.run("%%pmat_leaks\nran = 1")
    assert "--repeat 40" in result.stderr and loaded.value("'ran' in globals()") is False
    line = loaded.run("%pmat_leaks --repeat 3")
    assert "%%pmat_leaks --repeat" in line.stderr
    assert "%pmat_leaks start" in loaded.run("%%pmat_leaks start --repeat 3\nran = 1").stderr


def test_once_is_too_few_to_tell(loaded: Kernel) -> None:
    result = loaded.run("%%pmat_leaks --repeat 1\nstep();")
    assert "not enough runs to tell" in report_of(result)
    assert report_of(result).count("--repeat") == 1
    assert loaded.value("len(registry)") == 1 and result.text is None


def test_a_cell_that_awaits(loaded: Kernel) -> None:
    result = loaded.run(
        "%%pmat_leaks --repeat 40\nawait asyncio.sleep(0.001)\nvalue = step()\nvalue"
    )
    assert result.ok and result.text == "5", result.error
    assert rows(loaded)[0]["function"] == "step" and rows(loaded)[0]["verdict"] == "leak"


def test_a_reload_while_a_cell_awaits_ends_the_repeating(loaded: Kernel) -> None:
    loaded.run(
        "ran = 0\nasync def reload():\n    global ran\n    ran += 1\n    if ran == 8:\n"
        "        get_ipython().run_line_magic('reload_ext', 'pmat_nb')\n"
        "    await asyncio.sleep(0.001)\n"
    )
    result = loaded.run("%%pmat_leaks --repeat 40\nawait reload()")
    text = report_of(result)
    assert result.ok and "AssertionError" not in result.stdout + result.stderr
    assert "ended early" in text and "interrupted" not in text
    assert loaded.value("ran") == 8 and loaded.value(_CLEAN) == [False, 0, False, False]


def test_the_end_of_the_time_is_no_interrupt(loaded: Kernel) -> None:
    text = report_of(loaded.run("%%pmat_leaks --repeat 40 --max-time 1s\ntime.sleep(0.3)"))
    assert "your code ran" in text and "interrupted" not in text


def test_a_cell_that_fails_each_time(loaded: Kernel) -> None:
    first, second = loaded.run_all(["%%pmat_leaks --repeat 40\nfail()", "'next'"])
    assert first.error is not None and first.error.ename == "ValueError"
    assert second.status == "aborted"
    assert "repeating" not in "\n".join(first.error.traceback)
    assert rows(loaded)[0]["verdict"] == "leak" and rows(loaded)[0]["function"] == "fail"
    found = figures(loaded)
    assert found["failures"] == found["iterations"] == loaded.value("len(registry)")
    time.sleep(0.2)


def test_a_later_failure_is_counted_and_named(loaded: Kernel) -> None:
    loaded.run("n = 0")
    result = loaded.run("%%pmat_leaks --repeat 8\nn += 1\nif n > 6: raise KeyError(n)\nn")
    assert result.ok and result.text == "1"
    assert "2 times with an error" in report_of(result) and "KeyError: 7" in report_of(result)


@pytest.mark.parametrize("body", ["time.sleep(0.1)", "await asyncio.sleep(0.1)"])
def test_an_interrupt_ends_the_repeating_with_a_report(loaded: Kernel, body: str) -> None:
    identity = loaded.send(f"%%pmat_leaks --repeat 500\n{body}\n'value'", allow_stdin=True)
    queued = loaded.send("'next'")
    deadline = time.monotonic() + 20
    while loaded.wire.result(identity, 0).outputs[1:] == [] and time.monotonic() < deadline:
        loaded.drain(0.1)
    loaded.interrupt()
    result = loaded.collect(identity)
    assert result.ok and result.text == "'value'" and result.error is None
    updates = [m["content"] for m in loaded.messages if m["msg_type"] == "update_display_data"]
    assert "interrupted" in updates[-1]["data"]["text/plain"]
    assert any("of up to 500" in m["data"]["text/plain"] for m in _displays(loaded))
    assert loaded.collect(queued).text == "'next'"
    assert loaded.value(_CLEAN) == [False, 0, False, False]


def _displays(kernel: Kernel) -> list[dict]:
    return [m["content"] for m in kernel.messages if m["msg_type"] == "display_data"]


def test_nothing_is_told_on_the_way_where_nobody_watches(loaded: Kernel) -> None:
    before = len(loaded.messages)
    loaded.run("%%pmat_leaks --repeat 12\ntime.sleep(0.15)")
    kinds = [m["msg_type"] for m in loaded.messages[before:]]
    assert kinds.count("display_data") == 1 and "update_display_data" not in kinds


def test_an_interrupted_first_run_is_an_interrupted_cell(loaded: Kernel) -> None:
    identity = loaded.send("%%pmat_leaks --repeat 9\nprint('running', flush=True)\ntime.sleep(20)")
    loaded.wait_for_output(identity, "running")
    time.sleep(0.1)
    loaded.interrupt()
    result = loaded.collect(identity)
    assert result.error is not None and result.error.ename == "KeyboardInterrupt"
    assert report_of(result) == "" and loaded.value(_CLEAN) == [False, 0, False, False]


def test_no_run_begins_after_max_time(loaded: Kernel) -> None:
    result = loaded.run("%%pmat_leaks --repeat 500 --max-time 0.5s\ntime.sleep(0.1)")
    assert result.ok and 4 <= figures(loaded)["iterations"] <= 6


@pytest.mark.parametrize(
    ("heads", "end"),
    [
        ("%%pmat_limit 200MB\n%%pmat_leaks --repeat 40", ""),
        ("%%pmat_leaks --repeat 40\n%%pmat_limit 200MB", "\n1 / 0"),
    ],
)
def test_a_limit_holds_for_all_runs_together(loaded: Kernel, heads: str, end: str) -> None:
    loaded.run("kept = []")
    result = loaded.run(f"{heads}\nkept.append(bytearray(b'x' * 20_000_000)){end}")
    assert result.error is not None, report_of(result)
    assert "MemoryLimitExceeded" in "\n".join(
        "\n".join(o["traceback"]) for o in result.outputs if o["output_type"] == "error"
    )
    assert "your code ran" in report_of(result)
    assert 4 <= loaded.value("len(kept)") <= 14
    assert loaded.run("del kept\n'alive'").text == "'alive'"


@pytest.mark.newest
def test_a_stop_does_not_take_the_tracker_for_a_holder(loaded: Kernel) -> None:
    loaded.run("import numpy as np; held = {}")
    heads = "%%pmat_limit 100MB\n%%pmat_leaks --repeat 40"
    result = loaded.run(f"{heads}\nheld[len(held)] = np.ones(1_000_000)", timeout=120)
    said = "\n".join("\n".join(o.get("traceback", ())) for o in result.outputs)
    assert "MemoryLimitExceeded" in said
    assert "held by something else" not in said
    assert "held (" in said or "not sized in time" in said
    loaded.run("del held")


def test_figures_are_closed_between_runs(loaded: Kernel) -> None:
    loaded.run("import matplotlib; import matplotlib.pyplot as plt; open_ = []")
    cell = "plt.subplots(figsize=(1, 1)); open_.append(len(plt.get_fignums()))"
    result = loaded.run(f"%%pmat_leaks --repeat 6\n{cell}", timeout=120)
    images = [o for o in result.outputs if "image/png" in o.get("data", {})]
    assert len(images) == 1 and set(loaded.value("open_")) == {1}


def test_later_runs_leave_no_trace_in_the_shell(loaded: Kernel) -> None:
    before = loaded.value("[len(Out), get_ipython().execution_count]")
    loaded.run("%%pmat_leaks --repeat 6\n'\"doc\"'\nlen?\ndisplay(1)\nobject()")
    after = loaded.value("[len(Out), get_ipython().execution_count]")
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1]
    assert loaded.value("globals().get('__doc__', '') != 'doc'") is True


def test_a_body_of_another_cell_magic(loaded: Kernel) -> None:
    loaded.run("losses = []")
    result = loaded.run("%%pmat_leaks --repeat 30\n%%time\nlosses.append('x' * 9000)\nstep()")
    assert result.text == "5" and result.stdout.count("Wall time") == 1
    verdicts = {row["source"]: row["verdict"] for row in rows(loaded)}
    assert verdicts.get("registry[len(registry)] = bytearray(50_000)") == "leak"
    assert "leak" not in {v for source, v in verdicts.items() if "losses" in source}


def test_what_the_user_runs_again_shows_no_machinery(loaded: Kernel) -> None:
    loaded.run("%pmat_leaks start")
    for _ in range(14):
        loaded.run("x = [0] * 500\nlen(x);")
    loaded.run("%pmat_leaks stop")
    assert [row["site"] for row in rows(loaded) if row["kind"] == "python"] == []
