"""The message of a stop."""

from __future__ import annotations

import pytest

from pmat_nb.engine.stop_record import StopRecord
from pmat_nb.render.stop import stop_headline, stop_lines

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


def test_what_is_not_exact_is_marked() -> None:
    stop = STOP._replace(
        growth=(("l", mb(300)), ("m", mb(30)), ("not sized in time", mb(12))),
        kept=(("l", mb(300)), ("m", mb(40)), ("n", mb(20))),
        estimates=frozenset({"l"}),
        lower_bounds=frozenset({"m"}),
        filled=frozenset({"m"}),
        shared=frozenset({"n"}),
    )
    text = "\n".join(stop_lines(stop))
    assert "grew: l ~ +300 MB, m ≥ +30 MB, not sized in time +12 MB\n" in text
    assert "l (del l frees ~ 300 MB), m (del m frees ≥ 40 MB, with what it held before)" in text
    assert "n (20 MB, held by something else too)" in text


def test_memory_that_was_free_already_is_told_apart() -> None:
    stop = STOP._replace(growth=(("l", mb(473)),), refilled_bytes=mb(373))
    line = "  grew: l +473 MB; of it 373 MB in memory that was free already"
    assert line in stop_lines(stop)


def test_children_are_said_to_be_counted() -> None:
    assert "stopped at 8.0 GB (limit" in stop_headline(STOP)
    assert "stopped at 8.0 GB with its child processes (limit" in stop_headline(
        STOP._replace(children=True)
    )


@pytest.mark.parametrize(
    ("wanted", "hinted"),
    [
        ("Unable to allocate 7.45 GiB for an array with shape (1000000000,)", True),
        ("", False),
        ("malloc of size 12 failed", False),
    ],
)
def test_the_hint_at_sparse_arrays_is_for_arrays(wanted: str, hinted: bool) -> None:
    lines = stop_lines(STOP._replace(refused=True, wanted=wanted))
    assert any("--ceiling off" in line for line in lines) is hinted
