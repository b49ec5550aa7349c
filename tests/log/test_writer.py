"""Writing the log: whole lines at once, whatever the target and the figures."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.log import LogWriter
from pmat_nb.errors import StateFileError

ROOT = Path(__file__).parents[2]


def test_a_line_is_compact_and_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    with LogWriter(path) as log:
        log.write({"pressure_level": "CRITICAL", "pools": {"cache": {"used_bytes": 3}}})
        assert (
            path.read_text() == '{"pressure_level":"CRITICAL","pools":{"cache":{"used_bytes":3}}}\n'
        )
        log.write({"rss_bytes": None})
        assert path.read_text().endswith('\n{"rss_bytes":null}\n')


def test_a_log_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    for number in range(3):
        with LogWriter(str(path)) as log:
            log.write({"n": number})
    assert path.read_text() == '{"n":0}\n{"n":1}\n{"n":2}\n'


def test_a_cut_off_last_line_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_text('{"n":0}\n{"n":')
    with LogWriter(path) as log:
        log.write({"n": 1})
    assert path.read_text() == '{"n":0}\n{"n":\n{"n":1}\n'


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    log = LogWriter("-")
    log.write({"n": 1})
    log.close()
    assert capsys.readouterr().out == '{"n":1}\n'


def test_a_stream_is_flushed_and_left_open() -> None:
    class Stream(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Stream()
    with LogWriter(stream) as log:
        log.write({"n": 1})
        log.write({"n": 2})
    assert stream.flushed == 2
    assert not stream.closed
    assert stream.getvalue() == '{"n":1}\n{"n":2}\n'


def test_the_home_is_expanded(isolated: Path) -> None:
    with LogWriter("~/log.ndjson") as log:
        log.write({})
    assert (isolated / "log.ndjson").read_text() == "{}\n"


def test_what_json_cannot_hold_becomes_null_or_text(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    with LogWriter(path) as log:
        log.write(
            {
                "nan": float("nan"),
                "parts": MappingProxyType({"psi": float("inf")}),
                "list": [1.0, -float("inf")],
                "path": Path("x"),
                "text": "\ud800 ü",
            }
        )
    assert json.loads(path.read_bytes()) == {
        "nan": None,
        "parts": {"psi": None},
        "list": [1.0, None],
        "path": "x",
        "text": "\ud800 ü",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_figures_make_one_line_of_sound_json(figures: dict[str, object]) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is not JSON")

    stream = io.StringIO()
    LogWriter(stream).write(figures)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.isascii()
    assert json.loads(text, parse_constant=refuse).keys() == figures.keys()


@pytest.mark.parametrize("name", ["", "missing/folder/log.ndjson"])
def test_a_path_that_cannot_be_opened_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(StateFileError, match=r"cannot be opened for writing: .*another path"):
        LogWriter(tmp_path / name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="another platform: /dev/full is Linux")
def test_a_full_disk_is_told_with_the_reason() -> None:
    log = LogWriter("/dev/full")
    with pytest.raises(StateFileError, match="/dev/full cannot be written: No space left"):
        log.write({"n": 1})
    log.close()


def test_writing_after_closing_is_refused(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log.ndjson")
    log.close()
    log.close()
    with pytest.raises(StateFileError, match="closed"):
        log.write({})


@pytest.mark.skipif(os.name == "nt", reason="another platform: a killed writer on POSIX")
def test_a_kill_costs_at_most_the_line_being_written(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    code = f"""
from pmat_nb.engine.log import LogWriter
log = LogWriter({str(path)!r})
number = 0
while True:
    number += 1
    log.write({{"n": number, "text": "x" * 5000}})
    if number == 50:
        print("ready", flush=True)
"""
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            child.kill()
    bad = 0
    for line in path.read_bytes().splitlines():
        try:
            json.loads(line)
        except ValueError:
            bad += 1
    assert bad <= 5
