"""Runs a case in a kernel and tells two runs apart.

Both kernels see the same cells in the same order, so that execution counts, history
and every output can be compared as they stand. What may differ is named here and
nowhere else: process-wide names of temporary files and addresses, durations in cases
that print them, and the magic's own line, which shifts line numbers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.cells import CellResult
from support.kernel import Kernel

from .cases import Case

_PROBE = "__import__('sys').modules['_semantics_probe']"
_INSTALL = """\
def _install(text):
    import sys, types
    probe = sys.modules['_semantics_probe'] = types.ModuleType('_semantics_probe')
    exec(compile(text, '_semantics_probe', 'exec'), probe.__dict__)
_install({text!r})
del _install
"""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}|(?<=object at )[0-9a-f]{8,}")
_CELL_FILE = re.compile(r"\S*ipykernel_\d+/\d+\.py|<ipython-input-\d+-[0-9a-f]+>|\b\d{4,}\.py\b")
_TASK = re.compile(r"\bTask-\d+")
_CELL_PLACE = re.compile(r"<cell>:\d+:")
_CELL_LINE = re.compile(r"<cell line: \d+>")
_NESTED = re.compile(r"\bline \d+, in ")
_LINE = re.compile(r"\bline:? \d+")
_ARROW = re.compile(r"^-+>\s*\d+ ?(.*)$")
_CONTEXT = re.compile(r"^\s+\d+( .*)?$|^\s+\(\.\.\.\)$")
_DURATION = re.compile(r"\d[\d.e+]*\s*(ns|us|µs|μs|ms|s|min)\b")
_SLOW_RUN = re.compile(r"^The slowest run took .*\n", re.MULTILINE)
_STAND_INS = (
    (_CELL_FILE, "<cell>"),
    (_CELL_PLACE, "<cell>:N:"),
    (_CELL_LINE, "<module>"),
    (_ADDRESS, "0x"),
    (_TASK, "Task"),
)


@dataclass(frozen=True)
class Magic:
    """A way to run cells that must not change what they mean.

    Attributes:
        name: names the tests.
        load: cells run once, when the kernel starts.
        prefix: the magic's line, put before the case's cell.
        line_shift: how much higher line numbers of the cell are under the prefix, unless
            the cell is another cell magic's, which numbers its lines itself.
        is_ours: tells an output that the magic adds from the cell's own.
    """

    name: str
    load: tuple[str, ...] = ()
    prefix: str = ""
    line_shift: int = 0
    is_ours: Callable[[dict[str, Any]], bool] = lambda output: False

    def cell(self, text: str) -> str:
        return f"{self.prefix}\n{text}" if self.prefix else text


class Subject:
    """A kernel in which cases run under one magic."""

    def __init__(self, kernel: Kernel, magic: Magic, *, exact_listing: bool = True) -> None:
        """``exact_listing``: compare the marked source lines of nested frames as shown.

        Not under a line shift: in any cell whose first line is a comment IPython 9 marks
        a wrong line in class bodies and comprehensions. The frames themselves are
        compared always.
        """
        self.kernel = kernel
        self.magic = magic
        self.exact_listing = exact_listing

    def start(self) -> Subject:
        self.kernel.start(arguments=["--HistoryManager.hist_file=:memory:"])
        text = (Path(__file__).parent / "probe.py").read_text()
        for cell in (_INSTALL.format(text=text), *self.magic.load):
            result = self.kernel.run(cell)
            assert result.ok, f"{cell}\n{result.error}"
        return self

    def observe(self, case: Case) -> dict[str, Any]:
        """Everything that the case shows and leaves, with what may differ taken out."""
        self._probe("reset")
        if case.setup:
            assert self.kernel.run(case.setup).ok, f"the setup of {case.name!r} failed"
        self._probe("mark")
        results = self._run(case)
        seen = [self._shown(result, case) for result in results]
        state = self._state(case)
        later = [self._shown(self.kernel.run(cell), case) for cell in case.after]
        if not case.counted:
            return {"cell": [_uncounted(one) for one in seen], "names": state["names"]}
        return {"cell": seen, "state": state, "after": later, "end": self._state(case)}

    def _run(self, case: Case) -> list[CellResult]:
        first = self.kernel.send(self.magic.cell(case.cell))
        queued = [self.kernel.send(cell) for cell in case.queued]
        if case.interrupt:
            self.kernel.wait_for_output(first, "running")
            time.sleep(0.1)  # the cell has printed; let it come to where it waits
            self.kernel.interrupt()
        return [self.kernel.collect(identity) for identity in (first, *queued)]

    def _probe(self, function: str) -> Any:
        return self.kernel.value(f"{_PROBE}.{function}()")

    def _state(self, case: Case) -> dict[str, Any]:
        state: dict[str, Any] = self._probe("observe")
        state["In"] = [self._source(text) for text in state["In"]]
        shift = 0 if case.cell.startswith("%%") else self.magic.line_shift
        for error in state["error"]:
            for frame in error["frames"]:
                if frame[0] == "this cell":
                    frame[1] -= shift
        return dict(_texts(state, lambda text: self._plain(text, case)))

    def _source(self, text: str) -> str:
        """A cell's source as the user typed it, less the magic's line."""
        return text.replace(self.magic.prefix, "", 1).strip() if self.magic.prefix else text.strip()

    def _shown(self, result: CellResult, case: Case) -> dict[str, Any]:
        outputs = [o for o in result.outputs if not self.magic.is_ours(o)]
        shown = {
            "status": result.status,
            "count": result.execution_count,
            "outputs": _coalesced(outputs),
            "payload": result.payload,
            "error": None
            if result.error is None
            else [result.error.ename, result.error.evalue, result.error.traceback],
        }
        return dict(_texts(shown, lambda text: self._plain(text, case)))

    def _plain(self, text: str, case: Case) -> str:
        text = _ANSI.sub("", text).replace(str(self.kernel.folder), "<kernel>")
        if self.magic.prefix:
            line = self.magic.prefix + "\n"
            text = text.replace(f":\n{line}", ": ").replace(line, "")  # %history, then sources
        for pattern, stand_in in _STAND_INS:
            text = pattern.sub(stand_in, text)
        if case.timed:
            text = _DURATION.sub("#", _SLOW_RUN.sub("", text))
        if "Traceback" in text or "Error" in text or "line" in text:
            text = "\n".join(_listing(text.splitlines(), exact=self.exact_listing))
        return text


def _listing(lines: list[str], *, exact: bool) -> Iterator[str]:
    """A traceback without line numbers and context, which a prefix line shifts."""
    nested = False
    for line in lines:
        if arrow := _ARROW.match(line):
            yield "-->" if nested and not exact else f"--> {arrow[1].strip()}"
        elif not _CONTEXT.match(line) and line.strip():
            nested = _NESTED.search(line) is not None
            yield _LINE.sub("line N", line)


def _coalesced(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outputs with the streams between two displays joined: their flushes are timed."""
    joined: list[dict[str, Any]] = []
    run: dict[str, str] = {}

    def flush() -> None:
        joined.extend({"stream": name, "text": run[name]} for name in sorted(run))
        run.clear()

    for output in outputs:
        if output["output_type"] == "stream":
            run[output["name"]] = run.get(output["name"], "") + output["text"]
        else:
            flush()
            # Front ends read the error from here; its text is compared beside it.
            joined.append({k: v for k, v in output.items() if k not in ("traceback", "transient")})
    flush()
    return joined


def _uncounted(shown: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in shown.items() if k != "count"}


def _texts(value: Any, change: Callable[[str], str]) -> Any:
    """The same data with every text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _texts(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(item, change) for item in value]
    return value


def differences(plain: Any, other: Any, where: str = "") -> list[str]:
    """Where two observations differ, one line each."""
    if isinstance(plain, dict) and isinstance(other, dict):
        return [
            line
            for key in sorted(plain.keys() | other.keys())
            for line in differences(
                plain.get(key, "<absent>"), other.get(key, "<absent>"), f"{where}.{key}"
            )
        ]
    if isinstance(plain, list) and isinstance(other, list) and len(plain) == len(other):
        return [
            line
            for i, (left, right) in enumerate(zip(plain, other, strict=True))
            for line in differences(left, right, f"{where}[{i}]")
        ]
    return [] if plain == other else [f"{where}:\n  plain: {plain!r}\n  here:  {other!r}"]
