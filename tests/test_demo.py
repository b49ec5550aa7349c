"""What ``make demo`` prints of its measurement."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MB = 1024**2
STATS = {
    "rss_bytes": 1000 * MB,
    "limit_bytes": 8 * 1024 * MB,
    "limit_source": "auto",
    "pressure": 0.12,
    "pressure_level": "LOW",
    "baseline_bytes": 50 * MB,
    "imports_bytes": 100 * MB,
    "slack_bytes": None,
    "unattributed_bytes": 50 * MB,
    "not_resident_bytes": 0,
    "pools": {"analysis": {"used_bytes": 700 * MB}, "cache": {"used_bytes": 100 * MB}},
}


def test_the_measurement_is_told_in_the_words_of_the_notebook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import demo

    monkeypatch.delitem(sys.modules, "demo")
    lines = [" ".join(line.split()) for line in demo.headline(STATS)]
    assert lines[0] == "kernel 0.98 GB resident · limit 8 GB (auto) · LOW 0.12"
    assert "your data 0.68 GB 70%" in lines and "caches & Out 0.10 GB 10%" in lines
    assert "allocator n/a n/a" in lines
    assert "together 0.98 GB 100%" in lines
