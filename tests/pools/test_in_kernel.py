"""What people type, in a real kernel."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from support.kernel import Kernel

from pmat_nb.settings import VERBS

MB = 1024**2
PREPARE = """
import time, numpy as np, pmat_nb as pmat
def mb(n, value=1.0):
    return np.full(n * 131072, value)
"""


@pytest.fixture
def loaded(kernel: Kernel) -> Kernel:
    """An extension loaded anew, with nothing of the user's before it."""
    kernel.run("%unload_ext pmat_nb", silent=True)
    kernel.reset()
    assert kernel.run("%load_ext pmat_nb").status == "ok"
    assert kernel.run(PREPARE).status == "ok"
    return kernel


def ok(kernel: Kernel, code: str) -> Any:
    result = kernel.run(code)
    assert result.status == "ok", result.error
    return result


class TestCachedFunctions:
    def test_a_cell_defines_one_and_another_uses_it(self, loaded: Kernel) -> None:
        ok(
            loaded,
            "@pmat.cache(name='tdg', ttl='1h', policy='lru', max_bytes='50MB')\n"
            "def tdg(data, by=2):\n"
            "    time.sleep(0.05)\n"
            "    return data * by",
        )
        ok(loaded, "x = mb(8)\nfirst, again = tdg(x), tdg(x.copy())\ninfo = tdg.info()")
        assert loaded.value("first is again")
        assert loaded.value("[info.hits, info.misses, info.entries]") == [1, 1, 1]
        assert loaded.value("info.used_bytes") >= 8 * MB
        assert loaded.value("info.hit_rate") == 0.5
        shown = ok(loaded, "%pmat_pools --cache-stats").text
        assert "cache:tdg" in shown and "50%" in shown and "fresh for 1 h" in shown

    def test_bytes_are_charged_once_and_the_identity_holds(self, loaded: Kernel) -> None:
        ok(loaded, "@pmat.cache\ndef make(n):\n    return mb(n)\nkept = make(30); make(20)")
        ok(loaded, "s = pmat.stats()")
        pools = loaded.value("s.to_dict()['pools']")
        # What a variable holds as well is the variable's; the rest is the cache's.
        assert 30 * MB <= pools["analysis"]["used_bytes"] < 32 * MB
        assert 20 * MB <= pools["cache"]["used_bytes"] < 24 * MB
        totals = loaded.value(
            "[s.total_allocated_bytes, s.total_used_bytes, s.total_available_bytes]"
        )
        assert totals[1] >= 50 * MB and totals[0] - totals[1] == totals[2]
        identity = loaded.value(
            "s.rss_bytes - s.baseline_bytes - s.imports_bytes - s.slack_bytes"
            " - s.unattributed_bytes - sum(p['used_bytes'] for p in s.to_dict()['pools'].values())"
        )
        assert identity == 0
        assert pools["cache"]["growth"] == "adaptive"
        assert pools["cache"]["limit_bytes"] == 1024 * MB
        assert pools["analysis"]["capacity_bytes"] is None

    def test_defining_it_anew_begins_anew(self, loaded: Kernel) -> None:
        cell = "@pmat.cache\ndef f(n):\n    return mb(n)\nf(5)\nf.info().misses"
        assert ok(loaded, cell).text == "1"
        assert ok(loaded, cell).text == "1"
        assert loaded.value("len(pmat.pools['cache'].caches())") == 1

    def test_an_argument_that_cannot_be_told_apart(self, loaded: Kernel) -> None:
        ok(loaded, "class Model: pass\n@pmat.cache\ndef run(model): return 1")
        result = loaded.run("run(Model())")
        assert result.status == "error" and "key=" in str(result.error)
        assert "model" in str(result.error)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("ttl='soon'", "7d"),
            ("policy='best'", "adaptive"),
            ("max_bytes='much'", "512MB"),
            ("name=''", "tdg"),
            ("key=3", "function"),
        ],
    )
    def test_bad_arguments(self, loaded: Kernel, arguments: str, words: str) -> None:
        result = loaded.run(f"@pmat.cache({arguments})\ndef f(): pass")
        assert result.status == "error" and words in str(result.error)

    def test_unloading_leaves_the_function_and_frees_its_results(self, loaded: Kernel) -> None:
        ok(loaded, "n = 0\n@pmat.cache\ndef f(x):\n    global n; n += 1\n    return x\nf(1); f(1)")
        ok(loaded, "%unload_ext pmat_nb")
        assert ok(loaded, "f(1), f(1), n").text == "(1, 1, 3)"
        ok(loaded, "%load_ext pmat_nb")
        assert ok(loaded, "f(1), f(1), n").text == "(1, 1, 4)"

    def test_unloading_says_which_objects_that_were_put_went(self, loaded: Kernel) -> None:
        ok(loaded, "pmat.pools['cache'].put('emb', mb(20))")
        ok(loaded, "pmat.pools.create('gpu').put('w', mb(10))")
        result = ok(loaded, "%reload_ext pmat_nb")
        (line,) = [line for line in result.stderr.splitlines() if "put" in line]
        assert line.startswith("pmat_nb: 2 objects that were put in pools (30.0 MB) went with")
        assert line.endswith("cache 'emb', gpu 'w'")
        assert "put" not in ok(loaded, "%reload_ext pmat_nb").stderr

    def test_a_method_of_what_changes_is_refused_with_a_way_out(self, loaded: Kernel) -> None:
        ok(
            loaded,
            "class Model:\n    scale = 2\n    @pmat.cache\n"
            "    def predict(self, x): return self.scale * x\nmodel = Model()",
        )
        error = str(loaded.run("model.predict(1)").error)
        assert "self" in error and "key=lambda self, x: (self.name, x)" in error

    def test_a_coroutine_in_a_cell(self, loaded: Kernel) -> None:
        ok(loaded, "@pmat.cache\nasync def f(x):\n    return [x]")
        assert ok(loaded, "await f(1) is await f(1)").text == "True"


