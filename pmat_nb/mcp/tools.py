"""The tools that ask kernels. None takes code; one changes anything: ``memory_cleanup``.

A function's docstring and its arguments' notes are what the agent reads.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pmat_nb.cli.finding import row_of, running_kernels
from pmat_nb.errors import NoKernelError
from pmat_nb.settings import Option, verb
from pmat_nb.settings.cli_verbs import KERNEL

from .asking import ask, find, result
from .finding_results import LeaksResult, RecommendResult
from .results import CleanupResult, KernelsResult, PoolsResult, PressureResult, StatsResult

__all__ = [
    "memory_cleanup",
    "memory_kernels",
    "memory_leaks",
    "memory_pools",
    "memory_pressure",
    "memory_recommend",
    "memory_stats",
]

_MOST_LISTED = 1000


def _told(options: tuple[Option, ...], name: str, **bounds: Any) -> Any:
    """What the declaration says of an option."""
    return Field(description=next(one.help for one in options if one.name == name), **bounds)


Kernel = Annotated[str | None, _told(KERNEL, "kernel")]
Timeout = Annotated[float | None, _told(KERNEL, "timeout", ge=0.1, le=3600)]
_CLEANUP = verb("cleanup").options
_POOLS = verb("pools").options
_RECOMMEND = verb("recommend").options


def memory_kernels() -> KernelsResult:
    """Every Jupyter kernel on this machine with its memory, limit and pressure level."""
    rows = [row_of(kernel)._asdict() for kernel in running_kernels()]
    return result(KernelsResult, {"kernels": rows})


def memory_stats(
    kernel: Kernel = None,
    top: Annotated[int, Field(description="list the N largest variables; 0 lists none")] = 10,
    timeout_s: Timeout = None,
) -> StatsResult:
    """Where a kernel's memory is: resident bytes by pool, limit, pressure, largest variables.

    A kernel that is busy or stuck is read too: then `answered` may be false, and `as_of_s` says
    how old the figures are.
    """
    one = find(kernel)
    variables = _variables(one, min(top, _MOST_LISTED), timeout_s) if top > 0 else None
    return result(StatsResult, {**ask("stats", one, timeout_s), "variables": variables})


def _variables(kernel: Any, top: int, timeout_s: float | None) -> Any:
    """The largest; sized before the pools are asked for, which then need no sizing."""
    try:
        return ask("vars", kernel, timeout_s, top=top).get("variables")
    except NoKernelError:  # busy, and nothing sized yet: the rest can be had all the same
        return None


def memory_pools(
    kernel: Kernel = None,
    analyze: Annotated[str | None, _told(_POOLS, "analyze")] = None,
    timeout_s: Timeout = None,
) -> PoolsResult:
    """The memory pools (analysis, cache, temp, string, ast): limit, budget, use, peak, waste."""
    return result(PoolsResult, ask("pools", find(kernel), timeout_s, analyze=analyze))


def memory_pressure(kernel: Kernel = None, timeout_s: Timeout = None) -> PressureResult:
    """How close a kernel is to its limit: fraction, level, room to the next level, trend."""
    return result(PressureResult, ask("pressure", find(kernel), timeout_s))


def memory_cleanup(
    kernel: Kernel = None,
    target: Annotated[str | None, _told(_CLEANUP, "target")] = None,
    dry_run: Annotated[bool, _told(_CLEANUP, "dry-run")] = False,
    aggressive: Annotated[bool, _told(_CLEANUP, "aggressive")] = False,
    compact: Annotated[bool, _told(_CLEANUP, "compact")] = False,
    timeout_s: Timeout = None,
) -> CleanupResult:
    """Give back memory that may go; the user's variables are never deleted.

    Waits until no cell runs. `aggressive` also drops warm caches, Out[] and the last error:
    only where the user asked for it.
    """
    options = {"target": target, "aggressive": aggressive, "compact": compact, "dry_run": dry_run}
    return result(CleanupResult, ask("cleanup", find(kernel), timeout_s, **options))


def memory_leaks(kernel: Kernel = None, timeout_s: Timeout = None) -> LeaksResult:
    """Cells that keep more memory on each run, and the last leak report with its lines.

    Reads what was watched; it runs no cell. `%%pmat_leaks --repeat` in the notebook finds lines.
    """
    return result(LeaksResult, ask("leaks", find(kernel), timeout_s))


def memory_recommend(
    kernel: Kernel = None,
    lossy: Annotated[bool, _told(_RECOMMEND, "lossy")] = False,
    top: Annotated[int | None, _told(_RECOMMEND, "top", ge=1, le=10_000)] = None,
    timeout_s: Timeout = None,
) -> RecommendResult:
    """What would take less memory, proven on the data, with code for the user to run.

    Applies nothing: `%pmat_recommend --apply ROW` in the notebook does.
    """
    return result(RecommendResult, ask("recommend", find(kernel), timeout_s, lossy=lossy, top=top))
