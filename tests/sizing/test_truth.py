"""Retained sizes of random object graphs against what deleting the names really frees.

Tolerance: 400 bytes for what the measuring itself allocates, 96 for each instance,
function or generator (their attribute arrays and cells are estimated), and nothing in
proportion to the size.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from graphs import LEAVES, Recipe, array_leaves, build, count_kind, freed_by_deleting, recipes
from hypothesis import HealthCheck, Phase, given, settings

from pmat_nb.engine.sizing import Adapter, namespace_roots, size_roots

ESTIMATED = ("plain", "liar", "slotted", "closure", "generator", "listed", "keyed")
_settings = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)


@pytest.fixture(autouse=True)
def _small_heap() -> Iterator[None]:
    """Collections look at nothing but the graphs of the test."""
    gc.collect()
    gc.freeze()
    callbacks, gc.callbacks[:] = list(gc.callbacks), []
    yield
    gc.callbacks[:] = callbacks
    gc.unfreeze()


def _check(recipe: Recipe, leaves: dict, adapters: tuple[Adapter, ...]) -> None:
    namespace, kept = build(recipe, leaves)
    gc.collect()
    sizing = size_roots(namespace_roots(namespace, "analysis"), adapters=adapters)
    assert sizing.complete and not sizing.notes
    del namespace, kept
    tolerance = 400 + 96 * count_kind(recipe, *ESTIMATED)
    tolerance += 1200 * count_kind(recipe, "array_fields")  # its dtype is not looked into
    for root in sizing.roots:
        names = (root.key, *root.aliases)
        freed = _freed(recipe, leaves, names, root.retained_bytes, tolerance)
        assert abs(root.retained_bytes - freed) <= tolerance, (root, freed)
        assert root.shallow_bytes <= root.retained_bytes + root.shared_bytes + tolerance


def _freed(recipe: Recipe, leaves: dict, names: tuple, expected: int, tolerance: int) -> int:
    """Measured up to three times: the test tools allocate now and then as well."""
    for _ in range(3):
        freed = freed_by_deleting(lambda: build(recipe, leaves), names)
        if abs(expected - freed) <= tolerance:
            break
    return freed


@_settings
@given(recipes(sorted(LEAVES)))
def test_retained_is_what_deleting_frees(recipe: Recipe) -> None:
    _check(recipe, LEAVES, ())


def test_retained_is_what_deleting_frees_with_arrays() -> None:
    from pmat_nb.consumers.adapters import default_adapters

    arrays = array_leaves()
    leaves = {**LEAVES, **arrays}

    @_settings
    @given(recipes([*sorted(arrays), "bytes", "text"]))
    def check(recipe: Recipe) -> None:
        _check(recipe, leaves, tuple(default_adapters()))

    check()
