"""After a cleanup IPython works as before: what is next displayed, debugged, looked up."""

from __future__ import annotations

import pytest
from support.kernel import Kernel

MARK = "class Mark: pass"
OUTPUTS = "getattr(get_ipython().history_manager, 'outputs', {})"
# Whether any object of the class is alive, wherever it is held.
ALIVE = "import gc; gc.collect(); sum(type(o).__name__ == 'Mark' for o in gc.get_objects())"


@pytest.fixture
def marked(loaded: Kernel) -> Kernel:
    """Nothing displayed, printed or failed before, and a class whose objects can be counted."""
    loaded.run("%reset -f")
    loaded.run("%load_ext pmat_nb")
    loaded.run("%pmat_cleanup --target all --aggressive")
    loaded.run(MARK)
    assert alive(loaded) == 0
    return loaded


def alive(kernel: Kernel) -> int:
    found = kernel.value(f"[exec({ALIVE[: ALIVE.rindex(';')]!r}), {ALIVE.rpartition(';')[2]}][1]")
    assert isinstance(found, int)
    return found


def clean(kernel: Kernel, options: str = "") -> str:
    result = kernel.run(f"%pmat_cleanup {options}")
    assert result.ok, result.error
    return result.text or ""


class TestDisplayedObjects:
    def test_a_plain_cleanup_leaves_what_can_be_reached(self, marked: Kernel) -> None:
        number = marked.run("Mark()").execution_count
        text = clean(marked)
        assert "displayed objects" in text and "--aggressive" in text
        assert marked.run(f"type(Out[{number}]).__name__, type(_{number}).__name__").ok
        assert alive(marked) == 1

    def test_reset_leaves_three_that_a_plain_cleanup_lets_go(self, marked: Kernel) -> None:
        for _ in range(4):
            marked.run("Mark()")
        marked.run("%reset -f out")
        assert alive(marked) > 0
        text = clean(marked)
        assert "gone from Out" in text
        assert alive(marked) == 0

    @pytest.mark.parametrize("options", ["--aggressive", "--target cache:Out"])
    def test_an_aggressive_one_lets_go_of_every_holder(self, marked: Kernel, options: str) -> None:
        first = marked.run("Mark()").execution_count
        marked.run("[Mark()]")
        marked.run("Mark(); Mark()")
        clean(marked, options)
        assert alive(marked) == 0
        assert marked.run(f"Out[{first}]").error.ename == "KeyError"  # type: ignore[union-attr]
        assert marked.run(f"_{first}").error.ename == "NameError"  # type: ignore[union-attr]

    @pytest.mark.parametrize("options", ["", "--aggressive --compact", "--target all"])
    def test_the_next_outputs_are_as_ever(self, marked: Kernel, options: str) -> None:
        marked.run("'before'")
        clean(marked, options)
        number = marked.run("40 + 2").execution_count
        assert marked.run("_").text == "42"
        assert marked.run(f"Out[{number}], _{number}").text == "(42, 42)"
        assert marked.run("'x'").text == "'x'"
        assert marked.run("__").text == "(42, 42)"

    def test_a_variable_that_was_displayed_stays(self, marked: Kernel) -> None:
        marked.run("kept = Mark()")
        marked.run("kept")
        clean(marked, "--aggressive --compact")
        assert alive(marked) == 1 and marked.value("type(kept).__name__") == "Mark"

    def test_an_underscore_of_the_users_stays(self, marked: Kernel) -> None:
        marked.run("_ = 'mine'")
        marked.run("'displayed'")
        clean(marked, "--aggressive")
        assert marked.run("_").text == "'mine'"
        if marked.value("__import__('IPython').version_info[0]") >= 9:
            # Earlier ones take `_` over again only when `__` is deleted as well.
            marked.run("del _")
            marked.run("1 + 1")
            assert marked.run("_").text == "2"

    def test_out_that_the_user_took_over_is_not_touched(self, marked: Kernel) -> None:
        marked.run("old = Out; Out = {'mine': 1}")
        marked.run("Mark()")
        clean(marked, "--aggressive")
        assert alive(marked) == 0
        assert marked.value("Out") == {"mine": 1}
        marked.run("Out = old; del old")


