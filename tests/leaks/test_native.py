"""What only the C heap's counter shows: the user's growth counts, our own findings do not."""

from __future__ import annotations

from pmat_nb.engine.leaks.native import plain_course


def test_what_a_window_leaves_is_not_the_users_growth():
    # Flat, but for two windows (4 to 6, 10 to 12) that left 12 kB each.
    series = [(3, 100), *((i, 12_100) for i in range(7, 10)), *((i, 24_100) for i in range(13, 20))]
    assert {value for _, value in plain_course(series)} == {100}


def test_growth_of_each_iteration_goes_on_through_windows():
    series = [(i, 1000 * i + 12_000 * (i > 5)) for i in (1, 2, 3, 6, 7, 8, 9)]
    assert plain_course(series) == [(i, 1000 * i) for i in (1, 2, 3, 6, 7, 8, 9)]


def test_too_few_are_left_as_they_are():
    assert plain_course([]) == [] and plain_course([(3, 5), (7, 9)]) == [(3, 5), (7, 9)]
