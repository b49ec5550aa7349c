"""The pytest plugin, as users of pytest meet it: in processes of its own, from its entry point."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest_plugins = "pytester"

MODULE = """
_registry = []

def load(name):
    _registry.append([str(i) + str(name) for i in range(200)])  # the leak

def fill():
    _registry.append([str(i) for i in range(200)])

def work(name):
    return [str(i) + str(name) for i in range(200)]
"""


@pytest.fixture
def run(isolated, pytester):
    """Run a test file beside the module `mylib`; gives pytester's result."""
    pytester.makepyfile(mylib=MODULE)

    def run(code, *arguments):
        pytester.makepyfile(test_it="import pytest, mylib\n\n" + code)
        arguments = arguments or ("-p", "no:xdist")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=120)

    yield run
    os.chdir(isolated / "work")


def test_a_leak_fails_with_the_report(run):
    result = run(
        "@pytest.mark.pmat_leaks(repeat=30)\ndef test_load():\n    mylib.load('x')\n",
        "--strict-markers",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_load*",
            "leak 0.9*mylib.py:4*",
            "*kept by: mylib._registry*list of * list*",
            "*fix:*bound mylib._registry*",
            "*your code ran * times*",
            "FAILED test_it.py::test_load - Failed: leak 0.9* mylib.py:4*",
        ]
    )
    result.stdout.no_fnmatch_line("*hidden*")


def test_clean_ones_pass_whatever_pytest_collects_of_them(run):
    result = run(
        """
import logging, warnings

class TestClean:
    @pytest.mark.pmat_leaks(repeat=30)
    @pytest.mark.parametrize("name", ["a", "b"])
    def test_method(self, name):
        mylib.work(name)

    @pytest.mark.pmat_leaks(repeat=30)
    def test_logs_and_warnings(self, caplog):
        logging.getLogger("mylib").warning("loaded " * 200)
        warnings.warn("old " * 200, DeprecationWarning)
        print("printed " * 200)
        assert len(caplog.records) == 1
"""
    )
    result.assert_outcomes(passed=3, warnings=1)


def test_fixtures_are_set_up_once_and_the_body_runs_again(run):
    result = run(
        """
runs, set_up = [], []

@pytest.fixture
def value():
    set_up.append(1)
    return object()

@pytest.mark.pmat_leaks(repeat=12)
def test_body(value):
    runs.append(id(value))

def test_counts():
    assert len(runs) == 12 and len(set(runs)) == 1 and len(set_up) == 1
"""
    )
    result.assert_outcomes(passed=2, warnings=1)


@pytest.mark.parametrize(("at", "note"), [(1, False), (4, True)])
def test_the_first_failure_is_the_tests(run, at, note):
    result = run(
        f"""
runs = []

@pytest.mark.pmat_leaks(repeat=30)
def test_body():
    runs.append(1)
    assert len(runs) != {at}

def test_count():
    assert len(runs) == {at}
"""
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f">*assert len(runs) != {at}"])
    assert (f"pmat_leaks: in run {at}" in result.stdout.str()) is note
    result.stdout.no_fnmatch_line("*checking.py*")


def test_too_few_runs_are_a_warning(run):
    result = run("@pytest.mark.pmat_leaks(repeat=6)\ndef test_load():\n    mylib.load('x')\n")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*PmatLeaksWarning: test_load may leak:", "*not enough runs*"])


def test_skips_and_expected_failures_stay_what_they_are(run):
    result = run(
        """
@pytest.mark.pmat_leaks(repeat=20)
def test_skipped():
    pytest.skip("not here")

@pytest.mark.xfail(strict=True)
@pytest.mark.pmat_leaks(repeat=30)
def test_known():
    mylib.load("x")
"""
    )
    result.assert_outcomes(skipped=1, xfailed=1)


def test_thresholds(run):
    result = run(
        """
@pytest.mark.pmat_leaks(repeat=30, min_bytes="1MB", max_time="1m")
def test_small():
    mylib.load("x")

kept = []

@pytest.mark.pmat_leaks(repeat=30)
def test_of_the_tests_own():
    kept.append(mylib.work("x"))
"""
    )
    result.assert_outcomes(passed=2)


WRONG = {
    "(30)": "pmat_leaks: 30 needs a name: @pytest.mark.pmat_leaks(repeat=40)",
    "(runs=3)": "pmat_leaks: no argument 'runs'; there are repeat*",
    "(repeat=1)": "*repeat=1 is not a whole number of at least 2*",
    "(repeat=3)": "*3 runs, of which 3 are warm-up, leave none to judge; say repeat=23",
    "(max_time='soon')": "*max_time: 'soon' is not a duration*",
    "(min_bytes=-1)": "*min_bytes: -1 is not a size*",
    "(confidence=2)": "*confidence: 2 is not a fraction*",
}


def test_a_wrong_mark_is_said_before_the_test_runs(run):
    result = run(
        "\n".join(
            f"@pytest.mark.pmat_leaks{mark}\ndef test_{at}():\n    raise SystemExit\n"
            for at, mark in enumerate(WRONG)
        )
    )
    result.assert_outcomes(errors=len(WRONG))
    result.stdout.fnmatch_lines(list(WRONG.values()))
    result.stdout.no_fnmatch_line("*Traceback*")


