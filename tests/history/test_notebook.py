from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pmat_nb.engine.history.notebook import Notebook, identify_notebook

pytestmark = pytest.mark.skipif(os.name == "nt", reason="another platform: POSIX paths")


def test_jupyter_server_comes_first() -> None:
    found = identify_notebook(
        {"JPY_SESSION_NAME": "/srv/books/tour.ipynb"},
        {"__vsc_ipynb_file__": "/other.ipynb"},
        "/srv/books",
    )
    assert found == Notebook("/srv/books/tour.ipynb", "tour.ipynb", "jupyter")


def test_a_relative_name_is_told_apart_by_the_folder() -> None:
    one = identify_notebook({"JPY_SESSION_NAME": "Untitled.ipynb"}, {}, "/a")
    two = identify_notebook({"JPY_SESSION_NAME": "Untitled.ipynb"}, {}, "/b")
    assert (one.key, two.key) == ("/a/Untitled.ipynb", "/b/Untitled.ipynb")


def test_collaborative_sessions_are_the_same_notebook() -> None:
    shared = identify_notebook({"JPY_SESSION_NAME": "/a/RTC:tour.ipynb"}, {}, "/a")
    assert shared == identify_notebook({"JPY_SESSION_NAME": "/a/tour.ipynb"}, {}, "/a")


def test_vs_code_comes_next() -> None:
    found = identify_notebook({}, {"__vsc_ipynb_file__": "/a/../b/tour.ipynb"}, "/x")
    assert found == Notebook("/b/tour.ipynb", "tour.ipynb", "vscode")


def test_else_the_working_folder(tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        found = identify_notebook({"JPY_SESSION_NAME": " "}, {})
    assert found == Notebook(str(tmp_path), tmp_path.name, "folder")
    assert identify_notebook({}, {}, "/") == Notebook("/", "/", "folder")


def test_a_deleted_working_folder_has_an_answer(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    before = Path.cwd()
    os.chdir(tmp_path / "gone")
    try:
        (tmp_path / "gone").rmdir()
        found = identify_notebook({}, {})
    finally:
        os.chdir(before)
    assert found.source == "unknown"
    assert found.key


class Hostile(str):
    def strip(self, *_: object) -> str:
        raise AssertionError("user code was called")

    __bool__ = __str__ = __fspath__ = strip  # type: ignore[assignment]


@pytest.mark.parametrize("value", [None, 3, Path("/a.ipynb"), Hostile("/a.ipynb"), ""])
def test_a_namespace_value_that_is_no_plain_text_is_ignored(value: object) -> None:
    assert identify_notebook({}, {"__vsc_ipynb_file__": value}, "/x").source == "folder"


def test_any_mapping_serves_as_namespace() -> None:
    class Namespace(Mapping[str, object]):
        def __getitem__(self, key: str) -> object:
            raise KeyError(key)

        def __iter__(self) -> Iterator[str]:
            return iter(())

        def __len__(self) -> int:
            return 0

    assert identify_notebook({}, Namespace(), "/x").source == "folder"
