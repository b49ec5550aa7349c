"""A namespace of very many variables: the largest are listed, the others summed up."""

from __future__ import annotations

import pytest

MANY = 20_000
MB = 1024**2


@pytest.fixture(scope="module", autouse=True)
def filled(module_kernel):
    module_kernel.run("%load_ext pmat_nb")
    module_kernel.run(f"for i in range({MANY}):\n    globals()[f'many_{{i}}'] = [i + 1000]")
    module_kernel.run("%pmat_configure --sizing-budget 60s")
    module_kernel.run("class Model: pass\nmodel = Model()\nmodel.held = bytearray(5_000_000)")
    module_kernel.run("import sys\nfrom pmat_nb.session import attribution, current")


def test_few_are_listed_and_all_are_counted(kernel):
    kernel.run("t_stats = %pmat_stats")
    kernel.run("t_record = t_stats.record")
    assert kernel.value("len(t_record.variables)") <= 1010
    assert (
        kernel.value("len(t_record.variables) + sum(m.number for m in t_record.more_variables)")
        > MANY
    )
    items = "max(len(pool.items) for pool in t_record.pools)"
    assert kernel.value(items) <= 1010
    kernel.run("del t_record, t_stats")


def test_only_what_is_listed_is_described(kernel):
    kernel.run(
        "t_calls = 0\n"
        "t_plain = attribution.describe\n"
        "def t_count(value):\n"
        "    global t_calls\n"
        "    t_calls += 1\n"
        "    return t_plain(value)\n"
        "attribution.describe = t_count"
    )
    kernel.run("%pmat_stats")
    kernel.run("%pmat")
    kernel.run("attribution.describe = t_plain")
    assert 0 < kernel.value("t_calls") <= 2 * 1010


def test_what_is_made_by_hand_is_listed_however_small_it_looks(kernel):
    kernel.run("t_vars = %pmat_vars")
    assert kernel.value("t_vars.rows[0].name") == "model"
    assert kernel.value("t_vars.rows[0].retained_bytes") > 5_000_000
    text = kernel.run("t_vars").text
    assert " × list: " in text and "more: %pmat_vars --top" in text
    kernel.run("del t_vars")


def test_the_sum_is_that_of_all_one_by_one(kernel):
    bounded = kernel.value("get_ipython().run_line_magic('pmat_vars', '').retained_bytes")
    exact = kernel.value("get_ipython().run_line_magic('pmat_vars', '--exact').retained_bytes")
    assert abs(bounded - exact) < 0.01 * exact


def test_a_variable_that_is_not_listed_can_be_asked_for(kernel):
    text = kernel.run("%pmat_why many_19999").text
    assert "many_19999" in text and "list" in text


def test_exact_lists_all_and_keeps_few(kernel):
    rows = "len(get_ipython().run_line_magic('pmat_vars', '--exact').rows)"
    assert kernel.value(rows) > MANY
    kept = "len(current().reporter()._attribution.variables)"
    assert kernel.value(kept) <= 1000
    text = "get_ipython().run_line_magic('pmat_stats', '--by type').groups"
    assert kernel.value(f"sum(group.count for group in {text})") > MANY


def test_more_can_be_asked_for(kernel):
    rows = "len(get_ipython().run_line_magic('pmat_vars', '--top 5000').rows)"
    assert 5000 <= kernel.value(rows) <= 5010
