"""Each verb against a kernel that idles: its answer, and that nothing of the question stays."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.kernel import Kernel

from .conftest import Said, beacons

Pmat = Callable[..., Said]


def test_stats_are_those_of_the_kernel(loaded: Kernel, pmat: Pmat) -> None:
    loaded.run("import numpy as np; big = np.ones(8 * 1024**2)")
    found = pmat("stats", "--format", "json").json()
    rss = loaded.value("__import__('psutil').Process().memory_info().rss")
    assert abs(found["rss_bytes"] - rss) < 20 * 1024**2
    assert found["pools"]["analysis"]["used_bytes"] >= 64 * 1024**2
    assert "big" in pmat("stats").out
    assert "big" in pmat("vars", "--top", "3").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pools",), "Cache Pool"),
        (("pools", "--analyze", "cache"), "cache"),
        (("pressure",), "pressure LOW"),
        (("cleanup", "--dry-run"), "nothing was done"),
        (("leaks",), "watched"),
        (("recommend",), "recommend"),
        (("stats", "--by", "type"), "ndarray"),
        (("stats", "--check-leaks", "--format", "compact"), "kernel"),
        (("stats", "--leak-report"), "watched"),
    ],
)
def test_verbs_answer(loaded: Kernel, pmat: Pmat, words: tuple[str, ...], told: str) -> None:
    loaded.run("import numpy as np; big = np.ones(8 * 1024**2)")
    said = pmat(*words)
    assert said.code == 0, said.err
    assert told in said.out


def test_nothing_is_left_in_the_kernel(loaded: Kernel, pmat: Pmat) -> None:
    loaded.run("x = 1; x")
    counted = "[get_ipython().execution_count, len(get_ipython().user_ns['Out'])]"
    before = loaded.namespace(), loaded.value(counted)
    for words in (("stats",), ("cleanup",), ("vars", "--format", "frame"), ("recommend",)):
        assert pmat(*words).code == 0
    assert (loaded.namespace(), loaded.value(counted)) == before
    threads = (
        "[t.name for t in __import__('threading').enumerate() if 'subshell' in t.name.lower()]"
    )
    assert loaded.value(threads) == []


def test_files_are_written_here_in_the_form_of_their_ending(pmat: Pmat, tmp_path: Path) -> None:
    page, table = tmp_path / "s.html", tmp_path / "v.csv"
    assert pmat("stats", "-o", str(page)).code == 0
    assert "<html" in page.read_text()
    assert pmat("vars", "--format", "frame", "-o", str(table)).code == 0
    assert "retained_bytes" in next(csv.reader(table.open()))
    report = tmp_path / "leaks.json"
    assert pmat("stats", "--leak-report", str(report)).code == 0
    assert json.loads(report.read_text())
    assert pmat("stats", "--leak-report", str(tmp_path / "leaks.txt")).code == 2


def test_a_plot_goes_to_a_picture(loaded: Kernel, pmat: Pmat, tmp_path: Path) -> None:
    assert "-o memory.png" in pmat("pressure", "--history").err
    picture = tmp_path / "p.png"
    assert pmat("pressure", "--history", "-o", str(picture)).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_configure_acts_on_the_kernel_that_is_named(loaded: Kernel, pmat: Pmat) -> None:
    said = pmat("configure", "--kernel", str(loaded.pid), "--cache-pool", "300MB")
    assert said.code == 0, said.err
    assert "300MB" in loaded.run("%pmat_configure").text
    assert not list((loaded.folder / "home").rglob("pmat.toml"))


def test_cleanup_gives_back(loaded: Kernel, pmat: Pmat) -> None:
    loaded.run("import numpy as np; np.ones(16 * 1024**2)")
    found = pmat("cleanup", "--target", "cache", "--aggressive", "--format", "json").json()
    assert sum(step["measured_bytes"] or 0 for step in found["steps"]) > 100 * 1024**2


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("stats", "--kernel", "nothing"), 5, "no running kernel is 'nothing'"),
        (("vars", "--top", "none"), 2, "--top"),
        (("pools", "--analyze", "nothing"), 2, "there is no pool 'nothing'"),
        (("leaks", "start"), 2, "belongs in the notebook"),
        (("leaks", "--repeat", "3"), 2, "belongs in the notebook"),
        (("stats", "--all", "--kernel", "x"), 2, "one or the other"),
    ],
)
def test_what_cannot_be_done_is_said(
    pmat: Pmat, words: tuple[str, ...], code: int, told: str
) -> None:
    said = pmat(*words)
    assert (said.code, said.out) == (code, "")
    assert told in said.err and "Traceback" not in said.err


def test_history_needs_no_kernel(loaded: Kernel, pmat: Pmat) -> None:
    loaded.run("remembered = 1")
    loaded.run("%pmat_history")  # what waits to be written is
    folder = str(loaded.folder / "work")
    for words in ((), ("--kernel", str(loaded.pid)), ("--notebook", folder)):
        said = pmat("history", *words)
        assert "remembered = 1" in said.out, (words, said)
    assert (
        "nothing recorded for /nowhere/x.ipynb"
        in pmat("history", "--notebook", "/nowhere/x.ipynb").out
    )


def test_runs_of_nobody_knows_whom_are_not_another_notebooks(loaded: Kernel, pmat: Pmat) -> None:
    loaded.run("remembered = 1")
    loaded.run("%pmat_history")
    for view in ((), ("--sessions",), ("--deaths",)):
        said = pmat("history", "--notebook", "never.ipynb", *view)
        assert said.code == 0 and "remembered" not in said.out
        assert "nothing recorded for never.ipynb; of 1 session in its folder" in said.out


def test_the_table_of_all_has_this_kernel(loaded: Kernel, pmat: Pmat) -> None:
    rows: list[dict[str, Any]] = pmat("stats", "--all", "--format", "json").json()["kernels"]
    (own,) = [row for row in rows if row["pid"] == loaded.pid]
    assert own["loaded"] and own["pressure_level"] == "LOW"
    assert own["rss_bytes"] > 10 * 1024**2


def test_watching_ends_with_its_reader(loaded: Kernel) -> None:
    import signal
    import subprocess
    import sys
    import time

    process = subprocess.Popen(
        [sys.executable, "-m", "pmat_nb", "stats", "--all", "--watch", "0.2"],
        env=loaded._environment({}),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    seen = 0
    deadline = time.monotonic() + 30
    while seen < 2 and time.monotonic() < deadline:
        seen += "together" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0 and seen == 2
    process.stdout.close()


def test_watching_one_kernel_draws_until_q(loaded: Kernel) -> None:
    import os
    import pty
    import select
    import subprocess
    import sys
    import time

    ours, theirs = pty.openpty()
    words = [
        sys.executable,
        "-m",
        "pmat_nb",
        "stats",
        "--kernel",
        str(loaded.pid),
        "--watch",
        "0.3",
    ]
    process = subprocess.Popen(
        words,
        env=loaded._environment({"TERM": "xterm"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    seen, deadline = b"", time.monotonic() + 30
    while seen.count(b"q or Ctrl-C ends") < 3 and time.monotonic() < deadline:
        seen += os.read(ours, 65536)
    os.write(ours, b"q")
    # A terminal reads on: what it does not take, the process waits for before it ends.
    while process.poll() is None and time.monotonic() < deadline + 20:
        if select.select([ours], [], [], 0.1)[0]:
            os.read(ours, 65536)
    assert process.wait(1) == 0
    os.close(ours)
    os.close(theirs)
    assert b"read from outside" in seen and b"\x1b[2J" in seen


def test_a_key_that_was_typed_while_a_table_was_drawn_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os
    import pty
    import sys
    import time

    from pmat_nb.cli.keys import pressed

    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert not pressed("q", 0.01)
        os.write(ours, b"q")
        time.sleep(0.1)  # it has arrived
        assert pressed("q", 5)
    os.close(ours)


def test_the_beacon_is_the_users_alone_and_goes_with_the_extension(fresh_kernel: Kernel) -> None:
    from .conftest import call, load

    load(fresh_kernel)
    (path,) = beacons(fresh_kernel)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    fresh_kernel.run("%unload_ext pmat_nb")
    assert beacons(fresh_kernel) == []
    said = call(fresh_kernel, "stats")
    assert said.code == 5 and "%load_ext pmat_nb" in said.err
    load(fresh_kernel)
    fresh_kernel.shutdown()
    assert beacons(fresh_kernel) == []
