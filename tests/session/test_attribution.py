"""Where the memory is: the identity, the pools, the variables, in a real kernel."""

import pytest

MB = 1024**2


@pytest.fixture(scope="module", autouse=True)
def loaded(module_kernel):
    module_kernel.run("%load_ext pmat_nb")
    module_kernel.run("import numpy as np\nimport pandas as pd")


def stats(kernel):
    return kernel.value("get_ipython().run_line_magic('pmat_stats', '').to_dict()")


def variables(kernel, line=""):
    rows = kernel.value(
        f"get_ipython().run_line_magic('pmat_vars', {line!r}).to_dict()['variables']"
    )
    return {row["name"]: row for row in rows}


@pytest.fixture(autouse=True)
def emptied(kernel):
    kernel.run(
        "for _name in [n for n in list(globals()) if n.startswith('t_')]:\n    del globals()[_name]"
    )
    kernel.run("%reset -f out")
    yield


def test_the_identity_adds_up_exactly(kernel):
    kernel.run("t_x = np.ones(8_000_000); t_frame = pd.DataFrame({'a': np.arange(2_000_000)})")
    found = stats(kernel)
    parts = [
        found["baseline_bytes"],
        found["imports_bytes"],
        found["slack_bytes"],
        found["unattributed_bytes"],
        *(pool["used_bytes"] for pool in found["pools"].values()),
    ]
    assert sum(parts) == found["rss_bytes"]
    assert found["pools"]["analysis"]["used_bytes"] >= 76 * MB
    assert found["imports_bytes"] > 30 * MB
    assert abs(found["unattributed_bytes"]) < 0.15 * found["rss_bytes"]


def test_contract_keys_are_all_there_and_in_order(kernel):
    expected = (
        "timestamp rss_bytes tree_bytes children_bytes baseline_bytes imports_bytes slack_bytes "
        "unattributed_bytes not_resident_bytes device_bytes total_allocated_bytes "
        "total_used_bytes total_available_bytes limit_bytes limit_source pressure "
        "pressure_level pressure_parts pools gc cell"
    )
    found = stats(kernel)
    assert list(found) == expected.split()
    assert set(found["pools"]) == {"analysis", "cache", "temp", "string", "ast"}
    assert found["limit_source"]
    assert found["pressure_level"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")


def test_untouched_zeros_are_claimed_but_not_resident(kernel):
    before = stats(kernel)
    kernel.run("t_zeros = np.zeros(50_000_000)")
    found = stats(kernel)
    assert found["not_resident_bytes"] - before["not_resident_bytes"] > 370 * MB
    assert found["pools"]["analysis"]["used_bytes"] < 30 * MB
    row = variables(kernel)["t_zeros"]
    assert row["retained_bytes"] < MB
    assert row["detail"].startswith("381 MB not in memory")


def test_a_small_view_retains_its_whole_base(kernel):
    kernel.run("t_big = np.ones(10_000_000)\nt_view = t_big[:10]\ndel t_big")
    row = variables(kernel)["t_view"]
    assert row["retained_bytes"] >= 80_000_000
    assert row["shallow_bytes"] < 1000


def test_a_base_with_a_name_of_its_own_is_shared(kernel):
    kernel.run("t_big = np.ones(10_000_000)\nt_view = t_big[:10]")
    rows = variables(kernel)
    assert rows["t_view"]["retained_bytes"] < 1000
    assert rows["t_view"]["shared_bytes"] >= 80_000_000


def test_a_displayed_frame_is_still_worth_its_size(kernel):
    kernel.run("t_frame = pd.DataFrame({'a': np.ones(10_000_000)})")
    result = kernel.run("t_frame")
    row = variables(kernel)["t_frame"]
    assert row["retained_bytes"] >= 80_000_000
    assert f"Out[{result.execution_count}]" in row["also_held_by"]


def test_aliases_are_one_group(kernel):
    kernel.run("t_a = np.ones(5_000_000)\nt_b = t_a")
    rows = variables(kernel)
    assert rows["t_a"]["retained_bytes"] >= 40_000_000
    assert "t_b" in rows["t_a"]["also_held_by"]
    assert "t_b" not in rows


def test_displayed_objects_without_a_name_are_in_the_cache_pool(kernel):
    kernel.run("np.ones(10_000_000)")
    found = stats(kernel)
    assert found["pools"]["cache"]["used_bytes"] >= 76 * MB


def test_a_failed_cells_locals_are_leftovers(kernel):
    kernel.run("def t_fail():\n    held = np.ones(10_000_000)\n    raise ValueError\nt_fail()")
    assert stats(kernel)["pools"]["temp"]["used_bytes"] >= 76 * MB
    kernel.run("1 / 0")
    assert stats(kernel)["pools"]["temp"]["used_bytes"] < 20 * MB


def test_arrow_strings_and_arrow_tables_are_counted(kernel):
    kernel.run("import pyarrow as pa\nt_table = pa.table({'n': pa.array(range(3_000_000))})")
    assert variables(kernel)["t_table"]["retained_bytes"] >= 24_000_000
    kernel.run(
        "t_words = pd.Series(['word %d' % i for i in range(300_000)], dtype='string[pyarrow]')"
    )
    assert variables(kernel)["t_words"]["retained_bytes"] >= 3_000_000


def test_where_a_variable_came_from_and_when_it_was_used(kernel):
    made = kernel.run("t_here = [1, 2, 3]").execution_count
    kernel.run("1")
    kernel.run("2")
    row = variables(kernel)["t_here"]
    assert row["bound_in"] == f"In[{made}]"
    assert row["cells_since_use"] == 2


def test_a_sizing_that_stops_early_says_so(kernel):
    kernel.run("t_many = [{'i': i, 'x': float(i)} for i in range(1_000_000)]")
    kernel.run("%pmat_configure --sizing-budget 20ms")
    rows = variables(kernel)
    assert rows["t_many"]["complete"] is False
    shown = kernel.run("%pmat_vars").text
    assert "≥" in shown
    rows = variables(kernel, "--exact")
    kernel.run("%pmat_configure --reset")
    assert rows["t_many"]["complete"] is True
    assert rows["t_many"]["retained_bytes"] > 150_000_000
    assert "≥" not in kernel.run("%pmat_vars --exact").text


CONTRACT = (
    "name retained_bytes shared_bytes shallow_bytes device_bytes type detail also_held_by "
    "bound_in cells_since_use complete"
)


def test_columns_of_the_frame_are_the_contract(kernel):
    kernel.run("t_frame = %pmat_vars --format frame")
    assert kernel.value("' '.join(t_frame.columns)") == CONTRACT


def test_children_are_counted_by_their_share(kernel):
    kernel.run(
        "import subprocess, sys\n"
        "t_child = subprocess.Popen([sys.executable, '-c',"
        " 'x = bytearray(80_000_000); print(1, flush=True); input()'],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "t_child.stdout.readline();"
    )
    found = stats(kernel)
    kernel.run("t_child.communicate(b'\\n');")
    assert found["children_bytes"] > 75 * MB
    # The kernel's own part is smaller than its RSS: libraries are shared with other kernels.
    assert found["tree_bytes"] > found["rss_bytes"]
    assert stats(kernel)["children_bytes"] == 0
