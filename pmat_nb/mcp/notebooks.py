"""``run_notebook``: ``pmat-nb run`` for a notebook file of one folder.

The bound: a notebook that is in the folder now, links followed, and nothing else; it runs in a
kernel of its own with the user's rights, and its code is what it is. A process of its own runs it,
so that a call that is given up ends it in order.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.abc
from pydantic import Field

from pmat_nb.cli.run.parameters import check_name
from pmat_nb.errors import PmatError, UsageError
from pmat_nb.settings.run_verb import RUN

from .asking import result
from .run_results import RunResult

__all__ = ["notebook_in", "run_tool"]

Parameter = str | int | float | bool | None
_TIMEOUT_S = 600.0
# So long a run that was given up has to end its kernel.
_PATIENCE_S = 10.0


def _told(name: str) -> Any:
    """What the declaration of ``pmat-nb run`` says of an option."""
    return Field(description=next(one.help for one in RUN.options if one.name == name))


def run_tool(folder: Path) -> Callable[..., Awaitable[RunResult]]:
    """The tool for the notebooks of ``folder``."""

    async def run_notebook(
        path: Annotated[str, Field(description="the notebook, relative to the served folder")],
        parameters: Annotated[
            dict[str, Parameter] | None,
            Field(description="variables to set after the cell tagged `parameters`"),
        ] = None,
        max_total: Annotated[str | None, _told("max-total")] = None,
        limit_per_cell: Annotated[str | None, _told("limit-per-cell")] = None,
        profile: Annotated[str | None, _told("profile")] = None,
        timeout_s: Annotated[float, _told("timeout")] = _TIMEOUT_S,
        allow_errors: Annotated[bool, _told("allow-errors")] = False,
        save_executed: Annotated[
            bool, Field(description="write NAME.executed.ipynb beside the notebook")
        ] = False,
    ) -> RunResult:
        """Run a notebook file of the served folder headless; peak, growth and time of each cell.

        The notebook's code runs with the user's rights in a kernel of its own. A cell that fails
        or is stopped at a memory limit is a result, not an error of this tool.
        """
        notebook = notebook_in(folder, path)
        words = [f"--timeout={timeout_s:.3f}s", *(["--allow-errors"] if allow_errors else [])]
        named = {"max-total": max_total, "limit-per-cell": limit_per_cell, "profile": profile}
        words += [f"--{name}={value}" for name, value in named.items() if value is not None]
        words += [] if save_executed else ["--output-notebook=off"]
        words += _parameter_words(parameters or {})
        return _run_result(path, *await _run([*words, str(notebook)], folder))

    return run_notebook


def notebook_in(folder: Path, path: str) -> Path:
    """The notebook ``path`` of ``folder``, links followed.

    Raises:
        UsageError: it is outside of the folder, no file, or no notebook by its name.
    """
    root = folder.resolve()
    try:
        found = (root / path).resolve()
        inside = found.is_relative_to(root)
        there = inside and found.is_file()
    except (OSError, ValueError, RuntimeError):  # a NUL, links in a circle, a name too long
        inside, there, found = True, False, root
    if not inside:
        raise UsageError(
            f"path: {path!r} is outside of {str(root)!r}; only notebooks in it are run "
            "(pmat-nb mcp --folder FOLDER sets another one)"
        )
    if not there or found.suffix != ".ipynb":
        raise UsageError(
            f"path: {path!r} is no notebook in {str(root)!r}; for example analysis.ipynb"
        )
    return found


def _parameter_words(parameters: Mapping[str, Parameter]) -> list[str]:
    """As ``-p`` and ``-r`` take them: text stays text, whatever it looks like."""
    words = []
    for name, value in parameters.items():
        check_name(name, "parameters")
        if isinstance(value, str) and value.startswith("-"):
            raise UsageError(
                f"parameters: {name} = {value!r} begins with a dash, which cannot be handed on; "
                f"for example {value.lstrip('-')!r}"
            )
        words += ["-r", name, value] if isinstance(value, str) else ["-p", name, _number(value)]
    return words


def _number(value: Parameter) -> str:
    """As ``-p`` reads it; with a blank before it a negative one is not taken for an option."""
    return f" {value}" if isinstance(value, (int, float)) and value < 0 else str(value)


def _run_result(path: str, code: int, out: bytes, err: bytes) -> RunResult:
    """What the process left, as figures; PmatError where it said why there are none."""
    try:
        record = json.loads(out)
        (run,) = record["notebooks"]
    except (ValueError, KeyError, TypeError):
        told = err.decode("utf-8", "replace").strip()
        raise PmatError(told or f"the run of {path!r} ended with code {code} and no word") from None
    notes = [*run["notes"], *record["notes"]]
    return result(RunResult, {**run, "exit_code": record["exit_code"], "notes": notes})


async def _run(words: list[str], folder: Path) -> tuple[int, bytes, bytes]:
    """``pmat-nb run`` with these words: exit code, standard output, standard error."""
    # -P: no file of the folder stands in for a module of this process.
    command = [sys.executable, "-P", "-m", "pmat_nb", "run", "--quiet", "--format=json", *words]
    out, err = bytearray(), bytearray()
    async with await anyio.open_process(command, stdin=subprocess.DEVNULL, cwd=folder) as process:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_read, process.stdout, out)
                group.start_soon(_read, process.stderr, err)
            code = await process.wait()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _end(process)
            raise
    return code, bytes(out), bytes(err)


async def _read(stream: anyio.abc.ByteReceiveStream | None, into: bytearray) -> None:
    if stream is not None:
        async for data in stream:
            into += data


async def _end(process: anyio.abc.Process) -> None:
    """As Ctrl-C does, so that its kernel goes first; at once where that takes too long."""
    if process.returncode is not None:
        return
    if os.name == "nt":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)
    with anyio.move_on_after(_PATIENCE_S):
        await process.wait()
        return
    process.kill()
    await process.wait()
