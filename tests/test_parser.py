import pytest

from pmat_nb.errors import UsageError
from pmat_nb.magics.completion import complete
from pmat_nb.settings import VERBS, verb
from pmat_nb.settings.parser import HelpShown, make_parser, parse_line


@pytest.mark.parametrize("name", [v.name for v in VERBS])
def test_every_verb_has_help_that_names_every_option(name):
    declared = verb(name)
    with pytest.raises(HelpShown) as shown:
        parse_line(declared, "-h", f"%{declared.magic}")
    for option in declared.all_options():
        assert option.metavar in str(shown.value) or f"--{option.name}" in str(shown.value)


@pytest.mark.parametrize(("name", "expected"), [("limit", True), ("stats", False)])
def test_help_says_what_a_megabyte_is_where_a_size_is_asked(name, expected):
    with pytest.raises(HelpShown) as shown:
        parse_line(verb(name), "-h", f"%{verb(name).magic}")
    assert ("1 MB is 1,048,576 bytes" in str(shown.value)) == expected
    assert all(line == line.rstrip() for line in str(shown.value).splitlines())


def test_bare_watch_has_a_period_and_off_is_off():
    stats = verb("stats")
    assert parse_line(stats, "--watch", "%pmat_stats")["watch"] == 2.0
    assert parse_line(stats, "--watch 5", "%pmat_stats")["watch"] == 5.0
    assert parse_line(stats, "--watch off", "%pmat_stats")["watch"] == "off"
    assert parse_line(stats, "", "%pmat_stats")["watch"] is None


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("stats", "--detialed", ["--detialed", "--detailed"]),
        ("stats", "--by colour", ["--by", "colour", "variable"]),
        ("stats", "--watch -3", ["-3"]),
        ("stats", "--watch 0", ["--watch", "0.1"]),
        ("stats", "extra", ["'extra'", "-h"]),
        ("stats", "--output 'a", ["quote"]),
        ("vars", "--top 0", ["--top", "1"]),
        ("vars", "--top many", ["--top", "many"]),
        ("why", "", ["NAME", "-h"]),
        ("vars", "--top -3", ["--top", "-3 is below 1"]),
        ("configure", "--sizing-budget never", ["--sizing-budget", "never", "0.25s"]),
        ("cleanup", "--cache-age never", ["--cache-age", "never", "90s"]),
        ("limit", "2 GB", ["without a blank: 2GB"]),
        ("limit", "2 more", ["'more' is one word too many"]),
        ("recommend", "undo", ["'undo' is one word too many", "write --undo"]),
        ("recommend", "apply 1 2", ["'apply' is one word too many", "write --apply"]),
        ("recommend", "--apply 1,x", ["--apply", "'x' is not a whole number"]),
        ("recommend", "--apply ,", ["--apply", "',' is not a whole number"]),
        ("recommend", "--apply 1,0", ["--apply", "0 is below 1"]),
        ("configure", "--save-state on", ["write --save-state, without 'on'"]),
        ("configure", "--save-state off", ["write --no-save-state, without 'off'"]),
        ("limit", "2GB more", ["'more' is one word too many"]),
        ("configure", "--record-source all", ["--record-source", "all", "hash"]),
    ],
)
def test_bad_lines_say_what_is_wrong_and_what_works(name, line, words):
    with pytest.raises(UsageError) as caught:
        parse_line(verb(name), line, f"%{verb(name).magic}")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("rows", ["1 2", "1,2", "1, 2", "1 ,2", "1,2,"])
def test_numbers_may_have_commas_between_them(rows):
    assert parse_line(verb("recommend"), f"--apply {rows}", "%pmat_recommend")["apply"] == [1, 2]


def test_a_short_output_option_is_the_long_one():
    assert parse_line(verb("stats"), "-o -", "%pmat_stats")["output"] == "-"


def test_the_parser_never_exits():
    parser = make_parser(verb("stats"), "%pmat_stats")
    with pytest.raises(UsageError):
        parser.parse_args(["--by"])


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        ("%pmat_stats --de", "--de", ["--detailed"]),
        ("%pmat_stats --by v", "v", ["variable"]),
        ("%pmat_stats --by ", "", ["pool", "variable", "cell", "type"]),
        ("%pmat_why d", "d", ["data", "df"]),
        ("%pmat_configure --exact-peak ", "", ["on", "off"]),
        ("%other --de", "--de", []),
    ],
)
def test_tab_completes_options_values_and_variables(line, word, expected):
    assert complete(line, word, {"df": 1, "data": 2, "_hidden": 3}) == expected


def test_a_wrong_word_in_a_place_of_its_own_is_told_by_its_command():
    with pytest.raises(UsageError) as told:
        parse_line(verb("leaks"), "stopp", "%pmat_leaks")
    assert str(told.value) == (
        "%pmat_leaks: 'stopp' is not one of start, mark, stop, report; for example %pmat_leaks stop"
    )
