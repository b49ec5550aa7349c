"""The count of IPython's own references is exact: it is taken off when sizes are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.kernel import Kernel

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def big(kernel: Kernel) -> None:
    kernel.reset()
    kernel.run("class Big: pass\no = Big()")


def test_an_object_never_shown_has_no_holder(ask: Ask) -> None:
    assert ask("unexplained", "o") == [0, []]


# Cells after `o = Big()`, and how many holders they leave.
@pytest.mark.parametrize(
    ("cells", "holders"),
    [
        (["o"], 7),
        (["o", "pass"], 6),
        (["o", "1"], 6),
        (["o", "1", "2"], 6),
        (["o", "1", "2", "3"], 3),
        (["o", "o"], 13),
        (["o", "o", "o", "pass"], 18),
        (["o", "_ = 5"], 5),
        (["o", "_ = 5", "7"], 5),
        (["o", "%reset -f out"], None),
        (["o", "o", "1", "%reset -f out"], None),
        (["o", "Out.clear()"], 5),
        (["o", "del Out, _oh"], 6),
        (["o", "%xdel _"], None),
        (["o", "1/0"], 6),
        (["[o]"], 0),
        (["o;"], None),
        (["o.__class__ and o"], 7),
    ],
)
def test_every_reference_is_explained(
    cells: list[str], holders: int | None, kernel: Kernel, ask: Ask
) -> None:
    if "xdel" in cells[-1]:
        # It deletes the object under every name: keep it under one.
        cells = [cells[0], "keep = [o]", cells[1], "o = keep.pop()"]
    inside = 1 if cells == ["[o]"] else 0
    for cell in cells:
        # An error would have the kernel refuse the question that follows.
        kernel.run(cell, stop_on_error=False)
    unexplained, names = ask("unexplained", "o")
    assert unexplained == inside, names
    assert len(set(names)) == len(names)
    if holders is not None:
        assert len(names) == holders, names


def test_the_holders_have_readable_names(kernel: Kernel, ask: Ask) -> None:
    number = kernel.run("o").execution_count
    assert ask("unexplained", "o")[1] == [
        f"Out[{number}]",
        "_",
        f"_{number}",
        "user_ns_hidden['_']",
        f"user_ns_hidden['_{number}']",
        "displayhook._",
        "last_execution_result",
    ]


def test_the_last_output_stays_listed_after_out_is_reset(kernel: Kernel, ask: Ask) -> None:
    kernel.run("o")
    kernel.run("%reset -f out")
    named = [entry[0] for entry in ask("held", "Out and display history")]
    assert named and not any(name.startswith("Out[") for name in named)


def test_printed_text_is_kept_where_ipython_keeps_it(kernel: Kernel, ask: Ask) -> None:
    kernel.run("print('x' * 5_000)")
    keeps = kernel.value("hasattr(get_ipython().history_manager, 'outputs')")
    names = [entry[0] for entry in ask("held", "printed output")]
    assert ("printed output" in names) is keeps
