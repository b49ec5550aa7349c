"""All cases with a tool, in processes of their own, and the figures of what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from . import CASES, Case

__all__ = ["Figures", "Outcome", "calibration", "figures", "run_all", "run_case"]

_TESTS = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 240


@dataclass(frozen=True)
class Outcome:
    """What a tool said of one case."""

    case: Case
    found: dict[str, Any]

    @property
    def right(self) -> bool:
        """Whether it leaks, and the tool says so; or neither."""
        return bool(self.found.get("leaking")) == self.case.leaking

    @property
    def has_names(self) -> bool:
        """Whether nothing leaks, and what grows has a name of the repeated code's own."""
        return not self.case.leaking and bool(self.found.get("names"))

    @property
    def kept_named(self) -> bool:
        """Whether a row says that such a name keeps it."""
        names = self.found.get("names", ())
        return any(
            row["verdict"] == "kept" and any(name in row["recommendation"] for name in names)
            for row in self.found.get("rows", ())
        )

    @property
    def has_line(self) -> bool:
        """Whether there is a line in Python to be found."""
        return bool(self.case.lines())

    @property
    def right_line(self) -> bool:
        """Whether the first leak's line is one of those that allocate what leaks."""
        here = "leaks/corpus" in self.found.get("filename", "")
        return here and self.found.get("line") in self.case.lines()


@dataclass(frozen=True)
class Figures:
    """Precision, recall and the share of right lines among what was found."""

    cases: int
    precision: float
    recall: float
    right_line: float


def run_case(case: Case, tool: str) -> Outcome:
    path = os.pathsep.join(map(str, (_TESTS, _TESTS.parent)))
    env = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "agg", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", "leaks.corpus.run", case.name, tool],
        capture_output=True,
        text=True,
        env=env,
        timeout=_TIMEOUT_S,
    )
    if done.returncode:
        raise AssertionError(f"{case.name} with {tool}: {done.stderr[-2000:]}")
    return Outcome(case, json.loads(done.stdout.splitlines()[-1]))


def run_all(tool: str, cases: Iterable[Case] | None = None, parallel: int = 2) -> list[Outcome]:
    chosen = list(CASES.values() if cases is None else cases)
    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(lambda case: run_case(case, tool), chosen))


def figures(outcomes: Sequence[Outcome]) -> Figures:
    said = [o for o in outcomes if o.found.get("leaking")]
    leaking = [o for o in outcomes if o.case.leaking]
    true = [o for o in said if o.case.leaking]
    lined = [o for o in true if o.has_line]
    return Figures(
        len(outcomes),
        len(true) / max(1, len(said)),
        len(true) / max(1, len(leaking)),
        sum(o.right_line for o in lined) / max(1, len(lined)),
    )


def calibration(outcomes: Sequence[Outcome]) -> list[tuple[float, float, int, int]]:
    """(from, to, rows, right rows) of confidence, over rows that say leak or harmless.

    A row is right when it says leak in a case that leaks, at a line that does; or that a
    line is harmless which is not marked.
    """
    bounds = (0.5, 0.7, 0.9, 0.97, 1.0001)
    rows = [(row, o) for o in outcomes for row in o.found.get("rows", ())]
    found = []
    for low, high in pairwise(bounds):
        inside = [(r, o) for r, o in rows if low <= r["confidence"] < high]
        inside = [(r, o) for r, o in inside if r["verdict"] != "undecided"]
        found.append((low, min(high, 1.0), len(inside), sum(is_right(r, o) for r, o in inside)))
    return found


def is_right(row: dict[str, Any], outcome: Outcome) -> bool:
    """Whether one row's verdict is the truth."""
    if row["kind"] == "native":
        return (row["verdict"] == "leak") == outcome.case.leaking
    leaks = outcome.case.leaking and row["lineno"] in outcome.case.lines()
    return (row["verdict"] == "leak") == leaks