class TestErrors:
    FAILS = "def fails():\n    local = Mark()\n    raise ValueError('x')"

    @pytest.mark.parametrize("options", ["", "--target temp", "--target all", "--compact"])
    def test_a_plain_cleanup_leaves_what_debug_needs(self, marked: Kernel, options: str) -> None:
        marked.run(self.FAILS)
        marked.run("fails()")
        text = clean(marked, options)
        assert "frames of the last error" in text
        assert "%debug needs them; --aggressive" in text.replace("\n  ", " ")
        again = marked.run("%tb").error
        assert again is not None and "local = Mark()" in again.traceback
        # What %debug starts from: without it, it says that there is no traceback.
        tail = "[f.f_code.co_name for f, _ in traceback.walk_tb(sys.last_traceback)][-1]"
        assert marked.run(f"import sys, traceback\n{tail}").text == "'fails'"
        assert marked.value("get_ipython().InteractiveTB.tb is not None")
        assert alive(marked) == 1

    @pytest.mark.parametrize("level", ["medium", "high", "critical"])
    def test_no_response_by_default_takes_it_away(self, marked: Kernel, level: str) -> None:
        marked.run(self.FAILS)
        marked.run("fails()")
        assert marked.run(f"%pmat_pressure --simulate {level}").ok
        again = marked.run("%tb").error
        assert again is not None and again.ename == "ValueError" and alive(marked) == 1

    @pytest.mark.parametrize("options", ["--aggressive", "--target temp:traceback"])
    def test_who_asks_for_it_lets_go_of_the_frames(self, marked: Kernel, options: str) -> None:
        marked.run(self.FAILS)
        marked.run("fails()")
        assert alive(marked) == 1
        assert "frames of the last error" in clean(marked, options)
        assert alive(marked) == 0
        for line in ("%debug", "%tb"):
            result = marked.run(line)
            assert result.ok, result.error
            assert "No traceback" in result.stdout + result.stderr

    def test_an_error_before_the_last_goes_in_the_plain_form(self, marked: Kernel) -> None:
        marked.run(self.FAILS)
        marked.run("fails()")
        # A wrong option leaves the earlier error's traceback in InteractiveTB.
        marked.run("%pmat_vars --no-such-option")
        held = alive(marked)
        clean(marked)
        assert held == 1 and alive(marked) == 0

    def test_those_of_a_chain_too(self, marked: Kernel) -> None:
        marked.run(
            "def inner():\n    deep = Mark()\n    raise ValueError('x')\n"
            "def outer():\n    local = Mark()\n    try: inner()\n"
            "    except ValueError as error: raise KeyError('y') from error"
        )
        marked.run("outer()")
        assert alive(marked) == 2
        clean(marked)
        assert alive(marked) == 2
        clean(marked, "--aggressive")
        assert alive(marked) == 0

    def test_what_our_own_frame_was_given_is_the_errors(self, marked: Kernel) -> None:
        marked.run("import numpy, pmat_nb as pmat\nC = pmat.pools['cache']")
        marked.run("pmat.pools.create('tiny', limit='1MB')\nC = pmat.pools['tiny']")
        failed = marked.run("C.put('toobig', numpy.ones(10_000_000))")
        assert failed.error is not None and failed.error.ename == "UsageError"
        items = "[i.used_bytes for p in pmat.stats().record.pools for i in p.items"
        (held,) = marked.value(f"{items} if i.address == 'temp:traceback']")
        assert 80_000_000 <= held < 82_000_000
        clean(marked, "--target temp:traceback")
        assert marked.value(f"{items} if i.address == 'temp:traceback']") == []

    def test_an_error_that_a_variable_holds_stays_whole(self, marked: Kernel) -> None:
        marked.run(
            "def fails():\n    local = Mark()\n    raise ValueError('x')\n"
            "try: fails()\nexcept ValueError as error: saved = error; raise"
        )
        clean(marked, "--aggressive --compact")
        found = "import traceback\n[f.f_locals['local'] for f, _ in traceback.walk_tb("
        found += "saved.__traceback__) if f.f_code.co_name == 'fails']"
        assert "Mark" in str(marked.run(found).text)

    def test_the_next_error_can_be_debugged(self, marked: Kernel) -> None:
        marked.run("1 / 0")
        clean(marked, "--aggressive")
        assert marked.run("%debug").ok and marked.run("%tb").ok
        failed = marked.run("def f(x):\n    return x.missing\nf(3)")
        assert failed.error is not None and failed.error.ename == "AttributeError"
        again = marked.run("%tb").error
        assert again is not None and "x.missing" in again.traceback
        assert marked.run("import sys; sys.last_value.name").text == "'missing'"
        assert marked.value("get_ipython().InteractiveTB.tb is not None")

    def test_a_cleanup_in_the_cell_that_then_fails(self, marked: Kernel) -> None:
        result = marked.run("%pmat_cleanup --aggressive\nx = 5\n1 / 0")
        assert result.error is not None and result.error.ename == "ZeroDivisionError"
        assert marked.value("x") == 5

    def test_a_cleanup_while_an_error_is_handled(self, marked: Kernel) -> None:
        result = marked.run(
            "import pmat_nb, traceback\ntry: 1 / 0\nexcept ZeroDivisionError:\n"
            "    pmat_nb.cleanup(aggressive=True)\n    text = traceback.format_exc()\n"
            "'ZeroDivisionError' in text"
        )
        assert result.text == "True", result.error


