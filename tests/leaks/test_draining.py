"""Raw traces read in portions are the same as read at once, and the collector is left alone."""

from __future__ import annotations

import _tracemalloc
import gc
import sys
import threading
import tracemalloc

import pytest

from pmat_nb.engine.leaks import traces
from pmat_nb.engine.leaks.draining import drained

IN_PORTIONS = sys.version_info < (3, 12)


@pytest.fixture
def traced():
    """Some ten thousand traces, and a collector that must be as it was."""
    before = gc.isenabled(), gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count()
    tracemalloc.start()
    held = [{"name": str(i), "data": bytearray(500)} for i in range(4000)]
    yield held
    tracemalloc.stop()
    assert before == (gc.isenabled(), gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count())


def read(portion):
    sums, lengths = {}, []

    def take(found):
        lengths.append(len(found))
        traces.add(sums, found)

    drained(_tracemalloc._get_traces, take, portion)
    return {f: s for f, s in sums.items() if f[0][0] == __file__ and s[0] > 10_000}, lengths


def test_the_same_in_portions_as_at_once(traced):
    gc.disable()
    whole, one = read(1000)
    gc.enable()
    parts, many = read(1000)
    assert parts == whole and len(parts) >= 1
    assert len(one) == 1 and one[0] >= 12_000
    if IN_PORTIONS:
        # What is emptied counts against the collector's threshold.
        assert len(many) >= 4 and max(many) <= 5000
    else:
        assert len(many) == 1


def test_a_list_of_traces_of_somebody_elses_stays_whole(traced):
    before = _tracemalloc._get_traces()
    meanwhile = []

    def get():
        # As from another thread: another unfinished list among the youngest.
        meanwhile.append(_tracemalloc._get_traces())
        return _tracemalloc._get_traces()

    number = len(before)
    sums = {}
    drained(get, lambda found: traces.add(sums, found), 10_000_000)
    assert len(before) == number and len(meanwhile[0]) >= number
    read(1000)
    assert len(before) == number and len(meanwhile[0]) >= number


def test_lists_that_python_code_holds_are_not_taken_for_the_unfinished_one(traced):
    entry = (0, 1, (("a.py", 1),), 1)
    # Some of the youngest when the collector first runs.
    held = []

    def get():
        held.append([entry] * 10)
        return _tracemalloc._get_traces()

    sums = {}
    drained(get, lambda found: traces.add(sums, found), 1000)
    assert len(held[0]) == 10 and entry[2] not in sums


def test_what_happens_while_counting_is_raised_not_lost(traced):
    def take(found):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drained(_tracemalloc._get_traces, take, 1000)


def test_other_threads_go_on_meanwhile(traced):
    done = threading.Event()
    made = []

    def busy():
        while not done.is_set():
            made.append({"a": [len(made)]})
            if len(made) > 5000:
                made.clear()

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        found = [read(500)[0] for _ in range(5)]
    finally:
        done.set()
        thread.join()
    lines = {frames for frames in found[0] if frames[0][1] < busy.__code__.co_firstlineno}
    assert lines and all(seen[f] == found[0][f] for seen in found for f in lines)
