"""Traces grouped in bulk are what the public snapshot says, and tracing is never left on."""

from __future__ import annotations

import builtins
import tracemalloc

import pytest

from pmat_nb.engine.leaks import traces


def keep(number, size):
    return [bytearray(size) for _ in range(number)]


def here(found):
    # Frames of functions that have returned come and go: small ones are left out.
    return {f: s for f, s in found.items() if f[0][0] == __file__ and s[0] > 500}


def test_a_window_sees_what_was_kept_in_it():
    before = keep(10, 1000)
    window = traces.Window()
    held = keep(20, 5000)
    found = window.read()
    window.close()
    assert not tracemalloc.is_tracing()
    largest = max(found, key=lambda f: found[f][0])
    size, blocks = found[largest]
    assert largest[0][0] == __file__ and 20 * 5000 < size < 20 * 5200 and blocks >= 20
    del before, held


def test_what_was_freed_is_not_seen():
    window = traces.Window()
    keep(20, 5000)
    found = window.read()
    window.close()
    assert sum(size for size, _ in here(found).values()) < 5000


@pytest.mark.parametrize("depth", [1, 3])
def test_the_same_as_the_public_snapshot(depth):
    tracemalloc.start(depth)
    try:
        held = [keep(3, 700), [str(i) * 3 for i in range(1000)], {i: (i,) for i in range(500)}]
        ours, public = here(traces.read()), here(traces._from_snapshot())
    finally:
        tracemalloc.stop()
    # What the reading itself made is at its own lines.
    assert ours == public and len(ours) >= 2
    del held


def test_without_the_private_module_the_public_one_serves(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "_tracemalloc":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    tracemalloc.start()
    try:
        held = keep(50, 3000)
        usual = here(traces.read())
        monkeypatch.setattr(builtins, "__import__", without)
        assert here(traces.read()) == usual
    finally:
        tracemalloc.stop()
    del held


def test_tracing_of_the_users_is_shared_and_left_on():
    tracemalloc.start(4)
    try:
        before = keep(10, 4000)
        window = traces.Window(1)
        held = keep(10, 6000)
        found = here(window.read())
        window.close()
        assert window.shared and tracemalloc.is_tracing()
        assert tracemalloc.get_traceback_limit() == 4
        total = sum(size for size, _ in found.values())
        assert 60_000 <= total < 66_000  # without those of before
    finally:
        tracemalloc.stop()
    del before, held


def test_tracing_stopped_by_somebody_makes_the_window_void():
    window = traces.Window()
    tracemalloc.stop()
    assert window.read() is None
    window.close()


def test_closing_twice_does_not_stop_the_users_tracing():
    window = traces.Window()
    window.close()
    tracemalloc.start()
    window.close()
    still = tracemalloc.is_tracing()
    tracemalloc.stop()
    assert still


def test_differences_by_site():
    a, b, c = ((("a", 1),), (("b", 2),), (("c", 3),))
    before, after = {a: (10, 1), b: (20, 2)}, {a: (10, 1), b: (50, 3), c: (5, 1)}
    assert traces.difference(after, before) == {b: (30, 1), c: (5, 1)}
    assert traces.difference(before, after) == {b: (-30, -1), c: (-5, -1)}
