"""What the sizing engine promises beyond right sums: it cannot be broken, and it ends."""

from __future__ import annotations

import gc
import sys
import threading
import time
import types
import weakref
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from graphs import Liar

from pmat_nb.engine.sizing import Buffer, Exploded, Root, RootSize, namespace_roots, size_roots


def _sizes(namespace: dict[str, Any], **options: Any) -> dict[str, RootSize]:
    sizing = size_roots(namespace_roots(namespace, "analysis"), **options)
    return {root.key: root for root in sizing.roots}


def test_aliases_are_one_group_charged_once() -> None:
    namespace = {"a": [bytearray(5000)]}
    namespace["b"] = namespace["a"]
    a, b = _sizes(namespace).values()
    assert a.retained_bytes == b.retained_bytes > 5000
    assert a.aliases == ("b",) and b.aliases == ("a",)
    assert (a.charged_bytes > 5000, b.charged_bytes) == (True, 0)


def test_what_two_names_hold_is_shared_and_charged_to_the_first() -> None:
    both = bytearray(9000)
    namespace = {"a": [both], "b": [both, bytearray(100)]}
    del both
    a, b = _sizes(namespace).values()
    assert a.retained_bytes < 200 and b.retained_bytes < 400
    assert a.shared_bytes == b.shared_bytes > 9000
    assert a.charged_bytes > 9000 > b.charged_bytes
    assert a.shared_with == ("b",) and b.shared_with == ("a",)


def test_what_someone_else_holds_is_not_retained() -> None:
    held = bytearray(7000)
    size = _sizes({"a": [held, 1.5]})["a"]
    assert size.retained_bytes < 200 and size.shared_bytes > 7000
    assert held is not None


def test_holders_in_the_history_are_discounted() -> None:
    history = [[bytearray(7000)]]
    root = Root("a", history[0], "analysis", 1)
    assert size_roots([root]).roots[0].retained_bytes > 7000


def test_nothing_of_the_users_is_called() -> None:
    class Meta(type):
        def __hash__(cls) -> int:
            raise AssertionError("user code was called")

        __eq__ = __instancecheck__ = __sizeof__ = __hash__  # type: ignore[assignment]

    class Sneaky(metaclass=Meta):
        @property
        def __class__(self) -> type:  # type: ignore[override]
            raise AssertionError("user code was called")

        __dict__ = __sizeof__ = __class__  # type: ignore[assignment]

    liars = [Liar() for _ in range(50)] + [Sneaky() for _ in range(50)]
    liars[0].__dict__["big"] = bytearray(5000)
    target = Liar()
    namespace = {
        "a": liars,
        "b": Liar(),
        "c": weakref.proxy(target),
        "d": {1: liars[0], 2: Sneaky()},
    }
    del liars
    sizes = _sizes(namespace)
    assert sizes["a"].retained_bytes > 100 * 48
    assert sizes["a"].retained_bytes + sizes["a"].shared_bytes > 5000 + 100 * 48
    assert sizes["c"].retained_bytes < 200


def test_a_million_links_need_no_recursion() -> None:
    chain: list[Any] = []
    for _ in range(1_000_000):
        chain = [chain]
    namespace = {"chain": chain}
    del chain
    size = _sizes(namespace)["chain"]
    assert size.complete and size.retained_bytes == 1_000_001 * 64 - 8
    links = namespace.pop("chain")  # the interpreter's own deallocator copes, given a loop
    while links:
        links = links.pop()


def test_containers_that_hold_themselves() -> None:
    loop: list[Any] = [bytearray(4000)]
    loop.append(loop)
    table: dict[Any, Any] = {"big": bytearray(3000)}
    table["self"] = table
    ring = [types.SimpleNamespace() for _ in range(500)]
    for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
        one.next, other.previous = other, one
    namespace = {"loop": loop, "table": table, "ring": ring[0]}
    del loop, table, ring, one, other
    sizes = _sizes(namespace)
    assert sizes["loop"].retained_bytes > 4000 and sizes["table"].retained_bytes > 3000
    assert sizes["ring"].retained_bytes > 500 * 48 and sizes["ring"].shared_bytes == 0


