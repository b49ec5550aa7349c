"""Runs inside a kernel: what a cell left there, as plain data.

The runner puts this module's text into the kernel under a name of its own, outside
the user's namespace.
"""

from __future__ import annotations

import builtins
import gc
import linecache
import signal
import sys
from pathlib import Path
from typing import Any

# Where the case's own cell will be in the history.
_number: list[int] = [0]

# IPython's reset collects garbage; what is there now need not be walked each time.
gc.freeze()


def _shell() -> Any:
    return sys.modules["IPython"].get_ipython()


def _show(value: object) -> str:
    try:
        return f"{type(value).__name__}: {repr(value)[:400]}"
    except Exception as error:
        return f"{type(value).__name__}: repr raised {type(error).__name__}"


def reset() -> None:
    """An empty namespace, execution count 1, and IPython's switches as at the start."""
    shell = _shell()
    shell.reset(new_session=True)
    shell.compile.reset_compiler_flags()
    shell.ast_node_interactivity = "last_expr"
    shell.display_formatter.formatters["text/plain"].float_precision = ""
    # IPython 7 names a cell's file after its text: the same cell again has the same name.
    for filename in [f for f in linecache.cache if _is_cell(f)]:
        del linecache.cache[filename]
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            delattr(sys, name)


def mark() -> None:
    """Remember where in the history the next cell, the case's own, will be."""
    _number[0] = len(_shell().user_ns["In"])


def observe() -> dict[str, Any]:
    """Names, history, error and hooks as they stand."""
    shell = _shell()
    # Warnings are registered there by line number.
    left_out = ("__warningregistry__",)
    items = list(shell.user_ns.items())
    names = {k: v for k, v in items if not _is_history(k) and k not in left_out}
    result = shell.last_execution_result
    return {
        "names": {k: _show(v) for k, v in names.items()},
        "hidden": sorted(k for k in shell.user_ns_hidden if not _is_history(k)),
        "underscores": {k: _show(shell.user_ns.get(k)) for k in ("_", "__", "___")},
        "Out": {str(k): _show(v) for k, v in shell.user_ns.get("_oh", {}).items()},
        "In": list(shell.user_ns.get("_ih", ())),
        "count": shell.execution_count,
        "result": None
        if result is None
        else [_show(result.result), _name(result.error_before_exec), _name(result.error_in_exec)],
        "error": _error(getattr(sys, "last_value", None)),
        "builtins": sorted(vars(builtins)),
        "hooks": _hooks(),
        "folder": str(Path.cwd()),
    }


def _is_history(name: str) -> bool:
    return name in ("In", "Out", "_", "__", "___", "_oh", "_ih", "_dh") or (
        name.startswith("_") and name.strip("_i").isdigit()
    ) or name in ("_i", "_ii", "_iii")  # fmt: skip


def _name(error: object) -> str | None:
    return None if error is None else type(error).__name__


def _hooks() -> dict[str, str]:
    return {
        "display": type(sys.displayhook).__name__,
        "stdout": type(sys.stdout).__name__,
        "stderr": type(sys.stderr).__name__,
        "trace": repr(sys.gettrace()),
        "profile": repr(sys.getprofile()),
        "interrupt": getattr(signal.getsignal(signal.SIGINT), "__qualname__", "none"),
        "recursion": str(sys.getrecursionlimit()),
    }


def _error(error: BaseException | None) -> list[Any]:
    """The error and what led to it: type, message, and frames from the cell's on."""
    chain: list[Any] = []
    while error is not None and len(chain) < 5:
        chain.append(
            {
                "type": type(error).__name__,
                "message": "" if isinstance(error, SyntaxError) else str(error)[:400],
                "notes": list(getattr(error, "__notes__", ())),
                "frames": _frames(error),
            }
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain


def _frames(error: BaseException) -> list[Any]:
    found: list[Any] = []
    traceback = error.__traceback__
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        found.append(_place(code.co_filename, line, code.co_name))
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return [_place(str(error.filename), error.lineno, f"offset {error.offset}")]
    cell = [i for i, frame in enumerate(found) if frame[0] in ("this cell", "a cell")]
    return found[cell[0] :] if cell else found


def _source(filename: str) -> str:
    return "".join(linecache.getlines(filename)).strip()


def _own_source() -> str | None:
    history = _shell().user_ns.get("In", [])
    return history[_number[0]].strip() if _number[0] < len(history) else None


def _is_cell(filename: str) -> bool:
    return "ipykernel_" in filename or "ipython-input" in filename


def _place(filename: str, line: int, name: str) -> list[Any]:
    """Where a frame is: whose code, its line number, its line, its function."""
    text = linecache.getline(filename, line).strip()
    if _is_cell(filename):
        kind = "this cell" if _source(filename) == _own_source() else "a cell"
    else:
        kind = Path(filename).name
    # Python 3.11's IPython 7 names a cell's own code after its line.
    name = "<module>" if name.startswith("<cell line") else name
    return [kind, line, text, name]
