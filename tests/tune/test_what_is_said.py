"""What the list and the report of ``--apply`` say, down to the code that they show."""

from __future__ import annotations

import re

import pytest

import pmat_nb
from pmat_nb.consumers.advice.equal_strings import EqualStrings
from pmat_nb.engine.recommendation_records import Applied, ApplyRecord, Recommendation
from pmat_nb.render.recommendations import ApplyReport
from tune.scenes import found_by, run, scene_of


def row(number: int, undo: str) -> Recommendation:
    return Recommendation(number, "kind", "what", "why", "code", 1, "all", "none", "a", True, undo)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({1: "done"}, "takes it back"),
        ({1: "done", 2: "done"}, "takes them back"),
        ({1: "done", 20: "done"}, "takes row 1 back"),
        ({1: "done", 20: "done", 3: "done"}, "takes rows 1 and 3 back"),
        ({1: "done", 20: "done", 3: "failed"}, "takes row 1 back"),
        ({20: "done"}, ""),
        ({1: "undone"}, ""),
    ],
)
def test_what_undo_would_take_back_is_told(rows: dict[int, str], said: str) -> None:
    # Those from 20 on cannot be undone.
    applied = tuple(Applied(row(n, "back" * (n < 20)), state) for n, state in rows.items())
    undoing = "undone" in rows.values()
    text = str(ApplyReport(ApplyRecord(applied, undoing, 1, 1)))
    assert re.findall("--undo (.*)", text) == ([said] if said else [])


def texts() -> list[str]:
    return [f"key {at % 20}" for at in range(60_000)]


@pytest.mark.parametrize("called", ["pmat", "pmat_nb", ""])
def test_the_code_names_the_package_as_the_user_does(called: str) -> None:
    names = {"texts": texts(), **({called: pmat_nb} if called else {})}
    scene = scene_of(names)
    (found,) = found_by(EqualStrings(), scene)
    module = called or '__import__("pmat_nb")'
    assert found.action == f"{module}.intern(texts)"
    assert found.check() == ""
    run(scene, found.action)
    assert len(set(map(id, names["texts"]))) == 20


def test_a_name_for_the_package_that_is_gone_is_not_used() -> None:
    names = {"pmat": pmat_nb, "texts": texts()}
    (found,) = found_by(EqualStrings(), scene_of(names))
    del names["pmat"]
    assert "pmat does not stand for" in found.check()
