"""Numbers to text: exact forms, and that no number whatsoever raises."""

from __future__ import annotations

import math
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.render import format as fmt
from pmat_nb.render import texts

from .examples import GIB, MIB, gb, mb

NUMBERS = st.one_of(
    st.none(),
    st.integers(),
    st.integers(min_value=10**400, max_value=10**401),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([1.797e306, -1.797e306, 1e200, 5e-324]),
)
FORMATTERS = [
    fmt.size,
    fmt.brief,
    fmt.limit,
    fmt.signed,
    fmt.percent,
    fmt.fraction,
    fmt.duration,
    fmt.count,
    fmt.moment,
    fmt.unit_of,
]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 kB"),
        (800 * 1024, "800 kB"),
        (mb(512), "512 MB"),
        (gb(6.21), "6.21 GB"),
        (gb(13.4), "13.4 GB"),
        (gb(80), "80.0 GB"),
        (1024**3 - 1, "1.00 GB"),
        (mb(1023.9), "1.00 GB"),
        (1008 * 1024, "0.98 MB"),
        (mb(1028), "1.00 GB"),
        (9_999_999, "9.54 MB"),
        (-gb(0.5), "-512 MB"),
        (None, "n/a"),
        (math.nan, "n/a"),
        (math.inf, "n/a"),
    ],
)
def test_size_reads_to_three_digits(value, text):
    assert fmt.size(value) == text


def test_a_lower_bound_is_marked():
    assert fmt.size(gb(1.2), lower=True) == "≥ 1.20 GB"
    assert fmt.brief(gb(1.2), lower=True) == "≥ 1.2 GB"
    assert fmt.size(None, lower=True) == "n/a"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (gb(7.2), None, "7.2 GB"),
        (gb(0.51), "GB", "0.51 GB"),
        (gb(18.2), None, "18.2 GB"),
        (mb(26), None, "26 MB"),
        (mb(5), "GB", "5.0 MB"),
        (gb(140), None, "140 GB"),
        (0, "GB", "0.00 GB"),
    ],
)
def test_brief_reads_in_passing(value, unit, text):
    assert fmt.brief(value, unit=unit) == text


def test_limits_have_no_trailing_zeros():
    assert [fmt.limit(gb(value)) for value in (8, 13.4, 80, 100, 0.5)] == [
        "8 GB",
        "13.4 GB",
        "80 GB",
        "100 GB",
        "512 MB",
    ]
    assert [fmt.limit(value) for value in (mb(1000), 10 * 1024**4)] == ["1000 MB", "10 TB"]


def test_changes_carry_their_sign():
    assert fmt.signed(gb(0.4), unit="GB") == "+0.40 GB"
    assert fmt.signed(-gb(5.6)) == "-5.60 GB"
    assert fmt.signed(0) == "0 B"
    assert fmt.signed(mb(3), unit="GB") == "+3.00 MB"
    assert fmt.signed(148 * 1024, unit="MB") == fmt.signed(148 * 1024) == "+148 kB"


def test_what_is_not_zero_never_reads_as_zero():
    assert fmt.percent(0.003) == "<1%"
    assert fmt.percent(-0.003) == "0%"
    assert fmt.column([gb(4.8), mb(1)])[1].strip() == "<0.01 GB"
    assert fmt.column([gb(4.8), 0])[1].strip() == "0.00 GB"


def test_a_column_is_even():
    texts = fmt.column([gb(4.8), gb(0.62), gb(13.4), None], bounds=["", "≥", "", "≥"])
    assert texts == ["  4.80 GB", "≥ 0.62 GB", " 13.40 GB", "      n/a"]


def test_what_is_tiny_in_its_column_is_readable_with_a_bound():
    bounds = ["", "≤", "≥", ""]
    texts = fmt.column([mb(173), -200 * 1024, 3 * 1024, 1024], bounds=bounds)
    assert [text.strip() for text in texts] == ["173 MB", "≤ -200 kB", "≥ 3.00 kB", "<1 MB"]


def test_a_mixed_column_lines_up_its_units():
    assert fmt.column([gb(3.1), mb(26), 56], uniform=False) == ["3.10 GB", "26.0 MB", "  56 B "]
    assert fmt.column([56, 120], uniform=False) == [" 56 B", "120 B"]
    assert fmt.column([]) == []


