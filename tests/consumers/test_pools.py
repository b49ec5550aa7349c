"""What the consumers of caches, leftovers and code say of a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.kernel import Kernel

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def empty(kernel: Kernel) -> None:
    kernel.reset()


def entry(ask: Ask, consumer: str, name: str) -> list[Any]:
    return next(e for e in ask("held", consumer) if e[0] == name)


class TestFunctoolsCaches:
    @pytest.mark.parametrize("decorator", ["lru_cache(None)", "lru_cache(8)", "cache"])
    def test_a_variables_cache_is_handed_out_as_the_function_without_a_call(
        self, decorator: str, kernel: Kernel, ask: Ask
    ) -> None:
        kernel.run(
            "import functools\nruns = []\n"
            f"@functools.{decorator}\n"
            "def made(n): runs.append(n); return results[n]\n"
            "results = {5: [5]}\nmade(5); made(5)"
        )
        _, detail, address, roots, _ = entry(ask, "functools caches", "made")
        assert (detail, address) == ("1 entries, 1 hits, 1 misses", "cache:made")
        # Its table in our hands would be one more holder of what it caches.
        assert roots == ["_lru_cache_wrapper"]
        assert kernel.value("runs") == [5]

    def test_methods_of_the_users_classes(self, kernel: Kernel, ask: Ask) -> None:
        kernel.run(
            "import functools\nclass C:\n  @staticmethod\n  @functools.cache\n"
            "  def s(n): return n\n  @functools.cache\n  def m(self): return 1\nC.s(1); C().m()"
        )
        assert {e[0] for e in ask("held", "functools caches")} == {"C.s", "C.m"}

    def test_the_users_modules_but_not_installed_ones(
        self, kernel: Kernel, ask: Ask, tmp_path: Path
    ) -> None:
        (tmp_path / "ownlib.py").write_text(
            "import functools, linecache\n@functools.cache\ndef load(n): return [n]\nload(1)\n"
        )
        kernel.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import ownlib")
        found = [(e[0], "dict" in e[3]) for e in ask("held", "functools caches")]
        assert found == [("ownlib.load", True)]
        kernel.run("sys.path.pop(0); del sys.modules['ownlib']")

    def test_an_empty_cache_is_not_listed(self, kernel: Kernel, ask: Ask) -> None:
        kernel.run("import functools\n@functools.cache\ndef f(): pass")
        assert ask("held", "functools caches") == []


class TestLastTraceback:
    def test_it_is_labelled_with_its_cell_and_hands_out_the_locals(
        self, kernel: Kernel, ask: Ask
    ) -> None:
        kernel.run("def inner(): \n    buffer = bytearray(50_000)\n    return 1 / 0")
        number = kernel.run("inner()").execution_count
        name, detail, address, roots, _ = ask("held", "last traceback")[0]
        assert name == f"traceback of In[{number}]"
        assert detail == "ZeroDivisionError in inner(), line 3"
        assert address == "temp:traceback"
        assert "bytearray" in roots

    def test_causes_and_contexts_are_followed(self, kernel: Kernel, ask: Ask) -> None:
        kernel.run(
            "def a():\n    kept = bytearray(10)\n    raise ValueError\n"
            "def b():\n    other = {1, 2}\n    try: a()\n"
            "    except ValueError as e: raise KeyError('k') from e"
        )
        kernel.run("b()")
        roots = {kind for e in ask("held", "last traceback") for kind in e[3]}
        assert {"bytearray", "set"} <= roots

    def test_the_kernels_own_frames_are_left_out(self, kernel: Kernel, ask: Ask) -> None:
        kernel.run("1 / 0")
        roots = {kind for e in ask("held", "last traceback") for kind in e[3]}
        assert "ZMQInteractiveShell" not in roots and "ExecutionResult" not in roots

    def test_what_the_error_carries(self, kernel: Kernel, ask: Ask) -> None:
        kernel.run("raise ValueError(bytearray(9))")
        entries = ask("held", "last traceback")
        assert any("tuple" in e[3] for e in entries)


class TestFigures:
    def test_open_figures_until_closed(self, kernel: Kernel, ask: Ask) -> None:
        kernel.run(
            "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
            "plt.figure(7)\nplt.figure(9)"
        )
        listed = [(e[0], e[2], e[3]) for e in ask("held", "open figures")]
        assert listed == [
            ("figure 7", "temp:figures", ["Figure"]),
            ("figure 9", "temp:figures", ["Figure"]),
        ]
        kernel.run("plt.close('all')")
        assert ask("held", "open figures") == []


class TestCode:
    def test_the_parser_cache_once_completion_has_run(self, kernel: Kernel, ask: Ask) -> None:
        kernel.run("import json")
        kernel.complete("json.lo")
        assert [e[0] for e in ask("held", "parser caches")] == ["completer's parser"]

    def test_line_cache_has_the_cells(self, kernel: Kernel, ask: Ask) -> None:
        before = len(ask("held", "linecache")[0][3])
        kernel.run("never_seen_before = 1")
        assert len(ask("held", "linecache")[0][3]) >= before + 1

    def test_changed_files_are_waste_and_cells_are_not(
        self, kernel: Kernel, ask: Ask, tmp_path: Path
    ) -> None:
        source = tmp_path / "source.py"
        source.write_text("x = 1\n" * 500)
        kernel.run("import linecache; linecache.clearcache()")
        kernel.run(f"n = len(linecache.getlines({str(source)!r}))")
        seen, unused = ask("waste", "linecache")
        assert seen > 0 and unused == 0
        source.write_text("changed\n")
        seen, unused = ask("waste", "linecache")
        assert 0 < unused <= seen
