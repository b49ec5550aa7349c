"""What a cleanup gives back to the system, measured from outside the kernel."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import pytest
from support.kernel import GIB, Kernel

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: RSS is read from /proc"
)

MB = 1024**2
BEFORE = [
    "%load_ext pmat_nb",
    "import numpy as np, pandas as pd, matplotlib\nmatplotlib.use('agg')\n"
    "import matplotlib.pyplot as plt",
    # What the first plot, table and error load stays: it is no leftover.
    "fig, ax = plt.subplots(); fig.canvas.draw(); plt.close(fig); del fig, ax",
    "pd.DataFrame({'a': [1.0]})",
    "1 / 0",
    "frame = pd.DataFrame({'a': np.arange(100_000.0)}); table = {'k': [1, 2, 3]}; alias = table",
    "%pmat_cleanup --aggressive --compact",
]


def rss_bytes(kernel: Kernel) -> int:
    with open(f"/proc/{kernel.pid}/statm") as statm:  # noqa: PTH123 - a pathlib open is slower
        return int(statm.read().split()[1]) * 4096


def fill(kernel: Kernel, megabytes: int, figures: int) -> None:
    """Ten displayed frames, five failed cells and open figures, none of them with a name."""
    for _ in range(10):
        assert kernel.run(f"pd.DataFrame(np.ones(({megabytes} * 16384, 8)))").ok
    for number in range(5):
        failed = kernel.run(
            f"def fails():\n    local = np.ones({megabytes} * 131072)\n"
            f"    raise ValueError({number})\nfails()"
        )
        assert failed.error is not None and failed.error.ename == "ValueError"
    drawn = "fig, ax = plt.subplots(); ax.plot(range(100)); fig.canvas.draw(); del fig, ax"
    assert kernel.run(f"for _ in range({figures}): {drawn}\ndel _").ok


@pytest.fixture
def filled(make_kernel: Callable[..., Kernel]) -> Iterator[Kernel]:
    kernel = make_kernel(cap_bytes=4 * GIB)
    kernel.start()
    for cell in BEFORE:
        kernel.run(cell)
    yield kernel
    kernel.stop()
    assert not kernel.left_over


@pytest.mark.parametrize(
    ("megabytes", "options", "least"),
    # Beside objects this small what pymalloc cannot give back is a larger share.
    [(20, "--aggressive", 0.9), (100, "--target all --aggressive --compact", 0.95)],
)
def test_what_is_held_comes_back(
    filled: Kernel, megabytes: int, options: str, least: float
) -> None:
    low = rss_bytes(filled)
    fill(filled, megabytes, 30)
    high = rss_bytes(filled)
    assert high - low > 10 * megabytes * MB
    started = time.monotonic()
    report = filled.run(f"%pmat_cleanup {options}")
    assert report.ok, report.error
    back = (high - rss_bytes(filled)) / (high - low)
    print(
        f"{options}: {back:.1%} of {(high - low) / MB:.0f} MB, {time.monotonic() - started:.1f} s"
    )
    assert back >= least, report.text
    mine = filled.value("[float(frame.a.sum()), table, alias is table]")
    assert mine == [4999950000.0, {"k": [1, 2, 3]}, True]


def test_the_report_measures_what_came_back(filled: Kernel) -> None:
    fill(filled, 20, 3)
    high = rss_bytes(filled)
    filled.run("import pmat_nb; report = pmat_nb.cleanup(aggressive=True)")
    low = rss_bytes(filled)
    figures = filled.value("report.to_dict()")
    assert figures["measured_bytes"] == pytest.approx(high - low, abs=8 * MB)
    assert figures["rss_before_bytes"] - figures["rss_after_bytes"] == figures["measured_bytes"]
    by_target = {step["target"]: step for step in figures["steps"]}
    shown = by_target["cache:Out"]
    assert shown["estimated_bytes"] == pytest.approx(200 * MB, rel=0.05)
    assert shown["measured_bytes"] == pytest.approx(200 * MB, rel=0.05)
    assert by_target["temp:traceback"]["measured_bytes"] == pytest.approx(20 * MB, rel=0.2)


def test_a_dry_run_does_nothing(filled: Kernel) -> None:
    fill(filled, 20, 3)
    before = rss_bytes(filled)
    result = filled.run("%pmat_cleanup --dry-run --aggressive --target all --compact")
    assert "would give back about" in str(result.text) and "nothing was done" in str(result.text)
    assert rss_bytes(filled) == pytest.approx(before, abs=4 * MB)
    assert len(filled.value("plt.get_fignums()")) == 3
    assert filled.value("len(Out)") >= 10


def test_what_only_a_restart_gives_back_is_said(filled: Kernel) -> None:
    # Small objects, of which every thousandth stays: their arenas cannot go.
    filled.run("many = [(str(i) * 3, [i]) for i in range(1_000_000)]; some = many[::1000]")
    filled.run("del many")
    text = str(filled.run("%pmat_cleanup --aggressive --compact").text)
    assert "only a restart of the kernel" in text.replace("\n  ", " ")
