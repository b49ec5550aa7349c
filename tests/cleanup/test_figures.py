"""Which figures a cleanup closes, and that the others are shown as ever."""

from __future__ import annotations

from support.kernel import Kernel

OPEN = "plt.get_fignums()"


def test_a_figure_of_the_running_cell_is_still_shown(loaded: Kernel) -> None:
    loaded.run("%matplotlib inline\nimport matplotlib.pyplot as plt")
    result = loaded.run("plt.plot([1, 2])\n%pmat_cleanup --aggressive\nplt.plot([2, 1]);")
    assert result.ok, result.error
    assert sum("image/png" in shown for shown in result.displays) == 1
    assert loaded.value(OPEN) == []


def test_what_inline_cannot_show_any_more_goes_without_being_asked(loaded: Kernel) -> None:
    loaded.run("%matplotlib inline\nimport matplotlib.pyplot as plt")
    loaded.run("plt.ioff()\nfor n in range(3): fig = plt.figure()")
    assert len(loaded.value(OPEN)) == 3
    text = str(loaded.run("%pmat_cleanup --target temp").text)
    # The current one stays: pyplot's functions draw on it.
    assert "open figures (2)" in text and len(loaded.value(OPEN)) == 1
    assert loaded.run("fig.gca().plot([1]); fig.canvas.draw(); plt.ion()").ok
    loaded.run("%pmat_cleanup --aggressive")
    assert loaded.value(OPEN) == []
    assert loaded.run("fig.canvas.draw()").ok


def test_elsewhere_only_the_aggressive_one_closes(loaded: Kernel) -> None:
    loaded.run("import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt")
    loaded.run("first = plt.figure(); plt.figure()")
    text = str(loaded.run("%pmat_cleanup").text)
    assert "figures in use (2)" in text and "--aggressive" in text
    assert len(loaded.value(OPEN)) == 2
    loaded.run("%pmat_cleanup --target temp:figures")
    assert loaded.value(OPEN) == []
    assert loaded.run("first.canvas.draw()").ok


def test_a_close_handler_that_fails_is_reported_and_the_others_close(loaded: Kernel) -> None:
    loaded.run("import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt")
    loaded.run(
        "def handler(event): raise RuntimeError('not now')\n"
        "figs = [plt.figure() for _ in range(3)]\n"
        "figs[0].canvas.manager.destroy = lambda: handler(None)"
    )
    result = loaded.run("%pmat_cleanup --aggressive")
    assert result.ok, result.error
    assert "figure 1: RuntimeError: not now" in str(result.text)
    assert loaded.value(OPEN) == []