class TestHistory:
    @pytest.mark.parametrize(("size", "stays"), [(100_000, True), (3_000_000, False)])
    def test_only_much_printed_text_goes(self, marked: Kernel, size: int, stays: bool) -> None:
        small = marked.run("print('small')").execution_count
        large = marked.run(f"print('a' * {size})").execution_count
        marked.run("'shown'")
        text = clean(marked)
        if marked.value(f"{small} in {OUTPUTS}"):  # IPython keeps printed text since 9.1
            assert marked.value(f"{large} in {OUTPUTS}") is stays
            assert "%notebook writes it" in text
            assert marked.run("%notebook written.ipynb").ok
            written = marked.value("open('written.ipynb').read()")
            assert "small" in written and ("aaaaaaaa" in written) is stays

    def test_printed_text_goes_and_history_calls_work(self, marked: Kernel) -> None:
        first = marked.run("print('a' * 1_000_000)").execution_count
        marked.run("'shown'")
        clean(marked, "--aggressive")
        cells = f"{OUTPUTS}.values()"
        assert marked.value(f"sum(len(str(o.bundle)) for c in {cells} for o in c)") < 100_000
        for line in (f"%history -o -n {first}-{first + 1}", "%history -n", "%recall 1", "In[-2]"):
            assert marked.run(line).ok, line
        assert "1_000_000" in marked.run(f"In[{first}]").text  # type: ignore[operator]

    def test_output_of_the_running_cell_is_kept_with_it(self, marked: Kernel) -> None:
        result = marked.run("print('one')\n%pmat_cleanup --aggressive\nprint('two')")
        assert result.ok and result.stdout == "one\ntwo\n"
        assert marked.run("print('three')").stdout == "three\n"

    def test_the_notebook_can_still_be_written(self, marked: Kernel) -> None:
        marked.run("print('text')")
        clean(marked, "--aggressive")
        result = marked.run("%notebook written.ipynb")
        assert result.ok, result.error
        assert marked.run("import json; 'cells' in json.load(open('written.ipynb'))").text == "True"

    def test_lines_of_cells_stay_for_tracebacks(self, marked: Kernel) -> None:
        marked.run("def fails(x):\n    return 1 / x  # this very line")
        clean(marked, "--target all --aggressive --compact")
        failed = marked.run("fails(0)")
        assert failed.error is not None and "# this very line" in failed.error.traceback
