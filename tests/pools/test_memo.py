"""``@pmat.cache`` on functions, methods and coroutines, without a session."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pmat_nb.consumers.managed.memo import Spec, memoize
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.pools.store import Store
from pmat_nb.errors import UsageError

MB = 1024**2
calls: list[Any] = []


@pytest.fixture(autouse=True)
def no_calls() -> Iterator[None]:
    calls.clear()
    yield
    calls.clear()


def size_of(key: object, value: Any) -> tuple[int, bool]:
    return getattr(value, "nbytes", 100), True


class Attached:
    def __init__(self, limit: int = 100 * MB) -> None:
        self.pool = Pool("cache", limit, "fixed", size_of=size_of)
        self.there = True

    def __call__(self, spec: Spec) -> Store | None:
        if not self.there:
            return None
        return self.pool.store(
            spec.name, policy=spec.policy, ttl_s=spec.ttl_s, max_bytes=spec.max_bytes
        )


def cached(attach: Attached | None = None, **asked: Any) -> Callable[[Any], Any]:
    made = attach or Attached()
    return lambda function: memoize(function, Spec(function.__name__, **asked), made)


def test_a_second_call_is_answered_from_the_cache() -> None:
    @cached()
    def double(n: int, by: int = 2) -> list[int]:
        """Doc."""
        calls.append(n)
        return [n * by]

    assert double(3) is double(3) is double(n=3)
    assert double(3, 4) == double(3, by=4) == double(by=4, n=3) == [12]
    assert calls == [3, 3]
    info = double.info()
    assert (info.hits, info.misses, info.entries) == (4, 2, 2)
    assert info.hit_rate == pytest.approx(4 / 6)
    assert double.__doc__ == "Doc." and double.__name__ == "double"
    assert str(inspect.signature(double)).startswith("(n")
    assert double.__wrapped__(5) == [10] and double.info().misses == 2


def test_types_are_told_apart() -> None:
    @cached()
    def kind(x: Any) -> str:
        return type(x).__name__

    assert [kind(x) for x in (1, 1.0, True, 1)] == ["int", "float", "bool", "int"]


def test_keywords_are_not_mistaken_for_values() -> None:
    @cached()
    def gather(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return args, kwargs

    assert gather(1, "b", 2) == ((1, "b", 2), {})
    assert gather(1, b=2) == ((1,), {"b": 2})
    assert gather(1, ("b",), 2) == ((1, ("b",), 2), {})
    assert gather(a=1, b=2) == gather(b=2, a=1)
    assert gather.info().entries == 4


def test_arrays_are_keyed_by_content_and_that_cost_is_counted() -> None:
    @cached()
    def total(values: np.ndarray[Any, Any]) -> float:
        calls.append(1)
        time.sleep(0.05)
        return float(values.sum())

    values = np.ones(200_000)
    assert total(values) == total(values.copy()) == 200_000
    values[0] = 5
    assert total(values) == 200_004
    assert len(calls) == 2
    info = total.info()
    assert info.hash_s > 0
    assert 0.02 < info.saved_s < 0.06


def test_hashing_that_costs_more_than_it_saves_saves_nothing() -> None:
    @cached()
    def first(values: np.ndarray[Any, Any]) -> float:
        return float(values[0])

    for _ in range(3):
        first(np.ones(500_000))
    assert first.info().saved_s == 0.0 and first.info().hash_s > 0


def test_a_recursion_saves_no_more_than_the_work_it_does() -> None:
    @cached()
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    started = time.perf_counter()
    fib(150)
    took_s = time.perf_counter() - started
    assert fib.info().hits == 148 and 0.0 < fib.info().saved_s < took_s


def test_a_call_saves_its_own_work_only() -> None:
    @cached()
    def inner(n: int) -> int:
        time.sleep(0.08)
        return n

    @cached()
    def outer(n: int) -> int:
        time.sleep(0.02)
        return inner(n)

    @cached()
    async def awaiting(n: int) -> int:
        await asyncio.sleep(0.02)
        return inner(n)

    outer(1), outer(1)
    assert 0.015 < outer.info().saved_s < 0.06

    async def main() -> None:
        await awaiting(2), await awaiting(2)

    asyncio.run(main())
    assert 0.015 < awaiting.info().saved_s < 0.06


def test_exceptions_are_passed_on_and_not_kept() -> None:
    @cached()
    def fails(n: int) -> int:
        calls.append(n)
        if len(calls) < 3:
            raise ValueError(n)
        return n

    for _ in range(2):
        with pytest.raises(ValueError, match="7"):
            fails(7)
    assert fails(7) == fails(7) == 7 and calls == [7, 7, 7]


def test_a_wrong_call_fails_as_the_function_would() -> None:
    @cached()
    def one(n: int) -> int:
        return n

    for wrong in (lambda: one(), lambda: one(1, 2), lambda: one(m=1), lambda: one([1], [2])):
        with pytest.raises(TypeError):
            wrong()
    assert one.info().entries == 0


def test_none_is_a_value() -> None:
    @cached()
    def nothing(n: int) -> None:
        calls.append(n)

    assert nothing(1) is None and nothing(1) is None and calls == [1]


def test_what_cannot_be_told_apart_is_refused_with_a_way_out() -> None:
    class Model:
        name = "m"

    @cached()
    def predict(model: Any, n: int) -> int:
        calls.append(n)
        return n

    with pytest.raises(UsageError) as caught:
        predict(Model(), 1)
    assert "predict" in str(caught.value) and "model" in str(caught.value)
    assert "key=lambda model, n: (model.name, n))" in str(caught.value)

    keyed = cached(key=lambda model, n: (model.name, n))(predict.__wrapped__)
    assert keyed(Model(), 1) == keyed(Model(), 1) == 1 and calls == [1]
    bad = cached(key=lambda model, n: object())(predict.__wrapped__)
    with pytest.raises(UsageError, match="what key= returned"):
        bad(Model(), 1)


def test_evict_and_clear() -> None:
    @cached()
    def same(n: Any) -> Any:
        calls.append(n)
        return n

    same(1), same(2), same([3])
    assert same.evict(1) and not same.evict(1) and same.evict([3])
    assert same.clear() > 0 and same.info().entries == 0
    same(2)
    assert calls == [1, 2, [3], 2]


def test_methods_are_told_apart_by_what_their_instance_holds() -> None:
    @dataclasses.dataclass
    class Reader:
        base: int

        @cached()
        def read(self, n: int) -> int:
            calls.append((self.base, n))
            return self.base + n

        @staticmethod
        @cached()
        def plain(n: int) -> int:
            return n

        @classmethod
        @cached()
        def named(cls, n: int) -> str:
            return cls.__name__ * n

    one, two = Reader(10), Reader(20)
    assert [one.read(1), two.read(1), one.read(n=1), two.read(1)] == [11, 21, 11, 21]
    assert calls == [(10, 1), (20, 1)]
    one.base = 30
    assert one.read(1) == 31 and Reader(30).read(1) == 31 and len(calls) == 3
    assert Reader.plain(3) == one.plain(3) == 3
    assert Reader.named(2) == one.named(2) == "ReaderReader"


def test_an_instance_that_cannot_be_told_by_content_is_refused() -> None:
    class Model:
        def __init__(self) -> None:
            self.scale, self.name = 2, "m"

        @cached()
        def predict(self, x: int) -> int:
            return self.scale * x

        @cached(key=lambda self, x: (self.scale, x))
        def keyed(self, x: int) -> int:
            return self.scale * x

    model = Model()
    with pytest.raises(UsageError) as caught:
        model.predict(1)
    assert "key=lambda self, x: (self.name, x))" in str(caught.value)
    assert "dataclass" in str(caught.value)
    assert model.keyed(1) == 2
    model.scale = 5
    assert model.keyed(1) == 5


def test_what_can_be_used_only_once_is_not_kept() -> None:
    with pytest.raises(UsageError, match="generator"):

        @cached()
        def numbers() -> Iterator[int]:
            yield 1

    @cached()
    def lazily(n: int) -> Iterator[int]:
        return (i for i in range(n))

    assert list(lazily(2)) == list(lazily(2)) == [0, 1]
    with pytest.raises(UsageError):
        cached()(int)


def test_simultaneous_misses_compute_once() -> None:
    release = threading.Event()

    @cached()
    def slow(n: int) -> list[int]:
        calls.append(n)
        release.wait(5)
        return [n]

    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(slow(1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    release.set()
    for thread in threads:
        thread.join()
    assert calls == [1]
    assert len(results) == 8 and all(result is results[0] for result in results)


def test_when_the_computing_call_fails_one_that_waits_tries_again() -> None:
    started = threading.Event()

    @cached()
    def flaky(n: int) -> int:
        calls.append(n)
        started.set()
        time.sleep(0.05)
        if len(calls) == 1:
            raise OSError("first")
        return n

    outcomes: list[Any] = []

    def run() -> None:
        try:
            outcomes.append(flaky(1))
        except OSError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(4)]
    threads[0].start()
    started.wait(5)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["1", "1", "1", "first"]
    assert calls == [1, 1]


def test_recursion_is_no_deadlock() -> None:
    @cached()
    def fib(n: int) -> int:
        calls.append(n)
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(60) == 1548008755920
    assert len(calls) == 61

    @cached()
    def again(n: int) -> int:
        calls.append(n)
        return again(n) if calls.count(-1) < 3 else 7

    assert again(-1) == 7


def test_threads_hammer_one_cache_and_the_sums_hold() -> None:
    attach = Attached(limit=50 * 100)

    @cached(attach)
    def value(n: int) -> int:
        return n * n

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for n in rng.integers(0, 120, 3000).tolist():
            assert value(n) == n * n

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    info = value.info()
    assert info.hits + info.misses >= 18_000
    assert attach.pool.used_bytes == info.used_bytes == 100 * info.entries <= 5000
    assert info.evictions > 0


def test_coroutines_are_awaited_once() -> None:
    @cached()
    async def fetch(n: int) -> list[int]:
        calls.append(n)
        await asyncio.sleep(0.02)
        if n < 0:
            raise ValueError(n)
        return [n]

    async def main() -> None:
        results = await asyncio.gather(*(fetch(1) for _ in range(5)))
        assert calls == [1] and all(result is results[0] for result in results)
        assert await fetch(1) is results[0]
        failed = await asyncio.gather(*(fetch(-1) for _ in range(2)), return_exceptions=True)
        assert all(isinstance(one, ValueError) for one in failed)
        # Who is cancelled does not take the others along.
        first = asyncio.ensure_future(fetch(2))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(fetch(2))
        await asyncio.sleep(0.005)
        first.cancel()
        assert await second == [2]

    asyncio.run(main())
    assert asyncio.run(fetch(1)) == [1]
    assert inspect.iscoroutinefunction(fetch)
    assert fetch.info().entries == 2


def test_ttl_and_budget_of_its_own() -> None:
    @cached(ttl_s=0.05, max_bytes=3 * MB)
    def block(n: int) -> np.ndarray[Any, Any]:
        calls.append(n)
        return np.ones(MB // 8)

    for n in range(5):
        block(n)
    assert block.info().used_bytes <= 3 * MB and block.info().evictions == 2
    time.sleep(0.06)
    block(4)
    assert calls == [0, 1, 2, 3, 4, 4] and block.info().expired >= 1


def test_a_value_too_large_is_returned_and_not_kept() -> None:
    @cached(max_bytes=MB)
    def big(n: int) -> np.ndarray[Any, Any]:
        calls.append(n)
        return np.ones(n)

    assert big(MB).nbytes == big(MB).nbytes == 8 * MB
    assert len(calls) == 2 and big.info().refused == 2 and big.info().used_bytes == 0


def test_a_session_that_ended_leaves_the_function_working() -> None:
    attach = Attached()

    @cached(attach)
    def plain(n: int) -> int:
        calls.append(n)
        return n

    plain(1), plain(1)
    attach.pool.close()
    attach.there = False
    assert plain(1) == plain(1) == 1 and calls == [1, 1, 1]
    attach.pool, attach.there = Pool("cache", 10 * MB, "fixed", size_of=size_of), True
    plain(1), plain(1)
    assert calls == [1, 1, 1, 1]
