"""What a user types: scratch, intern and parse in cells, seen in the pools and cleaned up."""

from __future__ import annotations

import pytest
from support.kernel import Kernel


@pytest.fixture
def loaded(fresh_kernel: Kernel) -> Kernel:
    assert fresh_kernel.run("%load_ext pmat_nb\nimport pmat_nb as pmat").ok
    return fresh_kernel


def test_scratch_intern_and_parse_show_in_the_pools_and_are_cleaned_up(loaded: Kernel) -> None:
    kernel = loaded
    kernel.run("for i in range(5):\n    with pmat.scratch((500, 1000)) as buf:\n        buf[:] = i")
    kernel.run("names = [f'name {i % 7} of many' for i in range(50_000)]")
    kernel.run("assert pmat.intern(names) is names")
    assert kernel.value("len(set(map(id, names)))") == 7
    kernel.run("tree = pmat.parse('x = 1\\ny = 2\\n')")
    assert kernel.value("pmat.parse('x = 1\\ny = 2\\n') is tree")
    figures = kernel.value("{n: pmat.pools[n].used_bytes for n in ('temp', 'ast')}")
    assert figures["temp"] >= 4_000_000 and figures["ast"] > 0
    cleaned = kernel.run("%pmat_cleanup --target temp")
    assert cleaned.ok and cleaned.text and "scratch" in cleaned.text
    assert kernel.value("pmat.pools['temp'].used_bytes") == 0
    assert kernel.value("[len(names), names[8]]") == [50_000, "name 1 of many"]


def test_a_cleanup_compacts_strings_in_frames_and_changes_none(loaded: Kernel) -> None:
    kernel = loaded
    kernel.run(
        "import pandas as pd\n"
        "frame = pd.DataFrame({'a': pd.Series([f'text {i % 5} and more' for i in range(20_000)],"
        " dtype=object)})\n"
        "before = frame.a.str.len().tolist()"
    )
    assert kernel.value("len(set(map(id, frame.a)))") == 20_000
    report = kernel.run("%pmat_cleanup --target string --compact")
    assert report.ok and report.text and "equal strings made one object" in report.text
    assert kernel.value("len(set(map(id, frame.a)))") == 5
    assert kernel.value("before == frame.a.str.len().tolist() and str(frame.a.dtype)") == "object"


def test_bad_input_is_said_in_one_line(loaded: Kernel) -> None:
    for code, words in (
        ("with pmat.scratch((-1, 2)): pass", "negative"),
        ("with pmat.scratch(3, object): pass", "objects"),
        ("pmat.parse(__import__('pathlib').Path('no/such/file.py'))", "cannot be read"),
    ):
        result = loaded.run(code)
        assert result.error is not None and words in str(result.error), code
