"""An open dashboard in the module's kernel, for tests of its tabs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.kernel import Kernel

from .page import Page


@pytest.fixture
def page(kernel: Kernel) -> Iterator[Page]:
    """A page of a kernel whose namespace is empty."""
    kernel.run("%reset -f", silent=True)
    kernel.run("%load_ext pmat_nb")
    made = Page(kernel)
    yield made
    kernel.run("%pmat_configure --reset")
    made.close_comm()
    kernel.run("%reset -f out", silent=True)