class TestPools:
    def test_the_tree_and_the_table(self, loaded: Kernel) -> None:
        ok(loaded, "pmat.pools['cache'].put('emb', mb(20))")
        text = ok(loaded, "%pmat_pools").text
        assert "Total Allocated:" in text and "Cache Pool:" in text
        assert "20 MB / 128 MB (15.6%)" in text
        assert "managed" in text and "exponential" in text
        frame = ok(loaded, "frame = %pmat_pools --format frame\nframe.set_index('pool')")
        assert "managed_bytes" in frame.text
        assert loaded.value("int(frame.set_index('pool').managed_bytes['cache'])") >= 20 * MB
        assert loaded.value("bool(frame.capacity_bytes.isna()[0])")

    def test_put_get_pin_evict(self, loaded: Kernel) -> None:
        ok(loaded, "p = pmat.pools['cache']\np.put('a', [1, 2]); p.put('b', 5, pin=True)")
        assert loaded.value("[p.get('a'), p.get('b'), p.get('c', 'none'), 'a' in p]") == [
            [1, 2],
            5,
            "none",
            True,
        ]
        assert loaded.value("[p.evict('a'), p.evict('a')]") == [True, False]
        ok(loaded, "p.clear()")
        assert loaded.value("list(p)") == ["b"]
        assert "analysis" in str(loaded.run("pmat.pools['analysis']").error)
        assert "no room" in str(loaded.run("p.set_limit('16MB'); p.put('big', mb(20))").error)

    def test_what_was_put_is_never_dropped_for_room(self, loaded: Kernel) -> None:
        ok(loaded, "@pmat.cache\ndef f(n):\n    return mb(10, n)\nfor n in range(5): f(n)")
        ok(loaded, "p = pmat.pools['cache']\nfor n in range(5): p.put(f'e{n}', mb(38, n))")
        assert loaded.value("[float(p.get(f'e{n}')[0]) for n in range(5)]") == [0, 1, 2, 3, 4]
        assert loaded.value("p.capacity_bytes") >= 190 * MB
        ok(loaded, "%pmat_configure --cache-pool 200MB")
        error = str(loaded.run("p.put('more', mb(38))").error)
        for word in ("38.0 MB", "limit 200 MB", "evict('e0')", "--cache-pool", "--allow-swap"):
            assert word in error, error
        ok(loaded, "%pmat_cleanup --aggressive")
        assert loaded.value("[len(list(p)), f.info().entries]") == [5, 0]
        ok(loaded, "%pmat_cleanup --target cache:put")
        assert loaded.value("list(p)") == []

    def test_a_smaller_limit_evicts_at_once(self, loaded: Kernel) -> None:
        ok(loaded, "@pmat.cache\ndef f(n):\n    return mb(8, n)\nfor n in range(10): f(n)")
        ok(loaded, "p = pmat.pools['cache']")
        assert loaded.value("p.used_bytes") >= 80 * MB
        ok(loaded, "%pmat_configure --cache-pool 32MB")
        assert loaded.value("p.used_bytes") <= 32 * MB
        assert loaded.value("[f.evict(9), f.evict(0)]") == [True, False]
        assert loaded.value("pmat.stats().to_dict()['pools']['cache']['limit_bytes']") == 32 * MB

    def test_a_pool_of_ones_own(self, loaded: Kernel) -> None:
        ok(loaded, "g = pmat.pools.create('gpu', limit='64MB', growth='linear')")
        ok(loaded, "g.put('w', mb(10))")
        assert loaded.value("g.capacity_bytes") == 16 * MB
        text = ok(loaded, "%pmat_pools").text
        (row,) = [line for line in text.splitlines() if "Gpu Pool:" in line]
        assert "peak 10.0 MB" in row
        record = loaded.value("pmat.stats().to_dict()['pools']['gpu']")
        assert record["used_bytes"] >= 10 * MB and record["growth"] == "linear"
        text = ok(loaded, "%pmat_pools --reset gpu").text
        (row,) = [line.split() for line in text.splitlines() if line.split()[:1] == ["gpu"]][1:]
        assert row[1:5] == ["0", "B", "0", "B"]
        for wrong, words in (
            ("create('gpu')", "there is a pool"),
            ("create('a b')", "no name"),
            ("create('x', limit='much')", "512MB"),
            ("create('x', growth='fast')", "exponential"),
        ):
            assert words in str(loaded.run(f"pmat.pools.{wrong}").error)

    def test_analyze_names_figures_and_commands(self, loaded: Kernel) -> None:
        ok(loaded, "%pmat_configure --cache-pool 64MB")
        ok(loaded, "@pmat.cache\ndef f(n):\n    return mb(6, n)\nfor n in range(200): f(n % 12)")
        text = ok(loaded, "%pmat_pools --analyze cache").text
        for word in ("peak", "average", "waste", "managed", "evicted", "cache:f", "%pmat_pools"):
            assert word in text, text
        assert "cache:f" in ok(loaded, "%pmat_pools --analyze cache:f").text
        assert "cache:f" in str(loaded.run("%pmat_pools --analyze cache:g").stderr)
        assert "analysis" in ok(loaded, "%pmat_pools --analyze analysis").text

    def test_reset_empties_and_begins_the_statistics_anew(self, fresh_kernel: Kernel) -> None:
        # In a kernel of its own: what earlier cells freed could be used again.
        loaded = fresh_kernel
        for cell in ("%load_ext pmat_nb", PREPARE):
            ok(loaded, cell)
        ok(loaded, "@pmat.cache\ndef f(n):\n    return mb(n)\nf(40), f(40)\nNone")
        ok(loaded, "rss = pmat.stats().rss_bytes")
        text = ok(loaded, "%pmat_pools --reset cache").text
        assert text.startswith("cache emptied")
        assert loaded.value("rss - pmat.stats().rss_bytes") > 35 * MB
        assert loaded.value("list(f.info()[1:3])") == [0, 0]
        assert loaded.value("pmat.pools['cache'].used_bytes") == 0

    def test_optimize_suggests_from_what_was_missed_and_apply_sets_it(self, loaded: Kernel) -> None:
        ok(loaded, "%pmat_configure --cache-pool 32MB")
        cell = (
            "import time\n@pmat.cache\ndef f(n):\n    time.sleep(0.005)\n    return mb(4, n)\n"
            "for n in range(120): f(n % 12)"
        )
        ok(loaded, cell)
        ok(loaded, "before = f.info().hit_rate")
        text = ok(loaded, "%pmat_pools --optimize").text
        assert "more hits" in text and "--apply" in text
        assert loaded.value("pmat.pools['cache'].limit_bytes") == 32 * MB
        text = ok(loaded, "%pmat_pools --optimize --apply").text
        assert "limit of cache · 32 MB →" in text
        assert loaded.value("pmat.pools['cache'].limit_bytes") > 48 * MB
        ok(loaded, "for n in range(360): f(n % 12)\nafter = f.info().hit_rate")
        assert loaded.value("after > before + 0.3")

    def test_optimize_cache_finds_the_better_policy(self, loaded: Kernel) -> None:
        ok(
            loaded,
            "@pmat.cache(policy='fifo', max_bytes='20MB')\n"
            "def f(n):\n    return mb(1, n)\n"
            "for n in range(400): f(n % 7); f(100 + n)",
        )
        text = ok(loaded, "%pmat_pools --optimize-cache").text
        assert "fifo →" in text
        ok(loaded, "%pmat_pools --optimize-cache --apply")
        assert loaded.value("f.info().policy") != "fifo"
        ok(
            loaded,
            "before = f.info()\nfor n in range(400): f(n % 7); f(1000 + n)\nafter = f.info()",
        )
        assert loaded.value("after.hits - before.hits > 1.05 * before.hits")

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("--analyze cash", "there are"),
            ("--reset nothing", "there are"),
            ("--reset analysis", "variables"),
            ("--apply", "--optimize"),
            ("--detale", "--detailed"),
        ],
    )
    def test_bad_lines_are_one_line_of_advice(self, loaded: Kernel, line: str, words: str) -> None:
        result = loaded.run(f"%pmat_pools {line}")
        assert words in result.stderr + str(result.error)
        assert "Traceback" not in result.stderr

    def test_every_example_and_form_works(self, loaded: Kernel) -> None:
        ok(loaded, "@pmat.cache\ndef f(n):\n    return mb(n)\nf(3)\nNone")
        verb = next(verb for verb in VERBS if verb.name == "pools")
        for example in (*verb.examples, "--format compact", "--format json", "--optimize-cache"):
            assert ok(loaded, f"%pmat_pools {example}").status == "ok"
        html = ok(loaded, "r = %pmat_pools --detailed\nr._repr_html_()")
        assert "cache" in html.text
        figure = ok(loaded, "%pmat_pools --plot")
        assert figure.status == "ok"
        ok(loaded, "pmat.pools['cache'].stats().to_dict()['pools']['cache']['managed_bytes']")


