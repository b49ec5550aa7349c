"""Options go to a kernel as the words that they were; what is shown is safe for a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.cli.printing import show
from pmat_nb.cli.words import words_of
from pmat_nb.settings import VERBS, Option, Verb
from pmat_nb.settings.parser import parse_words

LINES = {
    "cleanup": ["--target=cache,temp", "--aggressive", "--cache-age", "7d"],
    "configure": [
        "--max-total",
        "80%",
        "--cache-pool=2GB",
        "--no-allow-swap",
        "--gc-interval",
        "off",
    ],
    "pressure": ["--high", "85%", "--simulate", "critical", "--dry-run"],
    "recommend": ["--apply", "1", "2", "--top", "3"],
    "leaks": ["report", "--top", "4"],
    "stats": ["--leak-report", "--by", "type"],
}


@pytest.mark.parametrize("name", LINES)
def test_words_are_read_back_as_the_same_options(name: str) -> None:
    verb = next(verb for verb in VERBS if verb.name == name)
    options = parse_words(verb, LINES[name], name)
    assert parse_words(verb, words_of(verb, options), name) == options


def values(option: Option) -> st.SearchStrategy[Any]:
    low, high = option.minimum or 0, option.maximum or 10**9
    known: dict[str, st.SearchStrategy[Any]] = {
        "flag": st.booleans(),
        "toggle": st.sampled_from([True, False, None]),
        "switch": st.sampled_from([True, False, None]),
        "choice": st.sampled_from([*option.choices, None]),
        "count": st.none() | st.integers(int(low), int(high)),
        "size": st.none() | st.integers(1, 2**50),
        "text": st.none() | st.text(min_size=1).filter(lambda text: text.strip() == text),
    }
    return known.get(option.kind, st.none())


@given(st.data())
def test_any_options_survive(data: st.DataObject) -> None:
    verb = data.draw(st.sampled_from([verb for verb in VERBS if verb.name in LINES]))
    plain = [o for o in verb.options if not o.positional and not o.many and not o.off]
    wanted = {option.key: data.draw(values(option)) for option in plain}
    verb = Verb(verb.name, "", tuple(plain))
    found = parse_words(verb, words_of(verb, wanted), verb.name)
    assert found == wanted


@pytest.mark.parametrize("text", ["\x1b[2J", "a\rb", "\x07", "\u202eevil", "\ud800", "\x9b31m"])
def test_what_is_shown_cannot_steer_the_terminal(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show(f"name {text}\nsecond line ≥ é")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(line.isprintable() for line in lines)
    assert lines[1] == "second line ≥ é"
