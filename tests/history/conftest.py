from __future__ import annotations

from collections.abc import Iterator

import pytest

from .support import writer_threads


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    assert writer_threads() == []