class TestRegistered:
    def test_an_object_with_a_function_that_empties_it(self, loaded: Kernel) -> None:
        ok(
            loaded,
            "class Cache(dict): pass\n"
            "def make():\n"
            "    c = Cache(a=mb(30)); pmat.register(c, name='mine', clear=c.clear); return c\n"
            "holder = [make()]\nhidden = lambda c=holder.pop(): len(c)",
        )
        ok(loaded, "s = pmat.stats(detailed=True)")
        items = loaded.value("[i.address for p in s.record.pools for i in p.items]")
        assert "cache:mine" in items
        ok(loaded, "%pmat_cleanup --target cache:mine")
        assert loaded.value("hidden()") == 0
        assert "taken" in str(loaded.run("pmat.register({}, name='mine', clear=print)").error)

    def test_a_consumer(self, loaded: Kernel) -> None:
        ok(
            loaded,
            "class Mine:\n    name = 'models'\n    big = mb(12)\n"
            "    def held(self):\n        yield 'weights', self.big\n"
            "mine = pmat.register(Mine(), pool='temp')",
        )
        items = loaded.value(
            "[(i.name, i.address) for p in pmat.stats().record.pools if p.name == 'temp'"
            " for i in p.items]"
        )
        assert ["weights", "temp:models"] in items

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            ("register(object())", "has no name"),
            ("register(3, name='x')", "clear="),
            ("register({}, clear=print)", "name="),
            ("register({}, pool='nowhere', name='x', clear=print)", "there is no pool"),
            ("register(type('C', (), {'name': 'c'})())", "held()"),
            ("register(type('C', (), {'name': 'c', 'held': lambda s: [1]})())", "pairs"),
            ("register(type('C', (), {'name': 'c', 'held': lambda s: 1 / 0})())", "failed"),
        ],
    )
    def test_what_does_not_keep_to_the_contract(
        self, loaded: Kernel, call: str, words: str
    ) -> None:
        result = loaded.run(f"pmat.{call}")
        assert result.status == "error" and words in str(result.error)


