"""A real Jupyter kernel that a test starts, drives and ends.

The kernel is ``sys.executable -m ipykernel_launcher``: whatever set of packages the
tests run on is the set the kernel runs on. Home, state and configuration folders lie
under the folder it is given, so that nothing of the user's is read or written. A
guard thread ends a kernel whose tree holds more than ``cap_bytes``, without any
rlimit, which would change how the kernel itself behaves.

    kernel = Kernel(tmp_path)
    kernel.start()
    result = kernel.run("x = 40 + 2; x")
    assert result.text == "42" and kernel.value("x") == 42
    kernel.stop()
"""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .cells import CellError, CellResult
from .isolation import isolated
from .processes import MemoryCap, at_work, end_marked, marked_processes
from .wire import CellTimeoutError, Wire

__all__ = ["CellError", "CellResult", "CellTimeoutError", "Kernel", "KernelDiedError"]

GIB = 1024**3
MARK = "PMAT_TEST_KERNEL"


class KernelDiedError(Exception):
    """The kernel process ended where a test needed it alive."""


class Kernel:
    """One kernel process and the client that talks to it.

    Attributes:
        folder: home, state, runtime and temporary files of the kernel lie here.
        left_over: command lines of processes that outlived the last ``stop``.
        defaults: environment of every start, before what ``start`` is given.
    """

    def __init__(self, folder: Path, *, cap_bytes: int = 6 * GIB) -> None:
        self.folder = folder
        self.cap_bytes = cap_bytes
        self.left_over: list[str] = []
        self.defaults: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        self._cap: MemoryCap | None = None
        self._mark = uuid.uuid4().hex
        self._start_options: dict[str, Any] = {}

    # -- life --------------------------------------------------------------------

    def start(
        self,
        *,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        arguments: Sequence[str] = (),
        rlimits: Mapping[int, int] | None = None,
        timeout: float = 60,
    ) -> Kernel:
        """Start the kernel and wait until it answers.

        ``env`` is laid over the isolated environment; a value of None takes the name
        out. ``arguments`` go to ipykernel (``--HistoryManager.enabled=False``).
        ``rlimits`` maps ``resource.RLIMIT_*`` to a soft and hard bound.
        """
        self._start_options = {
            "env": env, "cwd": cwd, "arguments": arguments, "rlimits": rlimits
        }  # fmt: skip
        environment = self._environment(env or {})
        where = cwd or self.folder / "work"
        where.mkdir(parents=True, exist_ok=True)
        self._wire = Wire(self._mark)
        connection = self._wire.connection_file
        with (self.folder / "kernel.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ipykernel_launcher", "-f", connection, *arguments],
                env=environment,
                cwd=where,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._limit(rlimits or {})
        self._cap = MemoryCap(self._process.pid, self.cap_bytes)
        self._cap.start()
        if not self._wire.handshake(time.monotonic() + timeout, self.is_alive):
            self.stop()
            raise KernelDiedError(f"the kernel did not start:\n{self.log}")
        return self

    def stop(self) -> None:
        """End the kernel at once (SIGKILL) and see that nothing of it is left."""
        if self._cap is not None:
            self._cap.stop()
            self._cap = None
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
            self.left_over = end_marked(MARK, self._mark)

    def shutdown(self, timeout: float = 20) -> int:
        """Ask the kernel to end, as a front end does; its exit status."""
        assert self._process is not None
        self.wire.client.shutdown()
        status = self._process.wait(timeout)
        self.stop()
        return status

    def restart(self) -> Kernel:
        """End the kernel and start another with the same home, folder and options."""
        self.stop()
        return self.start(**self._start_options)

    def interrupt(self) -> None:
        """Interrupt the running cell (SIGINT to the kernel's process group)."""
        self._signal(signal.SIGINT)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the kernel process alone."""
        os.kill(self.pid, number)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the kernel is not started"
        return self._process.pid

    @property
    def wire(self) -> Wire:
        assert self._wire is not None, "the kernel is not started"
        return self._wire

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every message published since the start, oldest first."""
        return self.wire.published

    @property
    def capped(self) -> bool:
        """Whether the guard thread ended the kernel for its size."""
        return self._cap is not None and self._cap.tripped

    def late_s(self, since: float) -> float:
        """How long this machine kept a thread waiting since ``since`` (``time.monotonic``)."""
        return self._cap.late_s(since) if self._cap is not None else 0.0

    @property
    def obituary(self) -> str:
        """What is known of the end of a kernel that a test needed alive."""
        status = self._process.poll() if self._process is not None else None
        return f"capped {self.capped}, exit status {status}, log:\n{self.log[-2000:]}"

    @property
    def log(self) -> str:
        """What the kernel wrote to its own standard output and error."""
        return (self.folder / "kernel.log").read_text(errors="replace")

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def processes(self) -> list[int]:
        """Process ids that carry this kernel's environment, the kernel included."""
        return marked_processes(MARK, self._mark)

    # -- cells -------------------------------------------------------------------

    def run(self, code: str, timeout: float = 60, **options: Any) -> CellResult:
        """Run one cell and wait for its reply and all of its output.

        ``options`` are those of an execute request: ``silent``, ``store_history``,
        ``stop_on_error``, ``user_expressions``. Raises CellTimeoutError.

        For 0.1 s after an error ipykernel 6 aborts what comes, for "run all" to stop. A
        cell sent alone, as here, is sent again: no person is that fast.
        """
        deadline = time.monotonic() + 2
        while True:
            result = self.collect(self.send(code, **options), timeout)
            if result.status != "aborted" or time.monotonic() > deadline:
                return result
            time.sleep(0.02)

    def run_all(self, cells: Sequence[str], timeout: float = 60) -> list[CellResult]:
        """Queue all cells before the first answers, as "run all" does."""
        identities = [self.send(cell) for cell in cells]
        return [self.collect(identity, timeout) for identity in identities]

    def send(self, code: str, **options: Any) -> str:
        """Queue a cell; the identity to `collect` it by."""
        options.setdefault("allow_stdin", False)
        identity: str = self.wire.client.execute(code, **options)
        return identity

    def collect(self, identity: str, timeout: float = 60) -> CellResult:
        """Wait for a queued cell. A kernel that ends gives the status ``dead``."""
        started = time.monotonic()
        wire = self.wire
        try:
            wire.receive_until(lambda: wire.is_done(identity), started + timeout, self.is_alive)
        except CellTimeoutError as problem:
            said = wire.result(identity, timeout).stdout[-100:]
            raise CellTimeoutError(f"{problem}, {at_work(self.pid)}; it printed {said!r}") from None
        result = wire.result(identity, time.monotonic() - started)
        if result.status == "dead":
            result.death = self._death()
        return result

    def _death(self) -> str:
        """How the kernel ended: its status, or its cap, and the last that it wrote."""
        status = self._process.poll() if self._process is not None else None
        capped = " by the test's cap" if self.capped else ""
        return f"status {status}{capped}: {self.log[-300:]}"

    def wait_for_output(self, identity: str, text: str, timeout: float = 30) -> None:
        """Wait until a running cell has printed ``text``."""
        wire = self.wire
        wire.receive_until(
            lambda: text in wire.result(identity, 0).stdout,
            time.monotonic() + timeout,
            self.is_alive,
        )

    def drain(self, seconds: float) -> list[dict[str, Any]]:
        """Messages published in the next ``seconds`` (from threads, timers, comms)."""
        first = len(self.messages)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.wire.receive(left)
        return self.messages[first:]

    def value(self, expression: str, timeout: float = 60) -> Any:
        """A value from the kernel's namespace, by way of JSON (tuples come as lists).

        Leaves no trace in the kernel: no history, no cell events, no names.
        """
        wanted = {"v": f"__import__('json').dumps({expression})"}
        result = self.run("", timeout, silent=True, store_history=False, user_expressions=wanted)
        answer = result.user_expressions.get("v")
        if answer is None:
            raise KernelDiedError(
                f"no answer to {expression!r} (status {result.status})\n{self.log}"
            )
        if answer["status"] != "ok":
            raise AssertionError(f"{expression}: {answer['ename']}: {answer['evalue']}")
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def namespace(self) -> dict[str, str]:
        """The user's public names and their reprs."""
        names: dict[str, str] = self.value(
            "{k: repr(v)[:2000] for k, v in list(get_ipython().user_ns.items())"
            " if not k.startswith('_') and k not in get_ipython().user_ns_hidden}"
        )
        return names

    def complete(self, code: str, timeout: float = 30) -> list[str]:
        """What Tab offers at the end of ``code``."""
        wire = self.wire
        identity = wire.client.complete(code, len(code))
        deadline = time.monotonic() + timeout
        wire.receive_until(lambda: identity in wire.replies, deadline, self.is_alive)
        return list(wire.replies[identity]["matches"])

    def reset(self) -> None:
        """Empty the user's namespace, as ``%reset -f`` does; extensions stay loaded."""
        self.run("%reset -f", silent=True, store_history=False)

    # -- inside ------------------------------------------------------------------

    def _environment(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        env = isolated(self.folder) | {MARK: self._mark, "JPY_PARENT_PID": str(os.getpid())}
        for name, value in {**self.defaults, **changes}.items():
            if value is None:
                env.pop(name, None)
            else:
                env[name] = value
        return env

    def _limit(self, rlimits: Mapping[int, int]) -> None:
        if rlimits:
            import resource

            for kind, bound in rlimits.items():
                resource.prlimit(self.pid, kind, (bound, bound))

    def _signal(self, number: int) -> None:
        assert self._process is not None
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            self._process.poll()