def test_a_hundred_thousand_variables() -> None:
    took = {}
    for number in (10_000, 100_000):
        namespace: dict[str, Any] = {f"v{i}": [i + 0.5, f"text {i}"] for i in range(number)}
        started = time.process_time()
        sizing = size_roots(namespace_roots(namespace, "analysis"))
        took[number] = time.process_time() - started
        assert sizing.complete and len(sizing.roots) == number
        assert all(100 < root.retained_bytes < 300 for root in sizing.roots)
    assert took[100_000] < 40 * took[10_000]


def test_a_hundred_thousand_variables_that_share_one_thing() -> None:
    common = {"settings": bytearray(5000), "more": [1.5]}
    namespace: dict[str, Any] = {f"v{i}": [common] for i in range(100_000)}
    del common
    sizing = size_roots(namespace_roots(namespace, "analysis"), budget_s=20.0)
    assert sizing.roots[0].shared_bytes > 5000
    assert sum(root.charged_bytes for root in sizing.roots) < 100_000 * 64 + 10_000


def test_the_budget_ends_it_and_figures_are_lower_bounds() -> None:
    namespace = {
        "big": {i: {"a": i + 0.5, "b": str(i)} for i in range(300_000)},
        "small": [bytearray(10_000)],
    }
    whole = _sizes(namespace)
    started = time.perf_counter()
    partly = _sizes(namespace, budget_s=0.05)
    assert time.perf_counter() - started < 0.5
    assert not partly["big"].complete
    assert 0 < partly["big"].retained_bytes < whole["big"].retained_bytes
    assert partly["small"] == whole["small"]


def test_a_clock_that_is_out_of_time_at_once() -> None:
    ticks = count()
    sizing = size_roots(
        namespace_roots({"a": [[1.5]]}, "analysis"), budget_s=0.5, clock=lambda: float(next(ticks))
    )
    assert not sizing.complete
    assert sizing.roots[0].shallow_bytes == 64


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        size_roots(namespace_roots({"a": [1.5]}, "analysis"))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_nothing_is_kept_alive_afterwards() -> None:
    class Big:
        pass

    namespace = {"a": Big()}
    gone = weakref.ref(namespace["a"])
    size_roots(namespace_roots(namespace, "analysis"), budget_s=1.0)
    was = gc.isenabled()
    gc.disable()
    try:
        del namespace["a"]
        assert gone() is None
    finally:
        if was:
            gc.enable()


def test_a_namespace_that_changes_meanwhile() -> None:
    shared: dict[int, Any] = {i: [i + 0.5] for i in range(200_000)}
    namespace: dict[str, Any] = {"shared": shared, "other": [1.5] * 10}
    stop = threading.Event()

    def churn() -> None:
        for i in count(10**6):
            if stop.is_set():
                return
            shared[i] = [i]
            namespace[f"n{i % 100}"] = [i]
            shared.pop(i - 50, None)
            namespace.pop(f"n{(i - 50) % 100}", None)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(5):
            sizes = _sizes(namespace)
            assert sizes["shared"].charged_bytes > 0 and sizes["other"].complete
    finally:
        stop.set()
        thread.join()


def test_modules_and_classes_are_not_entered() -> None:
    class Local:
        table = bytearray(8000)

    namespace = {"gc": gc, "instance": Local(), "run": lambda: gc}
    sizes = _sizes(namespace)
    assert sizes["gc"].retained_bytes == sizes["gc"].charged_bytes == 0
    assert sizes["instance"].retained_bytes + sizes["instance"].shared_bytes < 500
    assert sizes["run"].charged_bytes < 5000
    assert _sizes({"Local": Local})["Local"].charged_bytes > 8000


def test_boundaries_are_not_entered() -> None:
    inner = [bytearray(6000)]
    size = _sizes({"a": [inner]}, boundaries={id(inner)})["a"]
    assert size.charged_bytes < 200


def test_a_big_string_with_many_holders_counts() -> None:
    namespace = {"a": ["x" * 100_000] * 500, "b": [None] * 500}
    sizes = _sizes(namespace)
    assert 104_000 < sizes["a"].charged_bytes < 105_000
    assert sizes["b"].retained_bytes == sizes["b"].charged_bytes


class _Handle:
    """Stands for an object of a C library: two handles may show one block."""

    def __init__(self, address: int, nbytes: int) -> None:
        self.at = (address, nbytes)


