"""The finders that ``%pmat_recommend`` asks, cheap and telling ones first."""

from __future__ import annotations

from .base import Finder

__all__ = ["default_finders"]


def default_finders() -> tuple[Finder, ...]:
    """Every finder, in the order in which they are asked."""
    return ()
