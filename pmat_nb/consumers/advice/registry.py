"""The finders that ``%pmat_recommend`` asks, cheap and telling ones first."""

from __future__ import annotations

from .base import Finder
from .caching import Policies, PoolBudgets, PoorCaches
from .collector import CollectorSettings
from .columns import SmallerNumbers, SmallerObjects
from .displayed import Displayed, Printed
from .equal_strings import EqualStrings
from .fragmented import Fragmented
from .generators import Generators
from .leftovers import Figures, Traceback
from .reads import ColumnReads
from .small_views import ViewsOfLargeArrays
from .twins import EqualData
from .unused import Unused

__all__ = ["default_finders"]


def default_finders() -> tuple[Finder, ...]:
    """Every finder, in the order in which they are asked."""
    of_the_notebook = (
        Displayed(),
        Printed(),
        Figures(),
        Traceback(),
        Unused(),
        PoorCaches(),
        PoolBudgets(),
        Policies(),
        CollectorSettings(),
        Generators(),
        Fragmented(),
        ColumnReads(),
    )
    of_the_data = (
        ViewsOfLargeArrays(),
        EqualData(),
        SmallerNumbers(),
        SmallerObjects(),
        EqualStrings(),
    )
    return (*of_the_notebook, *of_the_data)
