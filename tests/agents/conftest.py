"""A server for all tests of a module: starting one takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel

from .client import Server, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder whose notebooks the module's server runs, in one of its own."""
    folder = tmp_path_factory.mktemp("served") / "notebooks"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def server(module_kernel: Kernel, served: Path) -> Iterator[Server]:
    """The module's server, at home where its kernel is."""
    with serving(module_kernel, served) as server:
        yield server
