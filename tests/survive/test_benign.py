"""Cells that only look as if they ran away must finish under the same limit."""

from __future__ import annotations

import sys

import pytest
from support.kernel import Kernel

from .cells import BENIGN
from .kernels import TIDY, alive_and_whole

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: the guard needs /proc"
)

WARM = "import joblib, matplotlib.pyplot, numpy as np; np.ones((200, 200)) @ np.ones((200, 200))"


@pytest.fixture(autouse=True)
def warm(survivor: Kernel) -> None:
    survivor.run(WARM)


@pytest.mark.parametrize("name", BENIGN)
def test_a_benign_cell_finishes(survivor: Kernel, name: str) -> None:
    result = survivor.run(f"%%pmat_limit 250MB\n{BENIGN[name]}", timeout=60)
    assert result.ok, result.error
    assert result.text == "True"
    alive_and_whole(survivor)
    survivor.run(TIDY)


def test_a_sparse_array_is_refused_with_a_hint_that_works(survivor: Kernel) -> None:
    sparse = "import numpy as np\nx = np.zeros(10**9)\nx[::10**7] = 1\nfloat(x.sum())"
    # polars, which an earlier cell may have loaded, switches the ceiling off by itself.
    refused = survivor.run(f"%%pmat_limit 250MB --ceiling on\n{sparse}")
    assert refused.error is not None and refused.error.ename == "MemoryLimitExceeded"
    assert "--ceiling off" in refused.error.evalue
    assert "Unable to allocate 7.45 GiB" in refused.error.evalue
    allowed = survivor.run(f"%%pmat_limit 250MB --ceiling off\n{sparse}")
    assert allowed.text in ("100.0", "np.float64(100.0)"), allowed.error
    survivor.run("del x")


def test_polars_switches_the_ceiling_off_by_itself(survivor: Kernel) -> None:
    survivor.run("import polars")
    assert survivor.run("%%pmat_limit 250MB\nx = np.zeros(10**9); len(x)").text == "1000000000"
    survivor.run("del x")
