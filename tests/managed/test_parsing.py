"""Trees parsed once per content, and stale ones recognised."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from pmat_nb.consumers.base import Wish
from pmat_nb.consumers.managed.parsing import ParsePool
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.errors import UsageError


@pytest.fixture
def budget() -> Pool:
    return Pool("ast", 10_000_000, "exponential")


@pytest.fixture
def trees(budget: Pool) -> ParsePool:
    return ParsePool(budget)


def write(path: Path, text: str, at: int) -> Path:
    path.write_text(text)
    os.utime(path, ns=(at, at))
    return path


def test_the_same_content_is_parsed_once_wherever_it_stands(trees, tmp_path):
    one = write(tmp_path / "one.py", "x = 1\n", 10**18)
    other = write(tmp_path / "other.py", "x = 1\n", 10**18)
    tree = trees.parse(one)
    assert ast.dump(tree) == ast.dump(ast.parse("x = 1\n"))
    assert trees.parse(str(one)) is trees.parse(other) is trees.parse("x = 1\n") is tree


def test_a_changed_file_is_parsed_again_and_the_old_tree_goes(trees, tmp_path):
    path = write(tmp_path / "one.py", "x = 1\n", 10**18)
    before = trees.parse(path)
    write(path, "x = 22\n", 2 * 10**18)
    assert trees.stale() == [str(path)]
    assert trees.waste(1.0).fraction == 1.0
    after = trees.parse(path)
    assert after is not before and trees.stale() == []
    (held,) = trees.held()
    assert held.roots == (after,)


def test_a_tree_that_another_path_still_has_stays(trees, tmp_path):
    one = write(tmp_path / "one.py", "x = 1\n", 10**18)
    other = write(tmp_path / "other.py", "x = 1\n", 10**18)
    tree = trees.parse(one)
    trees.parse(other)
    one.unlink()
    assert trees.drop_stale() == 0 and trees.parse(other) is tree


def test_a_cleanup_drops_the_stale_and_only_when_asked_the_rest(trees, tmp_path, budget):
    gone = write(tmp_path / "gone.py", "y = 2\n", 10**18)
    trees.parse(gone)
    kept = trees.parse("z = 3\nprint(z)\n")
    assert not list(trees.steps(Wish()))
    gone.unlink()
    (step,) = trees.steps(Wish())
    assert step.estimated_bytes > 0 and step.run() == ""
    assert trees.parse("z = 3\nprint(z)\n") is kept
    (step,) = trees.steps(Wish(aggressive=True))
    step.run()
    assert budget.used_bytes == 0 and not list(trees.held())


def test_source_in_another_encoding_and_bad_source(trees, tmp_path):
    path = tmp_path / "latin.py"
    path.write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    assert trees.parse(path).body[0].value.value == "é"
    broken = write(tmp_path / "broken.py", "x = (\n", 10**18)
    with pytest.raises(SyntaxError) as caught:
        trees.parse(broken)
    assert caught.value.filename == str(broken)
    with pytest.raises(UsageError, match="cannot be read"):
        trees.parse(tmp_path / "missing.py")
    with pytest.raises((UsageError, SyntaxError)):
        trees.parse("x = '\0'\n")
    assert trees.parse("1 + 1").body and trees.parse("").body == []