class _Adapter:
    name = "handles"
    exact_types = False

    def __init__(self, kind: str = "host", fails: bool = False) -> None:
        self.kind, self.fails, self.calls = kind, fails, 0

    def types(self) -> tuple[type, ...]:
        return (_Handle,)

    def explode(self, objs: Sequence[Any]) -> Exploded:
        self.calls += 1
        if self.fails:
            raise RuntimeError("this library is broken")
        return Exploded(buffers=[Buffer(*obj.at, self.kind) for obj in objs])


def test_a_block_is_counted_once_however_it_is_reached() -> None:
    namespace = {
        "a": _Handle(10_000, 5000),
        "b": [_Handle(12_000, 100)],
        "c": _Handle(14_000, 2000),
    }
    sizing = size_roots(namespace_roots(namespace, "analysis"), adapters=[_Adapter()])
    a, b, c = sizing.roots
    assert sum(buffer.nbytes for buffer in sizing.buffers) == 6000
    assert (a.buffer_bytes, b.buffer_bytes, c.buffer_bytes) == (5000, 0, 1000)
    assert a.retained_bytes < 5000 <= a.shared_bytes
    assert c.shared_bytes >= 5000 and 1000 < c.retained_bytes < 1500
    assert {(x.key, x.group) for x in sizing.buffers} == {("a", "analysis"), ("c", "analysis")}


def test_device_blocks_stay_out_of_host_figures() -> None:
    sizing = size_roots(
        namespace_roots({"a": _Handle(1, 9000)}, "analysis"), adapters=[_Adapter("device")]
    )
    (a,) = sizing.roots
    assert a.device_bytes == 9000 and a.retained_bytes < 1000
    assert sizing.buffers[0].kind == "device"


def test_a_broken_adapter_is_named_once_and_left_out() -> None:
    adapter = _Adapter(fails=True)
    namespace = {f"h{i}": _Handle(i, 10) for i in range(5)}
    sizing = size_roots(namespace_roots(namespace, "analysis"), adapters=[adapter])
    assert sizing.complete and adapter.calls == 1
    assert sizing.notes == ("handles: RuntimeError: this library is broken",)
    assert not sizing.roots[0].exact
    assert all(root.shallow_bytes > 0 for root in sizing.roots)


def test_charges_follow_the_order_of_the_pools() -> None:
    both = bytearray(9000)
    roots = [Root("x", [both], "analysis"), Root("cache:c", [both], "cache")]
    del both
    for budget in (None, 5.0):
        first, second = size_roots(roots, budget_s=budget).roots
        assert first.charged_bytes > 9000 > second.charged_bytes


def test_small_objects_are_rounded_up_as_the_allocator_does() -> None:
    floats = [float(n) for n in range(10_000)]
    namespace: dict[str, Any] = {"floats": floats, "big": [bytearray(100_000)]}
    del floats
    found = _sizes(namespace)
    # 24 bytes in slots of 32; the lists themselves add next to nothing.
    assert 80_000 <= found["floats"].padding_bytes < 80_100
    assert found["big"].padding_bytes < 64
    texts = {"texts": [f"{n:010d}" for n in range(1000)]}
    each = -sys.getsizeof("0123456789") % 16
    assert 1000 * each <= _sizes(texts)["texts"].padding_bytes < 1000 * each + 100


def test_later_groups_get_their_share_of_the_budget() -> None:
    namespace = {"big": [[i, str(i)] for i in range(200_000)]}
    roots = [
        Root("big", namespace["big"], "analysis", 1),
        Root("held", [bytearray(5000)], "temp"),
    ]
    ticks = iter(range(10**7))
    found = size_roots(roots, budget_s=20.0, clock=lambda: float(next(ticks)))
    big, held = found.roots
    assert not big.complete
    assert held.charged_bytes > 5000


def test_an_array_is_counted_however_late_it_is() -> None:
    import numpy as np

    from pmat_nb.consumers.adapters import default_adapters

    slow = iter(range(10**7))
    namespace = {"big": [[i, str(i)] for i in range(100_000)], "array": np.ones(100_000)}
    roots = [
        Root("big", namespace["big"], "analysis", 1),
        Root("array", namespace["array"], "temp", 1),
    ]
    found = size_roots(
        roots,
        adapters=default_adapters(),
        budget_s=1.0,
        clock=lambda: 0.005 * next(slow),
    )
    assert not found.complete
    assert found.roots[1].charged_bytes > 800_000
