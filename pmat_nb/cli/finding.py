"""Which kernels run, and which of them is meant.

A kernel that has loaded the extension leaves a beacon (``engine/beacon.py``); every kernel has
a process with its connection file in its command line. Both are joined by process id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pmat_nb.engine.beacon import Sign, read_signs
from pmat_nb.engine.journal import Last, last_cell
from pmat_nb.engine.kernels import KernelProcess, kernel_id_of, kernel_processes
from pmat_nb.engine.paths import state_dir
from pmat_nb.engine.probe import Probe
from pmat_nb.engine.records import TreeMemory
from pmat_nb.errors import NoKernelError, UsageError
from pmat_nb.render.kernels import KernelRow, kernel_name

__all__ = [
    "Running",
    "choose",
    "is_stopped",
    "loaded_kernels",
    "memory_now",
    "row_of",
    "running_kernels",
]

_MOST_LISTED = 20


class Running(NamedTuple):
    """A kernel that runs; ``sign`` is None where it has not loaded the extension."""

    pid: int
    kernel_id: str
    connection_file: str
    notebook: str | None
    sign: Sign | None
    process: KernelProcess | None
    cell: Last | None = None

    @property
    def busy(self) -> bool:
        """Whether a cell runs, as far as the kernel has said."""
        if self.cell is not None:
            return not self.cell.ended
        return self.sign is not None and self.sign.busy

    @property
    def running(self) -> Last | None:
        """The cell that runs."""
        return self.cell if self.busy else None

    @property
    def name(self) -> str:
        """What messages call it."""
        return kernel_name(self.kernel_id, self.notebook)


def loaded_kernels() -> list[Running]:
    """The kernels of this user that have loaded the extension."""
    return [_of_sign(sign, None) for sign in read_signs()]


def running_kernels() -> list[Running]:
    """Every kernel on the machine; those of other users too, as far as the system shows them."""
    processes = {process.pid: process for process in kernel_processes()}
    found = [_of_sign(sign, processes.pop(sign.pid, None)) for sign in read_signs()]
    return found + [_of_process(process) for process in processes.values()]


def _of_sign(sign: Sign, process: KernelProcess | None) -> Running:
    state = state_dir(create=False).path
    key = {"machine": sign.machine, "pid": sign.pid, "start_cs": sign.start_cs}
    cell = None if state is None else last_cell(state / "journal", key)
    path = sign.connection_file
    return Running(sign.pid, sign.kernel_id, path, sign.notebook, sign, process, cell)


def _of_process(process: KernelProcess) -> Running:
    path = process.connection_file
    return Running(process.pid, kernel_id_of(path), path, _session_name(process), None, process)


def _session_name(process: KernelProcess) -> str | None:
    """The notebook that Jupyter Server told a kernel's process of, where that can be read."""
    import psutil

    try:
        path = psutil.Process(process.pid).environ().get("JPY_SESSION_NAME", "")
    except (psutil.Error, OSError):
        return None
    return Path(path).name or None


# --- which one ------------------------------------------------------------------------


def choose(which: str | None, kernels: Sequence[Running], called: str = "--kernel") -> Running:
    """The kernel that ``which`` names; without a name the only one. ``called`` is the option.

    Raises:
        NoKernelError: none has loaded the extension, or none is called so.
        UsageError: several could be meant; they are listed.
    """
    if not kernels:
        raise NoKernelError(
            "no running kernel of yours has loaded pmat_nb; run %load_ext pmat_nb in a notebook, "
            "and ask again two seconds later (pmat-nb stats --all lists every kernel)"
        )
    if which is None:
        if len(kernels) == 1:
            return kernels[0]
        raise UsageError(
            f"{called}: {len(kernels)} kernels have loaded pmat_nb; say which, for example "
            f"{called} {kernels[0].kernel_id[:8]!r}:\n{_listed(kernels)}"
        )
    found = _matching(which, kernels)
    if not found:
        raise NoKernelError(f"no running kernel is {which!r}; there are:\n{_listed(kernels)}")
    if len(found) > 1:
        raise UsageError(
            f"{called}: {which!r} could be any of these; say more, for example "
            f"{called} {found[0].kernel_id[:8]!r}:\n{_listed(found)}"
        )
    return found[0]


