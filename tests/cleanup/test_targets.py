"""What ``--target`` takes, and which pools are asked for it."""

from __future__ import annotations

from typing import Any

import pytest
from support.kernel import Kernel

from pmat_nb.errors import UsageError
from pmat_nb.session.targets import parse_targets, pools_of

RESPONSES = ("compact_strings", "cleanup_all", "compact_all", "emergency_cleanup")
ADDRESSES = ("cache:Out", "cache:load", "temp:figures")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ("cache", "temp")),
        ("temp", ("temp",)),
        (" Cache , temp,temp", ("cache", "temp")),
        (["all"], ("all",)),
        (("cache:Out", "ast"), ("cache:Out", "ast")),
    ],
)
def test_targets_are_read(given: Any, expected: tuple[str, ...]) -> None:
    assert parse_targets(given, ADDRESSES) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("cahe", "'cahe' is no target; did you mean cache?"),
        ("out", "did you mean cache:Out?"),
        ("cache:lod", "'cache:lod' holds nothing now; did you mean cache:load?"),
        ("xyz", "there are analysis, cache"),
        (" , ", "nothing is named"),
    ],
)
def test_a_mistake_names_what_is_near(given: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_targets(given, ADDRESSES)
    assert words in str(raised.value)


def test_options_bring_their_own_pools() -> None:
    assert pools_of(("cache", "temp"), aggressive=False, compact=False) == ("cache", "temp")
    assert pools_of(("cache",), aggressive=True, compact=False) == ("cache", "ast")
    assert pools_of(("cache:Out",), aggressive=True, compact=False) == ("cache",)
    assert pools_of(("temp",), aggressive=False, compact=True) == ("temp", "string")
    assert pools_of(("string",), aggressive=True, compact=True) == ("string",)
    assert pools_of(("analysis",), aggressive=False, compact=True) == ("string", "analysis")
    assert set(pools_of(("all",), aggressive=False, compact=False)) == {
        "analysis", "cache", "temp", "string", "ast"
    }  # fmt: skip


class TestInAKernel:
    def test_tab_completes_them(self, loaded: Kernel) -> None:
        loaded.run("import functools\n@functools.cache\ndef squared(n): return n * n\nsquared(2)")
        assert "cache:squared" in loaded.complete("%pmat_cleanup --target ca")
        assert "temp" in loaded.complete("%pmat_cleanup --target cache,te")
        assert "squared" in loaded.complete("%pmat_cleanup --target temp,cache:sq")
        assert "--aggressive" in loaded.complete("%pmat_cleanup --agg")

    def test_one_cache_by_name_and_again(self, loaded: Kernel) -> None:
        loaded.run(
            "import functools\n@functools.cache\ndef made(n): return bytearray(n)\n"
            "@functools.cache\ndef other(n): return n\nmade(20_000_000); other(1)"
        )
        report = loaded.run("%pmat_cleanup --target cache:made")
        assert "functools cache made" in str(report.text) and "other" not in str(report.text)
        assert loaded.value("[made.cache_info().currsize, other.cache_info().currsize]") == [0, 1]
        assert loaded.run("%pmat_cleanup --target cache:made").ok

    def test_parsed_trees_are_listed_once(self, loaded: Kernel) -> None:
        source = "'\\n'.join(f'x{i} = [1, 2, 3]' for i in range(2000))"
        loaded.run(f"import pmat_nb as pmat\ntree = pmat.parse({source}); del tree")
        planned = loaded.run("r = %pmat_cleanup --target ast --aggressive --dry-run")
        assert planned.ok, planned.error
        steps = [s for s in loaded.value("r.to_dict()['steps']") if s["target"] == "ast:parse"]
        assert len(steps) == 1 and steps[0]["estimated_bytes"] > 1_000_000
        addresses = "[i.address for p in pmat.stats().record.pools for i in p.items]"
        assert loaded.value(addresses).count("ast:parse") == 1

    @pytest.mark.parametrize("kind", ["cache", "lru_cache", "lru_cache(typed=True)"])
    def test_a_singleton_goes_only_by_its_name(self, loaded: Kernel, kind: str) -> None:
        loaded.run(
            f"import functools\n@functools.{kind}\ndef model(path='here'): return [path]\n"
            f"@functools.{kind}\ndef other(n): return [n]\n"
            "@functools.cache\ndef empty(n): return {}\n"
            "first = model(); other(1); empty(()); empty(2)"
        )
        sizes = "[f.cache_info().currsize for f in (model, other, empty)]"
        text = str(loaded.run("%pmat_cleanup --target all --aggressive --compact").text)
        assert "made once, without arguments" in text.replace("\n  ", " ")
        assert loaded.value(sizes) == [1, 0, 0] and loaded.value("model() is first")
        loaded.run("model('there')")
        loaded.run("%pmat_cleanup --aggressive")
        assert loaded.value(sizes) == [0, 0, 0]
        loaded.run("first = model()")
        loaded.run("%pmat_cleanup --target cache:model")
        assert loaded.value(sizes) == [0, 0, 0]

    @pytest.mark.parametrize(
        "line",
        [
            "%pmat_cleanup --compact",
            "%pmat_cleanup --target string --compact",
            "%pmat_cleanup --aggressive --compact",
            "%pmat_cleanup --target all --aggressive",
            *(f"actions.run(planned({action!r}))" for action in RESPONSES),
        ],
    )
    def test_views_are_replaced_only_where_that_is_named(self, loaded: Kernel, line: str) -> None:
        loaded.run(
            "import numpy\nfrom pmat_nb.session import current\n"
            "from pmat_nb.session.actions import Actions\n"
            "from pmat_nb.engine.responses.plan import PlannedStep\n"
            "def planned(action): return PlannedStep(action, action, 'free')\n"
            "actions = Actions(current())\n"
            "view = numpy.ones(1_000_000)[:5]; address = view.ctypes.data"
        )
        done = loaded.run(line)
        assert done.ok and "failed" not in str(done.text), done.error
        assert loaded.value("view.base is not None and view.ctypes.data == address")
        assert loaded.run("%pmat_cleanup --target analysis --compact").ok
        assert loaded.value("view.base is None and view.tolist() == [1.0] * 5")

    def test_a_mistake_is_one_line(self, loaded: Kernel) -> None:
        failed = loaded.run("%pmat_cleanup --target cahe")
        assert failed.error is not None and failed.error.ename == "UsageError"
        assert failed.error.traceback.count("\n") <= 1

    def test_an_age_that_is_unknown_is_said(self, loaded: Kernel) -> None:
        loaded.run("import functools\n@functools.cache\ndef aged(n): return [n]\naged(1)")
        text = str(loaded.run("%pmat_cleanup --cache-age 7d --aggressive").text)
        assert "n/a" in text
        assert loaded.value("aged.cache_info().currsize") == 1


def test_a_step_that_fails_does_not_keep_others_from_running(loaded: Kernel) -> None:
    loaded.run(
        "from pmat_nb.session import current\nfrom pmat_nb.consumers.base import Step, Watched\n"
        "class Foreign:\n"
        "    name, pool, done = 'foreign', 'cache', []\n"
        "    def held(self): return ()\n"
        "    def steps(self, wish):\n"
        "        def fail(): raise RuntimeError('no luck')\n"
        "        yield Step('cache:foreign', 'first', fail, 5)\n"
        "        yield Step('cache:foreign', 'second', lambda: self.done.append(1) or 'so it is')\n"
        "reporter = current().reporter()\n"
        "reporter._sources = (*reporter._sources, Watched(Foreign()))"
    )
    text = str(loaded.run("%pmat_cleanup").text)
    assert "first: failed: RuntimeError: no luck" in text and "second: so it is" in text
    assert loaded.value("Foreign.done") == [1]
    loaded.run("reporter._sources = reporter._sources[:-1]; del reporter")