def test_a_fraction_agrees_with_its_level():
    assert fmt.fraction(0.7999) == "0.79"
    assert fmt.fraction(0.8) == "0.80"
    assert fmt.fraction(0.28) == "0.28"
    assert fmt.fraction(1.234) == "1.23"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (4e-7, "<1 µs"),
        (85e-6, "85 µs"),
        (0.004, "4 ms"),
        (0.11, "0.11 s"),
        (4.1, "4.1 s"),
        (31.2, "31 s"),
        (121, "2 min"),
        (3599, "1 h"),
        (3 * 3600 + 300, "3 h 5 min"),
        (86400 * 2 + 4 * 3600, "2 d 4 h"),
        (86399, "1 d"),
        (-5, "-5.0 s"),
        (None, "n/a"),
    ],
)
def test_durations(seconds, text):
    assert fmt.duration(seconds) == text


def test_times_are_iso_in_utc_with_milliseconds():
    assert fmt.iso_utc(0) == "1970-01-01T00:00:00.000Z"
    assert fmt.iso_utc(1_760_000_123.4567) == "2025-10-09T08:55:23.457Z"
    assert fmt.iso_utc(0.9996) == "1970-01-01T00:00:01.000Z"
    assert fmt.iso_utc(1e30) is None
    assert fmt.moment(0, zone=UTC) == "1970-01-01 00:00"
    assert fmt.moment(0, zone=timezone(timedelta(hours=2))) == "1970-01-01 02:00"


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.773, "███████▋"), (0.1, "█"), (0.05, "▌"), (0.02, "▏"), (0.0001, "▏"), (1.0, "█" * 10)],
)
def test_bars(share, drawn):
    assert fmt.bar(share) == drawn


def test_no_bar_for_nothing():
    assert [fmt.bar(share) for share in (0, -0.2, None, math.nan)] == ["", "", "", ""]


@given(NUMBERS)
def test_no_number_raises_and_unknown_is_na(value):
    for formatter in FORMATTERS:
        text = formatter(value)
        assert isinstance(text, str)
        assert text
    assert fmt.size(None) == fmt.percent(None) == fmt.duration(None) == fmt.fraction(None) == "n/a"
    assert isinstance(fmt.bar(value), str)


@given(NUMBERS, st.integers(min_value=0, max_value=40))
def test_a_bar_stays_in_its_width(share, width):
    assert len(fmt.bar(share, width)) <= width


@given(st.integers(min_value=0, max_value=2**62))
def test_a_size_is_within_half_a_percent(value):
    number, unit = fmt.size(value).split()
    shown = float(number) * 1024 ** ["B", "kB", "MB", "GB", "TB", "PB", "EB"].index(unit)
    assert shown == pytest.approx(value, rel=0.006, abs=0.5)


@given(st.lists(NUMBERS, max_size=8), st.booleans())
def test_a_column_has_one_width(values, uniform):
    texts = fmt.column(values, bounds=["≥"] * len(values), uniform=uniform)
    assert len(texts) == len(values)
    assert len({len(text) for text in texts}) <= 1


@given(st.text(), st.integers(min_value=0, max_value=30))
def test_cut_text_fits(text, width):
    assert texts.text_width(texts.cut(texts.clean(text), width)) <= width


@given(st.text(alphabet=st.characters()))
def test_clean_text_is_one_printable_line(text):
    shown = texts.clean(text)
    assert shown.isprintable()
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_names_are_cut_with_an_ellipsis():
    assert texts.cut("a_very_long_name", 8) == "a_very_…"
    assert texts.cut("日本語の名前", 7) == "日本語…"
    assert texts.cut("short", 8) == "short"
    assert texts.clean("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"


def test_a_locale_changes_nothing(monkeypatch):
    import locale

    monkeypatch.setattr(locale, "localeconv", lambda: {"decimal_point": ",", "thousands_sep": "."})
    assert fmt.size(GIB * 3 // 2) == "1.50 GB"
    assert fmt.count(1247 * MIB // MIB) == "1,247"
