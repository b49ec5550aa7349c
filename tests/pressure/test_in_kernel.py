"""Pressure, responses and collections in real kernels."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
MB = 1_000_000
# bytes whose display is not four times their size
BIG = "class Big(bytearray):\n    __repr__ = lambda self: 'big'"


@pytest.fixture
def loaded(fresh_kernel):
    """A kernel whose limit is 1 GB, so that levels are easy to reach."""
    result = fresh_kernel.run(
        f"import sys; sys.path.insert(0, {HERE!r})\n%load_ext pmat_nb\n%pmat_limit 1GB"
    )
    assert result.status == "ok"
    fresh_kernel.run("import time, gc, weakref, in_kernel as k")
    # The response that loading may make due is over.
    yield fresh_kernel
    if fresh_kernel.is_alive():
        assert fresh_kernel.value("k.faults()") == {}


def ask(kernel, expression):
    return kernel.value(f"__import__('in_kernel').{expression}")


def wait(kernel, expression, seconds=10):
    """Until it is true in the idle kernel (no cell is run: `value` is a silent request)."""
    end = time.monotonic() + seconds
    while not (found := ask(kernel, expression)):
        assert time.monotonic() < end, f"{expression} never came true: {ask(kernel, 'runs()')}"
        time.sleep(0.2)
    return found


def between(low, medium, high):
    return f"%pmat_pressure --low {low} --medium {medium} --high {high} --auto-respond"


# --- what is shown ------------------------------------------------------------------------


def test_the_report_says_where_it_stands_and_what_comes(loaded):
    loaded.run("x = bytearray(400_000_000); time.sleep(2.5)")
    text = loaded.run("%pmat_pressure").text
    assert "pressure MEDIUM 0.4" in text
    assert "to HIGH at 0.60" in text
    assert "%pmat_pressure --auto-respond" in text
    assert max(map(len, text.splitlines())) <= 100
    found = json.loads(loaded.run("%pmat_pressure --format json").text)
    assert found["pressure_level"] == "MEDIUM"
    assert found["next_level"] == "HIGH"
    room = 0.6 * found["limit_bytes"] - found["tree_bytes"]
    assert abs(found["headroom_bytes"] - room) < 2
    assert "<" in loaded.run("%pmat_pressure").data["text/html"]
    loaded.run("frame = %pmat_pressure --format frame")
    assert loaded.value("len(frame)") >= 2
    assert loaded.value("int(frame['tree_bytes'].iloc[-1])") > 400 * MB
    assert loaded.run("%pmat_pressure --history").data["image/png"]
    # both reports read one gauge
    assert "MEDIUM 0." in loaded.run("%pmat_stats").text


def test_a_trend_tells_when_the_next_level_comes(loaded):
    loaded.run("%pmat_configure --sample-interval 0.4")
    loaded.run(
        "kept = []\nfor _ in range(14):\n    kept.append(bytearray(8 * 10**6)); time.sleep(0.5)"
    )
    found = json.loads(loaded.run("%pmat_pressure --format json").text)["trend"]
    assert found["low"] < found["bytes_per_s"] < found["high"]
    assert 8 * MB < found["bytes_per_s"] < 24 * MB
    assert not found["steady"]
    assert "MB/s over the last" in loaded.run("%pmat_pressure").text


def test_a_healthy_kernel_with_full_caches_reads_low_or_medium(loaded):
    loaded.run("%pmat_configure --cache-pool 20MB --pool-growth fixed")
    loaded.run("import pmat_nb as pmat")
    loaded.run("for i in range(40): pmat.pools['cache'].put(f'n{i}', bytearray(1_000_000))")
    loaded.run("time.sleep(1.2)")
    loaded.run("r = %pmat_pressure")
    assert loaded.value("r.record.pressure.level") in ("LOW", "MEDIUM")
    assert loaded.value("k.current().pools.pool('cache').used_bytes") > 15 * MB
    assert loaded.value("r.record.pressure.parts['pools']") > 0
    assert "a full one is healthy" in loaded.run("r").text


@pytest.mark.parametrize(
    "line",
    ["--low 0.9", "--medium 0.2", "--high 0.5", "--low 0.5 --medium 0.5", "--high 0.3 --low 0.4"],
)
def test_levels_must_rise(loaded, line):
    result = loaded.run(f"%pmat_pressure {line}")
    assert result.status == "error"
    for name in ("--low", "--medium", "--high"):
        assert name in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert loaded.run("%pmat_pressure").status == "ok"


def test_a_dry_run_needs_something_to_simulate(loaded):
    result = loaded.run("%pmat_pressure --dry-run")
    assert result.status == "error"
    assert "--simulate critical" in result.stderr


def test_critical_is_said_once_in_one_line(loaded):
    loaded.run("ballast = bytearray(200_000_000)")
    loaded.run("%pmat_pressure --low 0.05 --medium 0.1 --high 0.15")
    for _ in range(3):
        loaded.run("time.sleep(1.3)")
    loaded.drain(1)
    text = "".join(m["content"].get("text", "") for m in loaded.messages)
    said = [line for line in text.splitlines() if "CRITICAL" in line]
    assert len(said) == 1
    assert "%pmat_pressure" in said[0]


# --- simulating ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["medium", "high", "critical"])
def test_simulating_a_level_carries_its_responses_out(loaded, level):
    loaded.run("k.listen()")
    loaded.run("def f():\n    big = bytearray(150_000_000)\n    1 / 0")
    loaded.run("f()")
    # Its traceback stays in InteractiveTB; for %debug and %tb this is the last error.
    loaded.run("%pmat_vars --no-such-option")
    loaded.run(f"r = %pmat_pressure --simulate {level}")
    text = loaded.run("r").text
    assert f"{level.upper()} (simulated)" in text
    steps = loaded.value("[[s.action, s.state] for s in r.record.asked.steps]")
    assert steps
    assert {state for _, state in steps} == {"done"}
    # the earlier traceback's 150 MB went, and the figure says so
    assert loaded.value("r.record.asked.freed_bytes") > 140 * MB
    assert loaded.value("r.record.asked.simulated") is True
    if level != "medium":
        assert ask(loaded, "asked()") == [["cache", 0.5, "MainThread"]]


def test_a_dry_run_shows_and_does_nothing(loaded):
    loaded.run("k.listen()")
    loaded.run("import pmat_nb as pmat\nwith pmat.scratch((100_000_000,), 'u1') as b: b[:] = 1")
    loaded.run("del b")
    loaded.run("r = %pmat_pressure --simulate critical --dry-run")
    assert set(loaded.value("[s.state for s in r.record.asked.steps]")) == {"shown"}
    assert max(loaded.value("[s.estimated_bytes or 0 for s in r.record.asked.steps]")) > 90 * MB
    assert ask(loaded, "asked()") == []
    assert ask(loaded, "runs()") == []
    assert loaded.value("k.current().probe.rss_bytes()") > 140 * MB
    assert "nothing of it done" in loaded.run("r").text


def test_what_would_stop_something_is_only_shown(loaded):
    loaded.run("k.answer(CRITICAL={'actions': ['exit_gracefully'], 'save_state': True})")
    loaded.run("work = 1")
    loaded.run("%pmat_pressure --exit-kernel")
    loaded.run("r = %pmat_pressure --simulate critical")
    steps = dict(loaded.value("[[s.action, s.state] for s in r.record.asked.steps]"))
    assert steps == {"save_state": "done", "exit_gracefully": "shown"}
    loaded.drain(1)
    assert loaded.is_alive()
    assert loaded.run("1 + 1").text == "2"


def test_a_level_without_responses_says_so(loaded):
    assert "no responses are set" in loaded.run("%pmat_pressure --simulate low").text


# --- responding by itself ---------------------------------------------------------------------


def test_entering_a_level_cleans_after_the_cell_and_says_it_once(loaded):
    loaded.run("k.answer(HIGH={'actions': ['emergency_cleanup'], 'notify': True})")
    loaded.run(between(0.2, 0.3, 0.95))
    loaded.run(f"{BIG}\nb = Big(300_000_000); seen = weakref.ref(b); b")
    loaded.run("del b; time.sleep(1.2)")
    loaded.drain(2)
    shown = "".join(m["content"].get("text", "") for m in loaded.messages)
    assert shown.count("pmat_nb: pressure") == 1
    assert "pressure HIGH" in shown
    # Out[], _, __ and the display hook held it: the cleanup let go, nothing else was touched
    assert loaded.value("seen() is None")
    assert loaded.value("'seen' in globals() and 'k' in globals()")
    again = "".join(loaded.run("time.sleep(1.1)").stdout for _ in range(3))
    assert "pmat_nb" not in again
    assert len(ask(loaded, "runs()")) == 1


def test_a_notice_names_the_caches_that_gave_back(loaded):
    loaded.run("k.answer(HIGH={'actions': ['cleanup_temp', 'reduce_cache'], 'notify': True})")
    loaded.run(
        "import pmat_nb as pmat\n@pmat.cache\ndef made(n): return bytearray(20_000_000 + n)\n"
        "for n in range(4): made(n)"
    )
    shown = loaded.run("%pmat_pressure --simulate high").stdout
    assert "reduce_cache (cache:made 38 MB)" in shown or "reduce_cache (cache:made 40 MB)" in shown
    assert "cleanup_temp, " in shown, "what gave nothing back is not credited"


def test_an_idle_kernel_responds_without_waiting_for_a_cell(loaded):
    loaded.run("k.answer(HIGH={'actions': ['reduce_cache'], 'notify': True}); k.listen()")
    loaded.run(between(0.2, 0.3, 0.95))
    loaded.run("time.sleep(1.2)")
    first = len(loaded.messages)
    # grows after its cell has ended, as a download in a thread does
    started = loaded.send(
        "import threading\nkept = []\n"
        "t = threading.Timer(1, lambda: kept.append(bytearray(400_000_000))); t.start()"
    )
    loaded.collect(started)
    loaded.drain(4)
    assert ask(loaded, "asked()") == [["cache", 0.5, "MainThread"]]
    told = [m for m in loaded.messages[first:] if "HIGH" in m["content"].get("text", "")]
    assert len(told) == 1
    # under the cell that ran last, not under some other
    assert told[0]["parent_header"]["msg_id"] == started


def test_nothing_but_our_caches_is_touched_while_a_cell_runs(loaded):
    loaded.run("k.answer(CRITICAL={'actions': ['emergency_cleanup', 'reduce_cache']}); k.listen()")
    loaded.run(f"{BIG}\nBig(50_000_000)")
    loaded.run(between(0.1, 0.2, 0.3))
    result = loaded.run(
        "x = bytearray(400_000_000)\nfor _ in range(40): time.sleep(0.1)\n"
        "print(k.runs(), k.asked(), type(Out.get(4)).__name__, gc.get_count() is None)"
    )
    during = k_runs(result.stdout)
    assert during[0][1] is True, "beside a cell"
    assert [step[0] for step in during[0][2]] == ["reduce_cache", "trim"]
    assert len(during) == 1, "once, however long it lasts"
    assert "pmat_nb sampler" in result.stdout
    wait(loaded, "runs()[1:]")
    assert [step[0] for step in ask(loaded, "runs()")[1][2]] == [
        "emergency_cleanup",
        "reduce_cache",
    ]


def k_runs(text):
    import ast

    found, _ = _literal(text)
    return ast.literal_eval(found)


def _literal(text):
    depth = 0
    for at, letter in enumerate(text):
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if depth == 0:
            return text[: at + 1], text[at + 1 :]
    raise AssertionError(text)


def test_a_cell_that_awaits_is_a_running_cell(loaded):
    loaded.run("k.answer(HIGH={'actions': ['reduce_cache']}); k.listen()")
    loaded.run(between(0.2, 0.3, 0.95))
    result = loaded.run(
        "import asyncio\nx = bytearray(400_000_000)\n"
        "for _ in range(30): await asyncio.sleep(0.1)\nprint(len(k.asked()))"
    )
    assert result.stdout.strip() == "0"
    wait(loaded, "asked()")


def test_a_level_that_the_cell_left_again_needs_no_response(loaded):
    loaded.run("k.answer(HIGH={'actions': ['reduce_cache']}); k.listen()")
    loaded.run(between(0.2, 0.3, 0.95))
    loaded.run("x = bytearray(400_000_000); time.sleep(2.2); del x")
    loaded.run("time.sleep(1.2)")
    assert ask(loaded, "asked()") == []
    assert ask(loaded, "runs()") == []


def test_work_after_a_failed_cell_does_not_abort_the_next(loaded):
    loaded.run("k.answer(HIGH={'actions': ['reduce_cache']}); k.listen()")
    loaded.run("k.current().pools.shrink = lambda *a: time.sleep(2) or 0")
    loaded.run(between(0.2, 0.3, 0.95))
    failed = loaded.send("x = bytearray(400_000_000); time.sleep(1.2); 1 / 0")
    assert loaded.collect(failed).status == "error"
    time.sleep(0.6)  # a person sees the error, and runs another cell while we are at work
    following = loaded.collect(loaded.send("1 + 1"))
    assert (following.status, following.text) == ("ok", "2")
    assert len(ask(loaded, "runs()")) == 1


def test_a_step_that_fails_is_told_and_the_others_run(loaded):
    loaded.run("k.answer(HIGH={'actions': ['cleanup_temp', 'reduce_cache'], 'notify': True})")
    loaded.run("k.listen()\nk.current().cleaner.clean = lambda *a, **b: 1 / 0")
    loaded.run("ballast = bytearray(200_000_000)")
    loaded.run(between(0.05, 0.1, 0.95))
    shown = loaded.run("time.sleep(1.5)").stdout + loaded.run("1").stdout
    wait(loaded, "runs()")
    steps = {action: state for action, state, _ in ask(loaded, "runs()")[0][2]}
    assert steps == {"notify": "done", "cleanup_temp": "failed", "reduce_cache": "done"}
    assert "cleanup_temp failed: ZeroDivisionError" in shown + str(loaded.messages)


# --- commands ----------------------------------------------------------------------------------


def test_a_notification_command_gets_level_and_figures(loaded, tmp_path):
    script, told = tmp_path / "tell.sh", tmp_path / "told"
    script.write_text(
        f'#!/bin/sh\necho "$PMAT_PRESSURE_LEVEL $PMAT_TREE_BYTES $PMAT_LIMIT_BYTES $1" > {told}\n'
    )
    script.chmod(0o755)
    command = (str(script), "$(touch nothing); an argument")
    loaded.run(f"k.answer(HIGH={{'notification_cmd': {command!r}}})")
    loaded.run("ballast = bytearray(200_000_000)")
    loaded.run(between(0.05, 0.1, 0.95))
    loaded.run("time.sleep(1.5)")
    wait(loaded, "runs()")
    loaded.drain(0.5)
    level, tree, limit, rest = told.read_text().split(maxsplit=3)
    assert (level, rest.strip()) == ("HIGH", "$(touch nothing); an argument")
    assert 20 * MB < int(tree) < int(limit) == 1024**3


def test_a_command_that_fails_is_reported_once(loaded):
    loaded.run(f"k.answer(HIGH={{'notification_cmd': ({sys.executable!r}, '-c', 'exit(3)')}})")
    loaded.run("ballast = bytearray(200_000_000)")
    loaded.run(between(0.05, 0.1, 0.95))
    loaded.run("time.sleep(1.5)")
    wait(loaded, "runs()")
    loaded.drain(1)
    loaded.run("r = %pmat_pressure --simulate high")
    assert loaded.value("r.record.asked.steps[0].state") == "failed"
    assert "status 3" in loaded.value("r.record.asked.steps[0].note")
    text = "".join(m["content"].get("text", "") for m in loaded.messages if "content" in m)
    assert text.count("ended with status 3") == 1


def test_a_projects_file_runs_nothing_until_it_is_trusted(new_kernel, tmp_path):
    told = tmp_path / "told"
    folder = new_kernel.folder / "work"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pmat.toml").write_text(
        "[memory]\nmax_total = '1GB'\n"
        "[memory.pressure]\nlow = 0.05\nmedium = 0.1\nhigh = 0.95\nauto_respond = true\n"
        f"[memory.pressure.responses.high]\nnotification_cmd = ['touch', '{told}']\n"
    )
    new_kernel.start(cwd=folder)
    new_kernel.run("%load_ext pmat_nb")
    new_kernel.run("ballast = bytearray(200_000_000); import time; time.sleep(1.5)")
    new_kernel.drain(1.5)
    assert "pressure HIGH" in new_kernel.run("%pmat_pressure").text, "its levels count"
    assert not told.exists()
    new_kernel.run("%pmat_configure --trust")
    new_kernel.run("time.sleep(1.5)")
    end = time.monotonic() + 10
    while not told.exists():
        assert time.monotonic() < end
        new_kernel.drain(0.2)


# --- leaving --------------------------------------------------------------------------------------


def critical(kernel, *extra):
    kernel.run("k.answer(CRITICAL={'actions': ['exit_gracefully']})")
    kernel.run(between(0.1, 0.2, 0.5) + " " + " ".join(extra))


def test_leaving_stops_the_cell_saves_and_keeps_the_kernel(loaded):
    critical(loaded)
    result = loaded.run(
        "kept = 'before'\nx = bytearray(700_000_000)\nkept = 'saved'\nwhile True: time.sleep(0.05)",
        timeout=40,
    )
    assert result.error.ename == "MemoryLimitExceeded"
    loaded.drain(1)
    assert loaded.run("1 + 1").text == "2"
    assert loaded.is_alive()
    steps = {action: state for action, state, _ in ask(loaded, "runs()")[-1][2]}
    assert steps == {"save_state": "done", "exit_gracefully": "done"}
    loaded.run("del kept, x")
    loaded.run("%pmat_restore --vars kept")
    assert loaded.value("kept") == "saved"


def test_leaving_ends_the_kernel_only_if_that_was_said(loaded):
    critical(loaded, "--exit-kernel")
    loaded.run("x = bytearray(700_000_000)\nwhile True: time.sleep(0.05)", timeout=40)
    end = time.monotonic() + 15
    while loaded.is_alive() and time.monotonic() < end:
        loaded.drain(0.2)
    assert not loaded.is_alive()
    assert "Traceback" not in loaded.log


def test_leaving_is_not_needed_once_the_cleanup_helped(loaded):
    loaded.run("k.answer(CRITICAL={'actions': ['emergency_cleanup', 'exit_gracefully']})")
    loaded.run(between(0.1, 0.2, 0.5) + " --exit-kernel")
    loaded.run("def f():\n    big = bytearray(700_000_000)\n    1 / 0")
    loaded.run("f()")
    wait(loaded, "runs()")
    loaded.drain(1)
    assert loaded.is_alive()
    last = ask(loaded, "runs()")[-1][2][-1]
    assert last[:2] == ["exit_gracefully", "left out"]


# --- collections ---------------------------------------------------------------------------------


CYCLES = "for _ in range(3000):\n    a = []; a.append(a)\n"


def test_a_collection_comes_between_cells_and_is_shown(loaded):
    loaded.run("%pmat_configure --gc-interval 2s")
    loaded.run("gc.disable()\n" + CYCLES)
    wait(loaded, "collections()")
    reason, beside, objects = ask(loaded, "collections()")[0]
    assert (reason, beside) == ("interval", False)
    assert objects >= 2900
    text = loaded.run("%pmat_pressure").text
    assert "GC last run" in text
    assert "objects" in text
    assert "last run" in loaded.run("%pmat_stats").text


def test_never_in_the_middle_of_a_cell_unless_pressure_is_high(loaded):
    loaded.run("%pmat_configure --gc-interval 1s")
    quiet = loaded.run("for _ in range(35): time.sleep(0.1)\nprint(k.collections())")
    assert all(not beside for _, beside, _ in json.loads(_json(quiet.stdout)))
    loaded.run("ballast = bytearray(200_000_000)")
    loaded.run("%pmat_pressure --low 0.05 --medium 0.1 --high 0.95")
    loaded.run("for _ in range(35): time.sleep(0.1)")
    assert any(beside for _, beside, _ in ask(loaded, "collections()"))
    # and even then not where the user has switched collections off
    before = sum(beside for _, beside, _ in ask(loaded, "collections()"))
    loaded.run("gc.disable()\nfor _ in range(35): time.sleep(0.1)")
    assert sum(beside for _, beside, _ in ask(loaded, "collections()")) == before


def _json(text):
    return text.replace("'", '"').replace("True", "true").replace("False", "false")


def test_an_idle_kernel_is_left_alone(loaded):
    loaded.run("%pmat_configure --gc-interval 1s")
    loaded.run("1")
    wait(loaded, "collections()")
    loaded.drain(1.5)
    count = len(ask(loaded, "collections()"))
    loaded.drain(4)
    assert len(ask(loaded, "collections()")) == count


def test_advice_is_given_only_where_it_was_measured_to_help(loaded):
    loaded.run("k.current().collector")
    loaded.run("x = 1")
    assert loaded.value("[str(a) for a in k.current().collector.advice()]") == []
    # a large heap, and cells whose time is mostly that of automatic full collections
    loaded.run("heap = [[i] for i in range(1_500_000)]")
    loaded.run("for _ in range(30): gc.collect()")
    loaded.run("c = k.current().collector; c.run('interval'); c.tick(None, None)")
    thresholds = loaded.value("gc.get_threshold()")
    found = loaded.value("[[a.text, a.collection_s, a.after_s, a.share] for a in c.advice()]")
    assert any("gc.freeze()" in text for text, *_ in found)
    assert all(after < 0.8 * now and share > 0.05 for _, now, after, share in found)
    assert loaded.value("[gc.get_freeze_count(), gc.get_threshold()]") == [0, thresholds]
    shown = loaded.run("%pmat_pressure").text or ""
    assert "→ gc.freeze()" in shown and "(measured: " in shown


def test_unloading_leaves_nothing(loaded):
    loaded.run("ballast = bytearray(200_000_000)")
    loaded.run(between(0.05, 0.1, 0.15))
    loaded.run("time.sleep(1.5)")
    loaded.run("%unload_ext pmat_nb")
    names = loaded.value("[t.name for t in __import__('threading').enumerate()]")
    assert not [name for name in names if "pmat" in name]
    loaded.run("%load_ext pmat_nb")
