"""Many objects sized as one root: the same sum as one by one, at a fraction of the cost."""

from __future__ import annotations

from typing import Any

from graphs import LEAVES, Recipe, build, recipes
from hypothesis import HealthCheck, given, settings

from pmat_nb.engine.sizing import Root, RootSize, namespace_roots, size_roots


def _together(namespace: dict[str, Any], **options: Any) -> RootSize:
    root = Root("all", list(namespace.values()), "analysis", together=True)
    return size_roots([root], **options).roots[0]


def test_they_are_retained_as_a_whole() -> None:
    both = bytearray(9000)
    namespace = {"a": [both], "b": [both, bytearray(100)]}
    del both
    found = _together(namespace)
    assert found.complete and found.shared_bytes == 0
    assert 9000 < found.retained_bytes == found.charged_bytes < 10_000


def test_what_someone_else_holds_is_shared() -> None:
    held = bytearray(7000)
    found = _together({"a": [held, 1.5], "b": [bytearray(500)]})
    assert found.shared_bytes > 7000 and 500 < found.retained_bytes < 1200
    assert held is not None


def test_one_of_them_inside_another() -> None:
    namespace: dict[str, Any] = {f"n{i}": [bytearray(1000)] for i in range(100)}
    namespace["all"] = list(namespace.values())
    found = _together(namespace)
    assert found.shared_bytes == 0 and found.retained_bytes > 100_000


def test_an_object_that_is_a_root_of_its_own_is_charged_there() -> None:
    namespace: dict[str, Any] = {"big": [bytearray(50_000)]}
    namespace["holder"] = [namespace["big"]]
    roots = [
        Root("big", namespace["big"], "analysis", 1),
        Root("all", [namespace["holder"]], "analysis", together=True),
    ]
    big, rest = size_roots(roots).roots
    assert big.charged_bytes > 50_000 > 1000 > rest.charged_bytes
    assert rest.shared_bytes > 50_000 and rest.shared_with == ("big",)


def test_a_budget_ends_it_with_a_lower_bound() -> None:
    namespace = {f"n{i}": [{"i": i, "j": float(i)}] for i in range(5000)}
    ticks = iter(range(10**6))
    found = _together(namespace, budget_s=8.0, clock=lambda: float(next(ticks)))
    exact = _together(namespace)
    assert not found.complete and exact.complete
    assert 0 < found.charged_bytes < exact.charged_bytes


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(recipes(sorted(LEAVES)))
def test_charged_is_what_one_by_one_comes_to(recipe: Recipe) -> None:
    namespace, kept = build(recipe, LEAVES)
    roots = namespace_roots(namespace, "analysis")
    one_by_one = sum(root.charged_bytes for root in size_roots(roots).roots)
    del roots
    found = _together(namespace)
    assert kept is not None
    # Instances' attribute arrays are estimated from the mean of those opened at once.
    assert abs(found.charged_bytes - one_by_one) <= 96 * max(1, len(recipe.steps))
