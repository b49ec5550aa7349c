"""How a real kernel shows reports and their pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = str(Path(__file__).parents[1])
SETUP = f"""
import sys
sys.path.insert(0, {TESTS!r})
from render.examples import STATS
from pmat_nb.render.stats import Stats
"""


@pytest.fixture
def shown(fresh_kernel):
    fresh_kernel.run(SETUP)
    return lambda code: fresh_kernel.run(code).outputs


def test_a_report_shows_itself_as_text_and_html(shown):
    (output,) = shown("Stats(STATS)")
    assert output["data"]["text/plain"].startswith("kernel 6.21 of 13.4 GB usable")
    assert "your data" in output["data"]["text/html"]


@pytest.mark.parametrize("before", ["", "import matplotlib.pyplot as plt", "%matplotlib inline"])
def test_a_plot_is_shown_once_with_or_without_a_backend(shown, before):
    outputs = shown(f"{before}\nStats(STATS).plot()")
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 1
    assert shown("'next cell'")[0]["data"].keys() == {"text/plain"}