def _matching(which: str, kernels: Sequence[Running]) -> list[Running]:
    """Those of the surest way of naming a kernel that fits any."""
    path = _absolute(which)
    ways: tuple[Callable[[Running], bool], ...] = (
        lambda k: which in (k.kernel_id, str(k.pid)),
        lambda k: (
            bool(k.connection_file)
            and (path == k.connection_file or which == Path(k.connection_file).name)
        ),
        lambda k: k.sign is not None and path == k.sign.notebook_key,
        lambda k: k.notebook is not None and which in (k.notebook, Path(k.notebook).stem),
        lambda k: k.kernel_id.startswith(which),
        # A kernel that was not told its notebook knows the folder.
        lambda k: (
            k.sign is not None
            and k.sign.notebook_source == "folder"
            and path.endswith(".ipynb")
            and str(Path(path).parent) == k.sign.notebook_key
        ),
    )
    for fits in ways:
        if found := [kernel for kernel in kernels if fits(kernel)]:
            return found
    return []


def _absolute(which: str) -> str:
    import os.path

    # As the kernel's own key was made: without touching a file, links stay.
    return os.path.normpath(Path.cwd() / Path(which).expanduser())


def _listed(kernels: Sequence[Running]) -> str:
    from pmat_nb.render.format import brief

    lines = [
        f"  {kernel.name}, pid {kernel.pid}, {brief(_rss_bytes(kernel))}"
        for kernel in kernels[:_MOST_LISTED]
    ]
    rest = len(kernels) - len(lines)
    return "\n".join([*lines, *([f"  and {rest} more"] if rest > 0 else [])])


# --- what it holds now ----------------------------------------------------------------


def memory_now(kernel: Running) -> TreeMemory | None:
    """The kernel's process and its children, read from outside."""
    probe = Probe(pid=kernel.pid)
    try:
        return probe.tree(kernel.sign.left_out if kernel.sign is not None else ())
    finally:
        probe.close()


def is_stopped(kernel: Running) -> bool:
    """Whether a signal (SIGSTOP, a debugger) holds the kernel's process; False if unknown."""
    import psutil

    try:
        status = psutil.Process(kernel.pid).status()
    except (psutil.Error, OSError):
        return False
    return status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def _rss_bytes(kernel: Running) -> int | None:
    if kernel.process is not None:
        return kernel.process.rss_bytes
    now = memory_now(kernel)
    return now.rss_bytes if now is not None else None


def row_of(kernel: Running, state: str | None = None) -> KernelRow:
    """The kernel in a table."""
    sign = kernel.sign
    own = kernel.process is None or kernel.process.own
    # Another user's shares cannot be read: RSS is what is known.
    now = memory_now(kernel) if own else None
    record = sign.record() if sign is not None else None
    pressure = sign.pressure_now(now.tree_bytes if now is not None else None) if sign else None
    cell = kernel.running
    return KernelRow(
        kernel_id=kernel.kernel_id,
        pid=kernel.pid,
        notebook=kernel.notebook,
        connection_file=kernel.connection_file,
        loaded=sign is not None,
        state=state,
        running=cell.label if cell is not None else None,
        running_s=max(0.0, time.time() - cell.since) if cell is not None else None,
        rss_bytes=now.rss_bytes if now is not None else _rss_bytes(kernel),
        tree_bytes=now.tree_bytes if now is not None and sign is not None else None,
        limit_bytes=record.limit.limit_bytes if record is not None and record.limit else None,
        pressure=pressure.fraction if pressure is not None else None,
        pressure_level=pressure.level if pressure is not None else None,
        as_of_s=max(0.0, time.time() - sign.at) if sign is not None else None,
        pmat_version=sign.pmat if sign is not None else None,
    )
