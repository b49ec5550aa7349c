"""Scratch buffers: used again, aligned, and never taken from under a view."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.consumers.base import Wish
from pmat_nb.consumers.managed.scratch import ALIGNMENT_BYTES, ScratchPool
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.errors import UsageError


def make(limit_bytes: int | None = None, report=print) -> ScratchPool:
    return ScratchPool(Pool("temp", limit_bytes, "fixed"), report)


@given(
    st.lists(st.integers(0, 60), min_size=0, max_size=3).map(tuple),
    st.sampled_from(["float64", "int8", "complex128", "bool", "M8[ns]", "S5", "float32"]),
)
def test_any_shape_and_dtype_is_aligned_and_writable(shape, dtype):
    pool = make()
    with pool.scratch(shape, dtype, zero=True) as array:
        assert array.shape == shape and array.dtype == np.dtype(dtype)
        assert array.ctypes.data % ALIGNMENT_BYTES == 0
        assert not array.view(np.uint8).any() if array.ndim and array.size else True
        assert array.flags.writeable and array.flags.c_contiguous


def test_a_buffer_is_used_again_and_counted():
    pool = make()
    for number in range(10):
        with pool.scratch((100, 100)) as array:
            array[:] = number
    assert (pool.checkouts, pool.reused, pool.reuse_rate) == (10, 9, 0.9)
    assert pool.in_use_bytes == 0 and pool.free_bytes >= 80_000


def test_two_at_once_never_share():
    pool = make()
    with pool.scratch(1000) as one, pool.scratch(1000) as other:
        assert not np.shares_memory(one, other)
        assert pool.in_use_bytes >= 16_000


def test_writing_after_the_block_fails():
    pool = make()
    with pool.scratch(10) as array:
        array[:] = 1
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2


def test_a_buffer_that_a_view_still_shows_is_left_to_it():
    said: list[str] = []
    pool = make(report=said.append)
    with pool.scratch(1000, debug=True) as array:
        array[:] = 7
        kept = array[10:20]
    assert "still in use" in said[0]
    with pool.scratch(1000) as other:
        other[:] = 0
    assert (kept == 7).all() and pool.reused == 0


def test_debug_finds_reads_and_writes_after_the_block():
    said: list[str] = []
    pool = make(report=said.append)
    with pool.scratch(100, debug=True) as array:
        array[:] = 1
    assert np.isnan(array).all()
    array.flags.writeable = True
    array[5] = 3
    with pool.scratch(100):
        pass
    assert said == ["pmat_nb: a scratch buffer was written to after its block had ended"]


def test_an_error_in_the_block_gives_the_buffer_back():
    pool = make()
    with pytest.raises(ZeroDivisionError), pool.scratch(100):
        1 / 0  # noqa: B018
    assert pool.in_use_bytes == 0 and pool.free_bytes


def test_what_is_kept_unused_stays_within_the_limit():
    pool = make(100_000)
    with pool.scratch(20_000, "u1"), pool.scratch(50_000, "u1"), pool.scratch(60_000, "u1"):
        pass
    assert 0 < pool.free_bytes <= 100_000
    with pool.scratch(1_000_000, "u1"):
        pass
    assert pool.free_bytes <= 100_000


def test_a_cleanup_drops_the_unused_only():
    pool = make()
    with pool.scratch(1000) as array:
        with pool.scratch(1000):
            pass
        array[:] = 5
        (step,) = pool.steps(Wish())
        assert step.estimated_bytes == pool.free_bytes > 0
        assert "in use" in step.run()
        assert pool.free_bytes == 0 and (array == 5).all()
    assert list(pool.held()) and pool.waste(0.1).fraction == 1.0
    pool.clear()
    assert not list(pool.held()) and not list(pool.steps(Wish())) and pool.waste(0.1) is None


@pytest.mark.parametrize(
    ("shape", "dtype", "words"),
    [((-1, 3), "f8", "negative"), (10, object, "objects"), (10, [("a", "O")], "objects")],
)
def test_what_cannot_be_is_said(shape, dtype, words):
    with pytest.raises(UsageError, match=words), make().scratch(shape, dtype):
        pass


def test_threads_never_get_the_same_buffer():
    pool = make()
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(200):
            with pool.scratch(500, "i8") as array:
                array[:] = number
                if not (array == number).all():
                    wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and pool.in_use_bytes == 0
