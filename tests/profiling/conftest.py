"""A kernel with the extension, for each test of profiling."""

from __future__ import annotations

import pytest
from support.kernel import Kernel


@pytest.fixture
def loaded(kernel: Kernel) -> Kernel:
    assert kernel.run("%reload_ext pmat_nb").ok
    return kernel
