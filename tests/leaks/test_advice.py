"""What to do about a leak names what there is to act on."""

from __future__ import annotations

import functools
from collections import deque

import pytest

from pmat_nb.consumers.leaks.advice import recommend
from pmat_nb.consumers.leaks.bounds import bound_of_all, bound_on


@pytest.mark.parametrize("container", ["dict", "list", "set", "deque"])
def test_a_container_without_a_name_is_still_something(container):
    words = recommend(f"{container} of 22 ReferenceType", "", container)
    assert words.startswith(f"bound the {container}")


def test_what_a_container_of_many_holds_is_told_by_that():
    path = "closure cell cache → Cache.spilled → list of 30 tuple → tuple[1] → bytearray"
    assert recommend(path, "", "").startswith("bound Cache.spilled, empty it")


def test_an_entry_of_a_named_container_has_its_name():
    path = "step → function step → closure cell timings → dict['/page/0'] → list of 320 float"
    assert recommend(path, "variable", "list").startswith("bound timings['/page/0']")


@pytest.mark.parametrize("kept", ["Pickler → str", "XMLParser.target → TreeBuilder → Element"])
def test_a_function_that_is_there_to_be_called_is_not_the_leak(kept):
    words = recommend(f"step → function step → closure cell thing → {kept}", "variable", "")
    assert "function" not in words


def test_a_function_in_a_container_is():
    path = "lib.hooks → list of 40 function → function f → closure cell data → bytearray"
    assert "do not keep the function" in recommend(path, "module", "")


def test_a_cache_is_known_by_its_maxsize_and_what_it_holds_now():
    @functools.lru_cache(maxsize=24)
    def cached(number):
        return [number]

    found = [cached(i) for i in range(21)]
    chain = (cached, found[0])
    assert bound_on(chain, 21, grew=False) == 24
    # What has few entries after many iterations does not explain what they all left.
    assert bound_on(chain, 100, grew=False) is None


@pytest.mark.parametrize(
    "path",
    [
        "logging.root → RootLogger.handlers → list of 40 StreamHandler",
        "lib.log → Logger.handlers → list of 40 MemoryHandler",
    ],
)
def test_handlers_of_a_logger_are_removed(path):
    assert "removeHandler" in recommend(path, "module", "list")


def test_a_list_of_functions_called_handlers_is_a_list():
    words = recommend("handlers → list of 40 function", "variable", "list")
    assert words.startswith("bound handlers")
    words = recommend("bus → Bus.handlers → list of 40 function", "variable", "list")
    assert words.startswith("bound Bus.handlers")


def test_only_what_grew_bounds_a_container():
    inner = deque([1, 2], maxlen=5)
    assert bound_on(({}, inner), 40, grew=True) == 5
    assert bound_on((inner, []), 40, grew=True) is None


def test_a_way_without_a_bound_is_the_one_that_counts():
    assert bound_of_all([]) is None and bound_of_all([5, None]) is None
    assert bound_of_all([5, 9]) == 9