def test_what_cannot_be_repeated_says_so(run):
    result = run(
        """
import unittest

class TestOld(unittest.TestCase):
    @pytest.mark.pmat_leaks
    def test_method(self):
        pass

@pytest.mark.pmat_leaks
async def test_async():
    pass
"""
    )
    outcomes = result.parseoutcomes()
    assert outcomes == {"failed": 1, "errors": 1}
    result.stdout.fnmatch_lines_random(
        ["pmat_leaks: only test functions*unittest's", "pmat_leaks: async tests are not repeated*"]
    )


@pytest.mark.parametrize(("number", "expected"), [("0", 1), ("9", 9)])
def test_the_command_line_outranks_the_mark(run, number, expected):
    result = run(
        f"""
runs = []

@pytest.mark.pmat_leaks(repeat=20)
def test_body():
    runs.append(1)

def test_count():
    assert len(runs) == {expected}
""",
        f"--pmat-leaks-repeat={number}",
    )
    assert result.parseoutcomes()["passed"] == 2


def test_the_setting_is_for_marks_without_a_number(run, pytester):
    pytester.makeini("[pytest]\npmat_leaks_repeat = 8\n")
    result = run(
        """
runs = []

@pytest.mark.pmat_leaks
def test_body():
    runs.append(1)

def test_count():
    assert len(runs) == 8
"""
    )
    assert result.parseoutcomes()["passed"] == 2


def test_the_fixture(run):
    result = run(
        """
def test_loop(pmat_leaks):
    with pmat_leaks() as tracker:
        for i in range(30):
            mylib.load(i)
            tracker.mark()

def test_function(pmat_leaks):
    pmat_leaks(lambda: mylib.load(1), repeat=30)

def test_report(pmat_leaks):
    report = pmat_leaks(lambda: mylib.load(1), repeat=30, fail=False)
    assert report.leaking and report.rows[0].site == "mylib.py:4"
    assert not pmat_leaks(lambda: mylib.work(1), repeat=30).leaking

def test_error_of_the_block(pmat_leaks):
    with pytest.raises(ZeroDivisionError):
        with pmat_leaks() as tracker:
            1 / 0

def test_nothing_marked(pmat_leaks):
    with pmat_leaks():
        mylib.work(1)

def test_wrong(pmat_leaks):
    with pytest.raises(ValueError, match="repeat goes with a function"):
        pmat_leaks(repeat=3)
    with pytest.raises(ValueError, match="no argument 'runs'"):
        pmat_leaks(lambda: None, runs=3)
"""
    )
    result.assert_outcomes(failed=3, passed=3)
    result.stdout.fnmatch_lines_random(
        [
            "FAILED test_it.py::test_loop - Failed: leak 0.9* mylib.py:4*",
            "FAILED test_it.py::test_function - Failed: leak 0.9* mylib.py:4*",
            "FAILED test_it.py::test_nothing_marked - Failed: pmat_leaks: no iter*",
        ]
    )


def test_with_workers_and_reruns(run):
    result = run(
        """
runs = []

@pytest.mark.pmat_leaks(repeat=30)
def test_load():
    mylib.load("x")

@pytest.mark.pmat_leaks(repeat=6)
def test_few():
    mylib.work("x")

@pytest.mark.pmat_leaks(repeat=20)
def test_again():
    runs.append(1)
    assert len(runs) > 2
""",
        "-n2",
        "--reruns=2",
    )
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] == 1 and outcomes["passed"] == 2 and outcomes["rerun"] == 4
    result.stdout.fnmatch_lines(["*PmatLeaksWarning: test_few may leak:*"])


def test_nothing_is_left_on(run):
    result = run(
        """
import gc, logging, tracemalloc, warnings

before = warnings.showwarning

@pytest.mark.pmat_leaks(repeat=20)
def test_load():
    mylib.load("x")

def test_after():
    assert not tracemalloc.is_tracing() and gc.get_freeze_count() == 0
    assert gc.isenabled() and warnings.showwarning is before
"""
    )
    result.assert_outcomes(failed=1, passed=1)


def test_a_run_without_it_imports_nothing():
    """Nothing but the module itself, whose only import is pytest, and its package."""
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport pmat_nb.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['pmat_nb', 'pmat_nb.pytest_plugin']"


@pytest.mark.parametrize(
    "words",
    [
        ("--pmat-leaks-repeat", "-4"),
        ("--pmat-max-memory", "banana"),
        ("--pmat-max-test-memory", "10XB"),
        ("-o", "pmat_leaks_repeat=often"),
    ],
)
def test_a_wrong_option_ends_pytest_before_it_collects(run, words):
    result = run("raise SystemError('collected')\n", *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *for example*"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize("call", ["mylib.fill", "lambda: mylib.fill()", "fill_here"])
def test_what_a_helper_names_is_not_the_tests_own(run, call):
    """The module's own function names its list, and so does one in the test's file."""
    result = run(
        "kept = []\ndef fill_here():\n    kept.append([str(i) for i in range(200)])\n\n"
        f"def test_it(pmat_leaks):\n    pmat_leaks({call}, repeat=30)\n"
    )
    result.assert_outcomes(failed=1)
