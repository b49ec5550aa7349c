"""A value's text is what its option reads back as the same value."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.errors import UsageError
from pmat_nb.settings import SETTINGS, setting, spelled

ROOT = Path(__file__).resolve().parents[2]
TYPED = st.one_of(
    st.sampled_from(["auto", "off", "on", "80%", "+2GB", "0.07", "7d", "1.5GiB", "33.3%"]),
    st.integers(1, 2**50).map(str),
    st.floats(0.001, 3600, allow_nan=False).map(lambda x: f"{x:.6f}"),
    st.floats(0.01, 1.0, allow_nan=False).map(lambda x: f"{x:.12f}"),
    st.floats(0.01, 100, allow_nan=False).map(lambda x: f"{x:.4f}%"),
    st.integers(1, 4000).map(lambda x: f"{x}MB"),
)


@pytest.mark.parametrize("option", SETTINGS, ids=lambda option: option.key)
def test_defaults_read_back(option):
    assert option.parse(spelled(option, option.default)) == option.default


@given(st.sampled_from(SETTINGS), TYPED)
def test_whatever_parses_reads_back(option, text):
    try:
        value = option.parse(text)
    except UsageError:
        return
    assert option.parse(spelled(option, value)) == value


def test_text_is_what_people_type():
    for key, value, text in (
        ("cache_pool", 2 * 1024**3, "2GB"),
        ("gc_interval", 120.0, "2min"),
        ("gc_interval", 90.0, "90s"),
        ("gc_threshold", 0.8, "80%"),
        ("exact_peak", False, "off"),
    ):
        assert spelled(setting(key), value) == text


def test_the_reference_is_in_step_with_the_declarations():
    script = ROOT / "scripts" / "configuration_reference.py"
    done = subprocess.run([sys.executable, str(script), "--check"])
    assert done.returncode == 0, "run scripts/configuration_reference.py"
