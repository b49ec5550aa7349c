"""`run_notebook`: a file of the served folder and no other, measured, in a kernel of its own."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from cli.conftest import wait_for
from support.kernel import Kernel

from .client import Server, ask, serve

pytestmark = pytest.mark.newest


@pytest.fixture
def folder(served: Path) -> Iterator[Path]:
    """The served folder; it and the one around it are empty again afterwards."""
    yield served
    shutil.rmtree(served.parent)
    served.mkdir(parents=True)


def notebook(path: Path, *sources: str, tags: tuple[str, ...] = ()) -> Path:
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "source": source,
            "metadata": {"tags": list(tags)} if place == 0 and tags else {},
            "outputs": [],
            "execution_count": None,
        }
        for place, source in enumerate(sources)
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    whole = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(whole))
    return path


def test_it_runs_and_every_cell_is_measured(server: Server, folder: Path) -> None:
    notebook(
        folder / "a.ipynb",
        "n = 1",
        "x = bytearray(n * 1024**2)\nassert (low, word, off) == (-1e-05, '7', None)",
        tags=("parameters",),
    )
    arguments = {"n": 100, "low": -1e-05, "word": "7", "off": None}
    found = server.call("run_notebook", path="a.ipynb", parameters=arguments).figures()
    assert (found["outcome"], found["exit_code"], found["output"]) == ("ok", 0, None)
    assert found["cells"][-1]["added_bytes"] > 90 * 1024**2
    assert found["peak_bytes"] > 100 * 1024**2
    assert [path.name for path in folder.iterdir()] == ["a.ipynb"]


def test_a_stop_and_a_failure_are_results(server: Server, folder: Path) -> None:
    notebook(folder / "failing.ipynb", "1 / 0", "after = 1")
    notebook(folder / "large.ipynb", "x = []\nwhile True:\n    x.append(bytearray(10**6))")
    failing, large = (
        reply.figures()
        for reply in server.calls(
            ("run_notebook", {"path": "failing.ipynb", "save_executed": True}),
            ("run_notebook", {"path": "large.ipynb", "limit_per_cell": "300MB"}),
        )
    )
    assert (failing["outcome"], failing["exit_code"]) == ("failed", 1)
    assert "ZeroDivisionError" in failing["cells"][0]["error"]
    assert Path(failing["output"]) == folder / "failing.executed.ipynb"
    assert large["exit_code"] == 4 and large["cells"][0]["outcome"] == "stopped"


def test_nothing_outside_of_the_folder_is_run(server: Server, folder: Path) -> None:
    outside = notebook(folder.parent / "outside.ipynb", "open('ran', 'w')")
    (folder / "link.ipynb").symlink_to(outside)
    (folder / "circle.ipynb").symlink_to(folder / "circle.ipynb")
    (folder / "text.py").write_text("1")
    (folder / "sub.ipynb").mkdir()
    away = ["../outside.ipynb", str(outside), "link.ipynb", "sub/../../outside.ipynb"]
    none = ["gone.ipynb", "text.py", "sub.ipynb", ".", "", "circle.ipynb", "a\0b.ipynb", "~"]
    replies = server.calls(*(("run_notebook", {"path": path}) for path in away + none))
    for path, reply in zip(away + none, replies, strict=True):
        told = "is outside of" if path in away else "is no notebook in"
        assert told in reply.error(), path
    assert not list(folder.parent.rglob("ran"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"max_total": "much"}, "--max-total"),
        ({"profile": "nothing"}, "nothing"),
        ({"parameters": {"a-b": 1}}, "no name of a variable"),
        ({"parameters": {"x": "--allow-errors"}}, "begins with a dash"),
        ({"timeout_s": 0}, "--timeout"),
    ],
)
def test_wrong_arguments_are_said(
    server: Server, folder: Path, arguments: dict[str, Any], told: str
) -> None:
    notebook(folder / "a.ipynb", "open('ran', 'w')")
    said = server.call("run_notebook", path="a.ipynb", **arguments).error()
    assert told in said and "Traceback" not in said
    assert not (folder / "ran").exists()


def test_a_hostile_name_is_a_name_and_a_file_of_the_folder_no_module_of_ours(
    server: Server, folder: Path
) -> None:
    (folder / "nbclient.py").write_text("raise SystemExit('taken')")
    name = "-p $(touch ran) 'x\"\n; é.ipynb"
    notebook(folder / name, "y = 1")
    assert server.call("run_notebook", path=name).figures()["outcome"] == "ok"
    assert not (folder / "ran").exists()


def kernel_of(folder: Path) -> int | None:
    """The process of the slow notebook's kernel, once it runs."""
    pid = folder / "pid"
    return int(pid.read_text() or 0) or None if pid.exists() else None


@pytest.mark.parametrize("gone", [False, True], ids=["given up", "client gone"])
def test_a_call_that_nobody_waits_for_ends_its_kernel(
    kernel: Kernel, folder: Path, gone: bool
) -> None:
    notebook(
        folder / "slow.ipynb",
        "import os, time\nopen('pid', 'w').write(str(os.getpid()))",
        "time.sleep(100)",
    )

    async def work(session: Any) -> int:
        running = asyncio.ensure_future(ask(session, "run_notebook", path="slow.ipynb"))
        while (pid := kernel_of(folder)) is None:
            await asyncio.sleep(0.1)
        running.cancel()
        while not gone and psutil.pid_exists(pid):
            await asyncio.sleep(0.1)
        return pid

    pid = serve(kernel, work, folder=folder)
    wait_for(lambda: not psutil.pid_exists(pid))
    assert "pmat_nb run" not in " ".join(
        " ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)
    )


def test_the_command_says_what_it_needs(kernel: Kernel, tmp_path: Path) -> None:
    def said(*words: str, before: str = "") -> subprocess.CompletedProcess[str]:
        code = (
            f"import sys; {before}from pmat_nb.cli.main import main; sys.exit(main(sys.argv[1:]))"
        )
        return subprocess.run(
            [sys.executable, "-c", code, "mcp", *words],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=kernel._environment({}),
            timeout=60,
        )

    assert said().returncode == 0
    wrong = said("--folder", str(tmp_path / "gone"))
    assert wrong.returncode == 2 and "there is no folder" in wrong.stderr
    without = said(before="sys.modules['mcp'] = None; ")
    assert without.returncode == 1 and "pip install 'pmat_nb[mcp]'" in without.stderr
    assert "Traceback" not in without.stderr
