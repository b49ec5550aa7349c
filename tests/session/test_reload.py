"""What was set in a session goes on over ``%reload_ext``; what ends with the extension is said."""

from __future__ import annotations

import json

import pytest

GROWTH = {"PMAT_MEMORY_GATE_MAX_NOTEBOOK_GROWTH": "25MB"}


@pytest.fixture
def loaded(new_kernel):
    new_kernel.start(env={"PMAT_MEMORY_GATE_MAX_CELL_MEMORY": "20MB", **GROWTH})
    new_kernel.run("%load_ext pmat_nb")
    return new_kernel


def test_a_reload_keeps_what_was_set(loaded):
    loaded.run("%pmat_limit 700MB")
    loaded.run("%pmat_configure --cache-pool 123MB")
    said = loaded.run("%reload_ext pmat_nb")
    assert "over 700 MB is stopped (max_total)" in said.stdout and said.stderr == ""
    assert "700 MB" in loaded.run("%pmat_limit").text
    assert not loaded.run("x = bytearray(b'x') * 900_000_000").ok
    shown = json.loads(loaded.run("%pmat_configure --format json").text)
    assert "123MB" in json.dumps(shown)


def test_a_reload_keeps_the_cells_for_the_gate(loaded):
    loaded.run("x = bytearray(b'x') * 30_000_000")
    loaded.run("%reload_ext pmat_nb")
    said = loaded.run("%pmat_gate").error.evalue
    assert "In[2] (x = bytearray" in said and "the notebook grew by" in said


def test_loading_again_later_says_what_is_gone(loaded):
    loaded.run("%pmat_limit 700MB")
    loaded.run("%unload_ext pmat_nb")
    said = loaded.run("%load_ext pmat_nb")
    assert "no longer in force: --max-total 700MB; %pmat_configure --max-total 700MB" in said.stderr
    assert "(auto)" in said.stdout
    loaded.run("%unload_ext pmat_nb")
    assert loaded.run("%load_ext pmat_nb").stderr == ""


def test_a_count_that_begins_anew_is_not_the_same_cell(loaded):
    loaded.run("%pmat_configure --cache-pool 123MB")
    loaded.run("%unload_ext pmat_nb", silent=True)
    loaded.reset()
    said = loaded.run("%load_ext pmat_nb")
    assert "no longer in force: --cache-pool 123MB" in said.stderr
