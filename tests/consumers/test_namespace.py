from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.kernel import Kernel

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def empty(kernel: Kernel) -> None:
    kernel.reset()


def variables(ask: Ask) -> dict[str, str]:
    return {entry[0]: entry[1] for entry in ask("held", "user namespace")}


def test_only_what_the_user_bound_is_a_variable(kernel: Kernel, ask: Ask) -> None:
    kernel.run("import sys, os.path as p\nfrom collections import deque\nx = [1]\n_private = [2]")
    kernel.run("x")
    kernel.run("!true")
    kernel.run("def f(): pass\nclass C: pass")
    assert list(variables(ask)) == ["deque", "x", "_private", "f", "C"]


def test_aliases_are_one_group_named_after_the_first(kernel: Kernel, ask: Ask) -> None:
    kernel.run("first = [1]\nother = [2]\nsecond = first\nthird = first")
    assert variables(ask) == {"first": "also second, third", "other": ""}


def test_equal_small_values_are_no_aliases(kernel: Kernel, ask: Ask) -> None:
    kernel.run("a = 1\nb = 1\nc = None\nd = None")
    assert variables(ask) == dict.fromkeys("abcd", "")


def test_the_users_underscore_is_a_leftover_not_a_variable(kernel: Kernel, ask: Ask) -> None:
    kernel.run("for _ in [[1], [2]]: pass")
    assert ask("owners", "_") == [["temp", "_"]]


def test_ipythons_underscore_is_history(kernel: Kernel, ask: Ask) -> None:
    number = kernel.run("[1, 2, 3]").execution_count
    assert ask("owners", "_") == [["cache", f"Out[{number}]"]]


def test_a_name_of_ipythons_that_the_user_rebinds_is_the_users(kernel: Kernel, ask: Ask) -> None:
    kernel.run("In = [1, 2]\n_5 = [3]\nexit = [4]")
    assert set(variables(ask)) == {"In", "_5", "exit"}


def test_a_shown_variable_is_named_by_both_and_charged_to_the_user_first(
    kernel: Kernel, ask: Ask
) -> None:
    number = kernel.run("shown = [1]\nshown").execution_count
    assert ask("owners", "shown") == [["analysis", "shown"], ["cache", f"Out[{number}]"]]


def test_a_hundred_thousand_variables(kernel: Kernel, ask: Ask) -> None:
    kernel.run("globals().update({f'v{i}': [i] for i in range(100_000)})")
    kernel.run(
        "from pmat_nb.consumers.base import Watched\n"
        "from pmat_nb.consumers.namespace import UserNamespace\n"
        "w = Watched(UserNamespace(get_ipython())); n = len(w.held())"
    )
    assert kernel.value("n") >= 100_000
    assert kernel.value("w.duration_s") < 5


@pytest.mark.parametrize("name", ["", "not an identifier", "a.b"])
def test_odd_names_put_in_by_hand(name: str, kernel: Kernel, ask: Ask) -> None:
    kernel.run(f"globals()[{name!r}] = [1]; globals()[3] = [2]")
    assert variables(ask) == {name: ""}
    kernel.run("del globals()[3]")
