from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.asking import asker
from support.kernel import Kernel


@pytest.fixture
def ask(kernel: Kernel) -> Callable[..., Any]:
    """Call a function of in_kernel.py inside the kernel: ``ask("held", "re cache")``."""
    return asker(kernel, Path(__file__).parent / "in_kernel.py")
