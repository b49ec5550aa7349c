"""Summing up logs: sound, damaged, odd, and very long ones."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmat_nb.engine.log import LogAnalysis, LogWriter, analyze_log
from pmat_nb.engine.log_lines import parse_timestamp
from pmat_nb.errors import StateFileError
from pmat_nb.units import GIB, MIB

START = datetime(2026, 1, 31, 12, 0, 0, 123_000, tzinfo=UTC).timestamp()


def stamp(at_s: float) -> str:
    return datetime.fromtimestamp(START + at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def line(at_s: float, rss: int | None = GIB, **more: object) -> dict[str, object]:
    return {
        "timestamp": stamp(at_s),
        "rss_bytes": rss,
        "tree_bytes": rss,
        "limit_bytes": 8 * GIB,
        "limit_source": "container limit",
        "pressure_level": "LOW",
        "cell": None,
        **more,
    }


def ran(number: int, growth: int | None, peak: int | None, **more: object) -> dict[str, object]:
    return {
        "execution_count": number,
        "label": f"In[{number}]",
        "first_line": f"step({number})",
        "duration_s": 1.5,
        "growth_bytes": growth,
        "peak_bytes": peak,
        "peak_kind": "exact",
        "failed": False,
        **more,
    }


def write(path: Path, lines: Iterable[dict[str, object]], tail: str = "") -> LogAnalysis:
    with LogWriter(path) as log:
        for item in lines:
            log.write(item)
    with path.open("a") as file:
        file.write(tail)
    return analyze_log(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.ndjson"


def test_a_log_is_summed_up(path: Path) -> None:
    found = write(
        path,
        [
            line(0, GIB),
            line(10, 2 * GIB, tree_bytes=5 * GIB, pressure_level="HIGH"),
            line(15, 3 * GIB, pressure_level="CRITICAL"),
            line(16, 3 * GIB),
            line(20, GIB),
        ],
    )
    assert (found.lines, found.skipped, found.problems) == (5, 0, ())
    assert found.started_at == pytest.approx(START)
    assert found.duration_s == pytest.approx(20)
    assert found.rss_peak == (3 * GIB, pytest.approx(START + 15))
    assert found.tree_peak == (5 * GIB, pytest.approx(START + 10))
    assert found.level_s == pytest.approx({"LOW": 14, "MEDIUM": 0, "HIGH": 5, "CRITICAL": 1})
    assert (found.limit_bytes, found.limit_source) == (8 * GIB, "container limit")
    assert (found.gap_s, found.cells, found.limit_stops) == (0, 0, None)


def test_the_costliest_cells_are_found_and_repeats_count_once(path: Path) -> None:
    cells = [
        ran(1, 10, 500),
        ran(2, 300, 400),
        ran(2, 300, 400),
        ran(3, -50, 900),
        ran(4, None, None),
    ]
    found = write(path, [line(at, cell=cell) for at, cell in enumerate(cells)])
    assert found.cells == 4
    assert found.worst_growth is not None
    assert found.worst_peak is not None
    assert (found.worst_growth.label, found.worst_growth.growth_bytes) == ("In[2]", 300)
    assert found.worst_growth.at == pytest.approx(START + 1)
    assert (found.worst_peak.label, found.worst_peak.peak_bytes) == ("In[3]", 900)
    assert found.worst_peak.first_line == "step(3)"
    assert found.limit_stops is None


def test_limit_stops_are_counted_where_the_log_tells(path: Path) -> None:
    cells = [
        ran(1, 1, 1, stopped=False),
        ran(2, 1, 1, stopped=True, failed=True),
        ran(3, 1, 1, error="MemoryLimitExceeded"),
        ran(4, 1, 1, error="ValueError"),
    ]
    assert write(path, [line(at, cell=cell) for at, cell in enumerate(cells)]).limit_stops == 2


def test_a_cut_off_last_line_is_reported_and_skipped(path: Path) -> None:
    found = write(path, [line(0), line(1)], tail=json.dumps(line(2))[:50])
    assert (found.lines, found.skipped) == (2, 1)
    assert found.problems == ("line 3 is cut off, its writer was stopped in the middle; skipped",)


def test_a_last_line_that_only_lacks_its_newline_counts(path: Path) -> None:
    found = write(path, [line(0)], tail=json.dumps(line(9)))
    assert (found.lines, found.problems) == (2, ())
    assert found.duration_s == pytest.approx(9)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{oops", "line 2 is not JSON (Expecting property name"),
        ("[1,2]", "line 2 is not a JSON object; skipped"),
        ('{"rss_bytes":3}', "line 2 has no timestamp; skipped"),
        ('{"timestamp":"soon"}', "line 2 has no timestamp; skipped"),
        ("[" * 100_000, "line 2 is not JSON; skipped"),
        ('{"timestamp":' + "9" * 5000 + "}", "line 2 is not JSON; skipped"),
        ("\udcff", "line 2 is not JSON; skipped"),
    ],
)
def test_a_bad_line_in_the_middle_is_named(path: Path, bad: str, said: str) -> None:
    lines = [json.dumps(line(0)), bad, "", json.dumps(line(5))]
    path.write_bytes("\n".join(lines).encode(errors="surrogateescape") + b"\n")
    found = analyze_log(path)
    assert (found.lines, found.skipped) == (2, 1)
    assert found.problems[0].startswith(said)
    assert found.duration_s == pytest.approx(5)


def test_many_bad_lines_are_counted_but_not_all_named(path: Path) -> None:
    found = write(path, [line(0)], tail="oops\n" * 1000)
    assert (found.skipped, len(found.problems)) == (1000, 20)


def test_an_endless_line_is_skipped_without_loading_it(path: Path) -> None:
    with path.open("w") as file:
        file.write(json.dumps(line(0)) + "\n")
        for _ in range(40):
            file.write("x" * MIB)
        file.write("\n" + json.dumps(line(1)) + "\n")
    tracemalloc.start()
    found = analyze_log(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.lines == 2
    assert found.problems == ("line 2 is too long; skipped",)
    assert peak < 16 * MIB


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a pmat_nb log: it is empty"),
        (b"\n\n", "is not a pmat_nb log: it is empty"),
        (b"name,size\na,1\n", "is not a pmat_nb log: line 1 is not JSON"),
        (b'{"a":1}\n{"a":2}\n', "is not a pmat_nb log: line 1 has no timestamp"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 500, "is not a pmat_nb log: line 1"),
        (b"\x1f\x8b\x08" + b"\n" * 10, "is not a pmat_nb log: line 1"),
    ],
)
def test_what_is_no_log_is_refused(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(StateFileError) as error:
        analyze_log(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "--watch --output" in str(error.value)


def test_a_large_file_that_is_no_log_is_given_up_soon(path: Path) -> None:
    path.write_text("no log\n" * 2_000_000)
    lines_read = 0

    def count(*_: object) -> None:
        nonlocal lines_read
        lines_read += 1

    with pytest.raises(StateFileError), pytest.MonkeyPatch.context() as patch:
        patch.setattr("pmat_nb.engine.log_lines._parse", lambda text: count() or "is not JSON")
        analyze_log(path)
    assert lines_read <= 200


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, kind: str) -> None:
    target = tmp_path if kind == "folder" else tmp_path / "missing.ndjson"
    with pytest.raises(StateFileError, match=r"cannot be read: (No such file|Is a directory)"):
        analyze_log(target)


def test_times_may_be_epoch_numbers_and_other_iso_forms() -> None:
    moment = START
    assert parse_timestamp("2026-01-31T12:00:00.123Z") == pytest.approx(moment)
    assert parse_timestamp("2026-01-31T13:00:00.123+01:00") == pytest.approx(moment)
    assert parse_timestamp("2026-01-31T12:00:00.123") == pytest.approx(moment)
    assert parse_timestamp(moment) == moment
    assert parse_timestamp(1769860800) == 1769860800.0
    for bad in (None, True, "", "soon", -1, 1e300, float("nan"), [], 10**400):
        assert parse_timestamp(bad) is None


def test_a_long_pause_belongs_to_no_level(path: Path) -> None:
    found = write(path, [line(0), line(100), line(100 + 7200), line(7400)])
    assert found.gap_s == pytest.approx(7200)
    assert found.level_s["LOW"] == pytest.approx(200)
    assert found.duration_s == pytest.approx(7400)


def test_a_clock_set_back_is_noted_once(path: Path) -> None:
    found = write(path, [line(0), line(100), line(50), line(40), line(60)])
    assert found.problems == ("line 3 is older than the line before it; used",)
    assert found.level_s["LOW"] == pytest.approx(120)
    assert found.duration_s == pytest.approx(100)


def test_unknown_levels_and_odd_values_are_unknown(path: Path) -> None:
    odd = line(0, pressure_level="ENORMOUS", rss_bytes="much", tree_bytes=True, cell=[1])
    worse = line(
        5, None, pressure_level=["LOW"], tree_bytes=1e300, limit_bytes={}, cell={"label": 3}
    )
    found = write(path, [odd, worse, line(6, None)])
    assert sum(found.level_s.values()) == 0
    assert found.rss_peak is found.tree_peak is None
    assert found.trend.trend is False


def test_steady_growth_is_a_trend_with_its_slope(path: Path) -> None:
    rng = random.Random(5)
    found = write(
        path,
        [line(10 * n, GIB + n * MIB + rng.randrange(-MIB // 4, MIB // 4)) for n in range(500)],
    )
    assert found.trend.trend
    assert found.trend.slope_bytes_per_hour == pytest.approx(360 * MIB, rel=0.01)
    assert found.trend.low is not None
    assert found.trend.high is not None
    assert found.trend.low <= 360 * MIB <= found.trend.high
    assert 128 <= found.trend.samples <= 256


def test_noise_and_flat_logs_have_no_trend_and_say_why(path: Path, tmp_path: Path) -> None:
    rng = random.Random(6)
    noisy = write(path, [line(n, GIB + rng.randrange(200 * MIB)) for n in range(300)])
    assert (noisy.trend.trend, noisy.trend.reason) == (
        False,
        "the readings differ too much to tell growth from chance",
    )
    flat = write(tmp_path / "flat", [line(n, GIB + n) for n in range(300)])
    assert flat.trend.reason == "flat: less than 1 MB from start to end"
    short = write(tmp_path / "short", [line(n, GIB * n) for n in range(3)])
    assert short.trend.reason == "too few readings: 3, and at least 6 are needed"


def test_memory_stays_constant_however_long_the_log(path: Path) -> None:
    with LogWriter(path) as log:
        for number in range(12_000):
            log.write(line(number / 10, GIB + number, cell=ran(number, 1, 1)))
    tracemalloc.start()
    found = analyze_log(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.lines == 12_000
    assert found.cells == 12_000
    assert peak < 4 * MIB  # of which the pairs of the sample take most


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.floats(0, 3600), st.sampled_from(["LOW", "MEDIUM", "HIGH"])), min_size=1)
)
def test_time_per_level_adds_up(tmp_path: Path, steps: list[tuple[float, str]]) -> None:
    path = tmp_path / "log.ndjson"
    path.unlink(missing_ok=True)
    at, lines = START, []
    for step, level in steps:
        at += step
        lines.append(line(0, timestamp=at, pressure_level=level))
    found = write(path, lines)
    assert sum(found.level_s.values()) == pytest.approx(found.duration_s, abs=1e-3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_ends_in_a_summary_or_a_refusal(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "log.ndjson"
    sound = "".join(
        json.dumps(line(n, cell=ran(n, n, n)), separators=(",", ":")) + "\n" for n in range(8)
    )
    content = bytearray(sound.encode())
    flips = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(flips, max_size=20)):
        content[place] = value
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = analyze_log(path)
    except StateFileError:
        return
    assert found.lines >= 1
    assert found.duration_s >= 0
