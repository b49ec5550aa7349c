"""From a level's responses, as configured, to the steps in the order to take them. Pure.

Telling comes first, because later steps may take long; then what gives memory back,
in the order it was configured; then saving, which needs the memory; then what ends
something.
"""

from __future__ import annotations

import shlex
from typing import Literal, NamedTuple

from pmat_nb.configuration import ACTIONS, Responses

__all__ = ["BESIDE_A_CELL", "Kind", "PlannedStep", "plan"]

Kind = Literal["tell", "free", "save", "stop"]
_KINDS: dict[str, Kind] = {"save_state": "save", "exit_gracefully": "stop"}


class PlannedStep(NamedTuple):
    """One step: its name, what it does in words, and of what kind it is.

    ``tell`` and ``free`` steps disturb nothing; ``save`` writes a file; ``stop`` ends a
    cell or the kernel, and is only shown where a level is simulated.
    """

    action: str
    what: str
    kind: Kind


# What may be done while a cell runs, at CRITICAL.
BESIDE_A_CELL = (
    PlannedStep("reduce_cache", ACTIONS["reduce_cache"], "free"),
    PlannedStep("trim", "allocators hand back what they have free", "free"),
)


def plan(wanted: Responses, *, exit_kernel: bool) -> tuple[PlannedStep, ...]:
    """The steps for a level, each once."""
    names = dict.fromkeys(wanted.actions)
    leaving = "exit_gracefully" in names
    steps = [PlannedStep(name, ACTIONS[name], "free") for name in names if name not in _KINDS]
    if wanted.save_state or "save_state" in names or leaving:
        steps.append(PlannedStep("save_state", ACTIONS["save_state"], "save"))
    if leaving:
        steps.append(_leaving(exit_kernel))
    return (*_telling(wanted), *steps)


def _telling(wanted: Responses) -> tuple[PlannedStep, ...]:
    steps = []
    if wanted.notify:
        steps.append(PlannedStep("notify", "a line in the notebook", "tell"))
    if wanted.notification_cmd:
        command = shlex.join(wanted.notification_cmd)
        steps.append(PlannedStep("notification_cmd", f"run {command}", "tell"))
    return tuple(steps)


def _leaving(exit_kernel: bool) -> PlannedStep:
    ending = ", then end the kernel" if exit_kernel else "; the kernel goes on (exit-kernel is off)"
    return PlannedStep("exit_gracefully", f"stop the running cell{ending}", "stop")
