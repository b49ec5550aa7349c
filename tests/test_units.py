import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.errors import UsageError
from pmat_nb.units import GIB, KIB, MIB, parse_duration, parse_fraction, parse_limit, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MB", 512 * MIB),
        ("8G", 8 * GIB),
        ("8Gi", 8 * GIB),
        ("1.5GiB", 3 * GIB // 2),
        ("800k", 800 * KIB),
        ("1073741824", GIB),
        (1073741824, GIB),
        (" 2 gb ", 2 * GIB),
        (".5G", GIB // 2),
        ("7B", 7),
    ],
)
def test_sizes_parse(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1GB",
        "GB",
        "8i",
        "8XB",
        "1e9",
        "nan",
        "inf",
        "1,5GB",
        "8 G B",
        True,
        None,
        "9" * 30,
    ],
)
def test_bad_sizes_name_option_value_and_example(text):
    with pytest.raises(UsageError) as caught:
        parse_size(text, option="--max-total")
    message = str(caught.value)
    assert "--max-total" in message
    assert repr(text) in message
    assert "512MB" in message


@given(st.integers(1, 2**40), st.sampled_from(["k", "M", "G", "KiB", "mb", "GiB"]))
def test_units_are_powers_of_1024(number, unit):
    power = " kmg".index(unit[0].lower())
    if number * 1024**power < 2**63:
        assert parse_size(f"{number}{unit}") == number * 1024**power


@given(st.text(max_size=12))
def test_any_text_gives_a_size_or_a_usage_error(text):
    try:
        assert parse_size(text) > 0
    except UsageError as problem:
        assert "512MB" in str(problem)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("2GB", "absolute", 2 * GIB),
        ("80%", "fraction", 0.8),
        ("+2GB", "relative", 2 * GIB),
        ("auto", "auto", 0),
        ("OFF", "off", 0),
    ],
)
def test_limits_parse(text, kind, value):
    spec = parse_limit(text)
    assert (spec.kind, spec.value) == (kind, value)


def test_limits_resolve_against_the_machine():
    figures = {"usable_bytes": 10 * GIB, "in_use_bytes": 3 * GIB}
    assert parse_limit("80%").resolve(**figures) == 8 * GIB
    assert parse_limit("+2GB").resolve(**figures) == 5 * GIB
    assert parse_limit("auto").resolve(**figures) == 10 * GIB
    assert parse_limit("4GB").resolve(**figures) == 4 * GIB
    assert parse_limit("off").resolve(**figures) is None


@pytest.mark.parametrize("text", ["0%", "120%", "+0", "+", "-5GB", "none"])
def test_bad_limits_show_every_form(text):
    with pytest.raises(UsageError, match=r"2GB, 80%, \+2GB, auto, off"):
        parse_limit(text)


@pytest.mark.parametrize("value", ["10", "+10", "300k", 10])
def test_a_limit_without_its_unit_asks_for_one(value):
    with pytest.raises(UsageError, match=r"bytes, too little.*write a unit: \d+MB or 2GB"):
        parse_limit(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604800), ("12h", 43200), ("90s", 90), ("300", 300), ("250ms", 0.25), ("5m", 300)],
)
def test_durations_parse(text, seconds):
    assert math.isclose(parse_duration(text), seconds)


@pytest.mark.parametrize("text", ["", "-1s", "7 days ago", "1y"])
def test_bad_durations(text):
    with pytest.raises(UsageError, match="7d, 12h, 90s, 300"):
        parse_duration(text, option="--cache-age")


@pytest.mark.parametrize(("text", "value"), [("0.8", 0.8), ("80%", 0.8), ("0", 0), ("100%", 1)])
def test_fractions_parse(text, value):
    assert math.isclose(parse_fraction(text), value)


@pytest.mark.parametrize("text", ["1.1", "101%", "-0.1", "x"])
def test_bad_fractions(text):
    with pytest.raises(UsageError, match=r"0\.8, 80%"):
        parse_fraction(text)
