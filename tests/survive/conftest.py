"""Kernels with the extension loaded, below a cap that no test should reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.kernel import GIB, Kernel

from .kernels import MB, prepare, rss_bytes


@pytest.fixture(scope="module")
def survivor(make_kernel: Callable[..., Kernel]) -> Iterator[Kernel]:
    """One kernel for all tests of a module, as prepared by ``kernels.prepare``."""
    kernel = make_kernel(cap_bytes=2 * GIB)
    kernel.start()
    prepare(kernel)
    yield kernel
    kernel.stop()
    assert not kernel.left_over, kernel.left_over


@pytest.fixture
def revived(request: pytest.FixtureRequest) -> None:
    """The module's kernel is alive and prepared, and far enough from its cap."""
    if "survivor" in request.fixturenames:
        kernel: Kernel = request.getfixturevalue("survivor")
        if not kernel.is_alive() or rss_bytes(kernel) > 600 * MB:
            kernel.restart()
            prepare(kernel)
