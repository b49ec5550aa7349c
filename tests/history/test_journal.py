"""The journal of one session: what is read back after a death is the last that was written."""

from __future__ import annotations

import json
from pathlib import Path

from pmat_nb.engine.journal import Journal, read_deaths


def _dead(folder: Path) -> list[dict]:
    found = read_deaths(folder, lambda record: False, notebook="n")
    return [dict(death.record) for death in found]


def _record(**more: object) -> bytes:
    return json.dumps({"at": 1, "notebook": "n", **more}).encode()


def test_a_shorter_record_replaces_all_of_a_longer_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "one")
    journal.write(_record(line="x" * 500))
    journal.write(_record(line="y" * 50))
    journal.write(_record(line="z"))
    assert _dead(tmp_path) == [{"at": 1, "notebook": "n", "line": "z"}]


def test_the_head_can_be_replaced_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "one")
    journal.write(b'{"ended":false,"at":1,"notebook":"n"}')
    journal.write_head(b'{"ended": true')
    assert _dead(tmp_path) == [{"ended": True, "at": 1, "notebook": "n"}]


def test_no_head_over_a_record_that_was_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "one")
    journal.write(b'{"ended":false,"at":1,"notebook":"n"}')
    journal.write(_record(line="x" * 9000))
    journal.write_head(b'{"ended": true')
    assert _dead(tmp_path) == [{"ended": False, "at": 1, "notebook": "n"}]


def test_a_clean_end_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "one")
    journal.write(_record())
    journal.close()
    journal.write_head(b"{")
    assert list(tmp_path.iterdir()) == []
