"""What tests of the tracker begin with."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pmat_nb.engine.leaks.counters import Counters
from pmat_nb.engine.leaks.tracker import Tracker
from pmat_nb.engine.probe import Probe


@pytest.fixture
def tracker() -> Iterator[Callable[..., Tracker]]:
    """Makes trackers with these options; afterwards nothing of theirs may be on."""
    probes = []

    def make(**options: Any) -> Tracker:
        probes.append(Probe())
        return Tracker(Counters(probes[-1]), **options)

    yield make
    for probe in probes:
        probe.close()
    assert not tracemalloc.is_tracing() and gc.get_freeze_count() == 0