class TestSwapping:
    def test_entries_go_to_disk_come_back_and_files_go_at_exit(self, new_kernel: Kernel) -> None:
        kernel = new_kernel
        kernel.start()
        for cell in ("%load_ext pmat_nb", PREPARE):
            ok(kernel, cell)
        ok(kernel, "%pmat_configure --allow-swap --swap-threshold 50% --cache-pool 64MB")
        ok(kernel, "p = pmat.pools['cache']\nfor n in range(10): p.put(f'e{n}', mb(8, n))")
        assert kernel.value("p.used_bytes") <= 32 * MB
        assert kernel.value("p.caches()['put'].swapped") == 7
        assert "on disk" in ok(kernel, "%pmat_pools --cache-stats").text
        ok(kernel, "same = all((p.get(f'e{n}') == n).all() for n in range(10))")
        assert kernel.value("same")
        folders = list((kernel.folder / "home").rglob("swap/*"))
        assert [path.stat().st_mode & 0o777 for path in folders if path.is_dir()] == [0o700]
        assert list(kernel.folder.rglob("*.swap"))
        kernel.shutdown()
        assert not list(kernel.folder.rglob("*.swap"))

    def test_what_a_killed_kernel_left_is_gone_after_the_next_has_loaded(
        self, new_kernel: Kernel
    ) -> None:
        kernel = new_kernel
        kernel.start()
        for cell in ("%load_ext pmat_nb", PREPARE):
            ok(kernel, cell)
        ok(kernel, "%pmat_configure --allow-swap --swap-threshold 50% --cache-pool 64MB")
        ok(kernel, "for n in range(10): pmat.pools['cache'].put(f'e{n}', mb(8, n))")
        assert swap_files(kernel.folder)
        os.kill(kernel.pid, signal.SIGKILL)
        kernel.restart()
        ok(kernel, "%load_ext pmat_nb")
        ok(kernel, "1")
        assert not swap_files(kernel.folder)


def swap_files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.swap"))


def test_loading_brings_none_of_it_in(loaded: Kernel) -> None:
    seen = loaded.value(
        "__import__('subprocess').run([__import__('sys').executable, '-c', "
        "'from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance(); '"
        '\'s.run_line_magic("load_ext", "pmat_nb"); import sys; \''
        '\'print([m for m in sys.modules if "pools" in m or "managed" in m])\'],'
        " capture_output=True, text=True).stdout"
    )
    assert seen.strip().splitlines()[-1] == "[]"
