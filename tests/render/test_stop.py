"""The message of a stop."""

from __future__ import annotations

import pytest

from pmat_nb.engine.records import StopRecord
from pmat_nb.render.stop import stop_lines

from .examples import gb, mb

STOP = StopRecord(
    label="In[18]",
    limit_bytes=gb(8),
    threshold_bytes=gb(8),
    scope="total",
    source="max-total",
    reached_bytes=gb(8.03),
    duration_s=4.1,
    refused=False,
    line_number=3,
    line='m = a.merge(b, on="id")',
    growth=(),
    given_back_bytes=None,
    now_bytes=gb(2.4),
    kept=(),
    restored=(),
    frames_kept=False,
    ended_children=(),
    listed_children=(),
    running_threads=(),
    usable_bytes=gb(13.4),
)


@pytest.mark.parametrize(
    ("given_back", "line"),
    [
        (gb(5.6), "  given back 5.6 GB; now 2.4 GB. Kernel and variables are alive."),
        (mb(0.04), "  now 2.4 GB. Kernel and variables are alive."),
        (None, "  now 2.4 GB. Kernel and variables are alive."),
    ],
)
def test_what_came_back_is_said_where_it_is_something(given_back: int | None, line: str) -> None:
    assert line in stop_lines(STOP._replace(given_back_bytes=given_back))
