"""The frozen records of a cleanup: what each step was to give back, and what came back."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["CleanupRecord", "CleanupStep"]

State = Literal["planned", "done", "failed", "left"]


class CleanupStep(NamedTuple):
    """One step. ``state`` ``planned`` is a dry run's; ``left`` was not to be touched.

    ``estimated_bytes`` come from a sizing, ``measured_bytes`` are resident bytes before the
    step less those after it (negative where it took memory); each is None where unknown.
    ``why`` says why it was left or failed, or why less came back than was estimated.
    """

    target: str
    what: str
    state: State
    estimated_bytes: int | None = None
    measured_bytes: int | None = None
    duration_s: float | None = None
    why: str = ""


class CleanupRecord(NamedTuple):
    """A whole cleanup.

    ``estimated_bytes`` is the sum over the steps that are done or planned, None where none
    of them is known. ``measured_bytes`` is over all, from before the first step to after the
    last; it is not the sum of the steps', as memory moves between them as well. ``notes``
    say why less came back than was estimated.
    """

    targets: tuple[str, ...]
    aggressive: bool
    compact: bool
    cache_age_s: float | None
    dry_run: bool
    steps: tuple[CleanupStep, ...]
    rss_before_bytes: int | None
    rss_after_bytes: int | None
    duration_s: float
    notes: tuple[str, ...] = ()

    @property
    def estimated_bytes(self) -> int | None:
        """What all steps together were expected to give back."""
        known = [
            step.estimated_bytes
            for step in self.steps
            if step.state in ("done", "planned") and step.estimated_bytes is not None
        ]
        return sum(known) if known else None

    @property
    def measured_bytes(self) -> int | None:
        """Resident bytes given back; None for a dry run and where RSS cannot be read."""
        if self.dry_run or self.rss_before_bytes is None or self.rss_after_bytes is None:
            return None
        return self.rss_before_bytes - self.rss_after_bytes
