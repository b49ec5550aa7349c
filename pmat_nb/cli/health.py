"""``pmat-nb health``: whether the kernels answer, and are below a level; for health checks.

Told apart by three signs of life: the process, the heart (a thread that needs no interpreter
lock) and the control channel (a thread that does). A kernel that is busy is healthy.
"""

from __future__ import annotations

from typing import Any

from pmat_nb.engine.pressure import LEVELS
from pmat_nb.errors import GateFailedError, NoKernelError
from pmat_nb.render.kernels import KernelRow, KernelTable, kernel_name
from pmat_nb.settings import Verb

from .asking import KernelLine, heartbeat
from .codes import Code
from .finding import Running, choose, loaded_kernels, row_of, running_kernels
from .printing import deliver

__all__ = ["command", "life_of"]

_TIMEOUT_S = 3.0


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Look at one kernel, at all that have loaded the extension, or (``--all``) at every one."""
    timeout_s = float(options["timeout"] or _TIMEOUT_S)
    kernels = _kernels(options)
    if not kernels:
        if not options["none_ok"]:
            raise NoKernelError("no kernel runs here; --none-ok lets that pass as healthy")
        deliver(KernelTable(()), options["format"], options["output"])
        return Code.FINE
    rows = [row_of(kernel, life_of(kernel, timeout_s)) for kernel in kernels]
    deliver(KernelTable(rows), options["format"], options["output"])
    _judge(rows, str(options["max_level"] or "high").upper())
    return Code.FINE


def _kernels(options: dict[str, Any]) -> list[Running]:
    if options["kernel"] is not None:
        return [choose(options["kernel"], loaded_kernels())]
    if options["all"]:
        return [one for one in running_kernels() if one.process is None or one.process.own]
    return loaded_kernels()


def life_of(kernel: Running, timeout_s: float) -> str:
    """``idle``, ``busy``, ``stuck`` (busy in a call that lets nothing else run), ``silent``."""
    try:
        with KernelLine(kernel.connection_file) as line:
            answers = line.features(timeout_s) is not None
    except NoKernelError:
        return "silent"
    if answers:
        return "busy" if kernel.busy else "idle"
    return "stuck" if heartbeat(kernel.connection_file, timeout_s) else "silent"


def _judge(rows: list[KernelRow], most: str) -> None:
    """Raise for what is not healthy."""
    silent = [row for row in rows if row.state == "silent"]
    if silent:
        raise NoKernelError(f"{_named(silent)} did not answer")
    bound = LEVELS.index(most)
    over = [
        row
        for row in rows
        if row.pressure_level is not None and LEVELS.index(row.pressure_level) > bound
    ]
    if over:
        level = max((row.pressure_level or "LOW" for row in over), key=LEVELS.index)
        raise GateFailedError(
            f"{_named(over)}: the level is {level}, the most is {most} (--max-level)"
        )


def _named(rows: list[KernelRow]) -> str:
    return ", ".join(kernel_name(row.kernel_id, row.notebook) for row in rows)
