"""What cannot be run is refused in one line, exit code 2, before a kernel starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.cli.main import main
from pmat_nb.cli.run.files import read_baseline
from pmat_nb.cli.run.junit import junit_xml
from pmat_nb.cli.run.notebooks import output_paths, read_notebook
from pmat_nb.cli.run.parameters import inject, parameters_of, typed
from pmat_nb.engine.runs.records import CellRun, NotebookRun, RunRecord
from pmat_nb.errors import UsageError

from .running import cell, write_notebook

GOOD = ["x = 1"]


@pytest.fixture(autouse=True)
def good(folder) -> Path:
    return write_notebook(Path("good.ipynb"), GOOD)


def refused(capsys, *words: str) -> str:
    assert main(["run", *words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is not JSON"),
        ("{not json", "it is not JSON"),
        ("[1, 2]", ""),
        ("{}", ""),
        ('{"nbformat": 4, "nbformat_minor": 4}', "cells"),
        ('{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{}]}', ""),
        ('{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []}', ""),
        ('{"nbformat": 3, "nbformat_minor": 0, "metadata": {}}', ""),
    ],
)
def test_what_is_no_notebook(capsys, content, reason):
    Path("bad\n..ipynb").write_text(content)
    said = refused(capsys, "bad\n..ipynb")
    assert r"'bad\n..ipynb' is not a notebook" in said and reason in said


def test_bytes_that_are_no_text_and_files_that_are_not_there(capsys):
    Path("bad.ipynb").write_bytes(b"\xff\xfe\x00")
    assert "is not a notebook: it is not UTF-8 text" in refused(capsys, "bad.ipynb")
    assert "cannot be read: No such file" in refused(capsys, "../no/such.ipynb")
    assert "cannot be read: Is a directory" in refused(capsys, ".")


def test_a_notebook_of_version_3_is_upgraded():
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "input": "x = 1",
                        "language": "python",
                        "metadata": {},
                        "outputs": [],
                    }
                ],
                "metadata": {},
            }
        ],
    }
    Path("old.ipynb").write_text(json.dumps(old))
    assert read_notebook(Path("old.ipynb")).cells[0].source == "x = 1"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "name a notebook or --scenario FILE"),
        (("good.ipynb", "--scenario", "x.toml"), "not both"),
        (("good.ipynb", "--report", "x.txt"), "does not end in .html, .json or .xml"),
        (("good.ipynb", "--report", "no/x.json"), "no folder 'no'"),
        (("good.ipynb", "--log", "-"), "the kernel writes it, to a file"),
        (("good.ipynb", "--log", "good.ipynb"), "--log: "),
        (("good.ipynb", "--report", "r.json", "--baseline", "r.json"), "--baseline"),
        (("good.ipynb", "--output-notebook", "good.ipynb"), "is not written over"),
        (("good.ipynb", "--output-notebook", "hard.ipynb"), "is not written over"),
        (("good.ipynb", "--output-notebook", "no/such/x.ipynb"), "no folder"),
        (("good.ipynb", "--baseline", "none.json"), "--update-baseline writes one"),
        (("good.ipynb", "--update-baseline"), "name the file"),
        (("good.ipynb", "--max-total", "much"), "--max-total"),
        (("good.ipynb", "--max-total", "1GB", "--memory-limit", "1GB"), "give one of them"),
        (("good.ipynb", "--limit-per-cell", "off"), "--limit-per-cell"),
        (("good.ipynb", "-p", "a b", "1"), "'a b' is no name"),
        (("good.ipynb", "-p", "class", "1"), "'class' is no name"),
        (("good.ipynb", "--timeout", "soon"), "--timeout"),
        (("good.ipynb", "--repotr", "x"), "did you mean --report?"),
    ],
)
def test_orders_that_make_no_sense(capsys, words, reason):
    Path("hard.ipynb").hardlink_to("good.ipynb")
    assert reason in refused(capsys, *words)
    assert json.loads(Path("good.ipynb").read_text())["cells"][0]["source"] == "x = 1"


def test_a_file_of_the_executed_name_that_is_not_ours(capsys):
    write_notebook(Path("good.executed.ipynb"), GOOD)
    assert "pmat-nb did not write it" in refused(capsys, "good.ipynb")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("cells = [", "is not TOML"),
        ("", "cells or notebook is needed"),
        ("cells = ['x']\nnotebook = 'good.ipynb'", "not both"),
        ("cells = 'x'", "must be a list of code"),
        ("cells = ['x']\nrepaet = 3", "did you mean repeat?"),
        ("cells = ['x']\nrepeat = 0", "repeat must be a whole number"),
        ("cells = ['x']\nrepeat = true", "repeat must be a whole number"),
        ("cells = ['x']\nkernel = 'new'", "kernel must be same or fresh"),
        ("cells = ['x']\ntimeout = 'soon'", "timeout"),
        ("cells = ['x']\n[parameters]\n'a b' = 1", "'a b' is no name"),
        ("notebook = '../no.ipynb'", "cannot be read"),
    ],
)
def test_what_is_no_scenario(capsys, content, reason):
    Path("s.toml").write_text(content)
    assert reason in refused(capsys, "--scenario", "s.toml")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": 1}', '{"schema": 99, "notebooks": []}', "\x00", "nul"]
)
def test_what_is_no_baseline(capsys, content):
    Path("b.json").write_text(content)
    assert "--baseline: 'b.json' is" in refused(capsys, "good.ipynb", "--baseline", "b.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["schema", "notebooks", "cells", "path", "scenario"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_is_a_baseline_or_refused(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("b") / "b.json"
    path.write_text(json.dumps(value))
    try:
        assert isinstance(read_baseline(path), RunRecord)
    except UsageError as refusal:
        assert "\n" not in str(refusal)


# -- parameters and files ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-3", -3), ("0.5", 0.5), ("1e3", 1000.0), ("True", True), ("true", "true"),
     ("None", None), ("", ""), ("3 kg", "3 kg"), ("[1]", "[1]")],
)  # fmt: skip
def test_values_are_read_as_papermill_reads_them(text, value):
    assert typed(text) == value and type(typed(text)) is type(value)


@given(st.text(), st.floats() | st.integers() | st.none() | st.booleans())
def test_what_is_injected_gives_the_values_back(text, value):
    made = read_notebook(write_notebook(Path("p.ipynb"), [cell("a = 0", "parameters"), "b"]))
    assert inject(made, {"a": text, "b": value})
    assert made.cells[1].metadata["tags"] == ["injected-parameters"]
    space: dict[str, object] = {}
    exec(made.cells[1].source, space)
    assert space["a"] == text
    assert space["b"] == value or space["b"] != space["b"]


def test_an_earlier_injection_is_replaced_and_raw_ones_stay_text():
    made = read_notebook(write_notebook(Path("p.ipynb"), ["b"]))
    assert not inject(made, {"a": 1})
    assert inject(made, parameters_of([("a", "2")], [("b", "3")]))
    assert [one.source for one in made.cells] == ["# Parameters\na = 2\nb = '3'", "b"]


def test_where_executed_notebooks_go():
    Path("out").mkdir()
    two = [Path("good.ipynb"), Path("b.ipynb")]
    assert output_paths(two, "off") == [None, None]
    names = [path.name for path in output_paths(two, "out")]
    assert names == ["good.executed.ipynb", "b.executed.ipynb"]
    with pytest.raises(UsageError, match="one file for 2 notebooks"):
        output_paths(two, "x.ipynb")
    with pytest.raises(UsageError, match="two notebooks would be written"):
        output_paths([Path("good.ipynb"), Path("out/good.ipynb")], "out")


@given(st.text(), st.text())
def test_junit_is_xml_whatever_the_names(name, line):
    from xml.etree import ElementTree as ET

    one = CellRun(0, "In[1]", line, "h", "failed", error=line)
    run = NotebookRun(name, None, "failed", 0.0, 0.0, None, None, None, None, (one,))
    root = ET.fromstring(junit_xml(RunRecord(1, "0", 0.0, 0.0, (run,))))
    assert root.find("testsuite").get("failures") == "1"
