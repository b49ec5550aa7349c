"""What each cell cost, in a real kernel."""

import pytest

MB = 1024**2


@pytest.fixture(scope="module", autouse=True)
def loaded(module_kernel):
    module_kernel.run("%load_ext pmat_nb")


def last_cell(kernel):
    return kernel.value("get_ipython().run_line_magic('pmat_stats', '').to_dict()['cell']")


def test_growth_is_what_stays_and_the_peak_is_exact(kernel):
    kernel.run("kept = bytearray(64 * 1024**2)")
    cell = last_cell(kernel)
    assert 60 * MB < cell["growth_bytes"] < 80 * MB
    assert cell["first_line"] == "kept = bytearray(64 * 1024**2)"
    kernel.run("len(bytearray(300 * 1024**2))")
    cell = last_cell(kernel)
    assert abs(cell["growth_bytes"]) < 20 * MB
    assert cell["peak_kind"] == "exact"
    rss = kernel.value("get_ipython().run_line_magic('pmat_stats', '').to_dict()['rss_bytes']")
    assert 290 * MB < cell["peak_bytes"] - rss < 330 * MB


def test_a_cell_is_labelled_as_ipython_labels_it(kernel):
    result = kernel.run("'label me'")
    assert last_cell(kernel)["label"] == f"In[{result.execution_count}]"


def test_a_failing_cell_is_recorded_as_failed(kernel):
    kernel.run("1 / 0")
    cell = last_cell(kernel)
    assert cell["failed"] is True
    kernel.run("fine = 1")
    assert last_cell(kernel)["failed"] is False


def test_a_syntax_error_is_a_failed_cell(kernel):
    kernel.run("this is not python")
    assert last_cell(kernel)["failed"] is True


def test_an_awaiting_cell(kernel):
    kernel.run("import asyncio\nawait asyncio.sleep(0.2)\nlen(bytearray(200 * 1024**2))")
    cell = last_cell(kernel)
    assert cell["duration_s"] >= 0.2
    assert cell["peak_kind"] == "exact"


def test_a_nested_cell_is_part_of_the_outer_one(kernel):
    kernel.run(
        "size = len(bytearray(250 * 1024**2))\nget_ipython().run_cell('inner = 1')\nouter = 1"
    )
    cell = last_cell(kernel)
    assert cell["first_line"].startswith("size")
    rss = kernel.value("get_ipython().run_line_magic('pmat_stats', '').to_dict()['rss_bytes']")
    assert cell["peak_bytes"] - rss > 240 * MB


def test_run_of_a_script_is_one_cell(kernel):
    kernel.run("open('script.py', 'w').write('made = bytearray(50 * 1024**2)\\n')")
    kernel.run("%run script.py")
    cell = last_cell(kernel)
    assert cell["first_line"] == "%run script.py"
    assert cell["growth_bytes"] > 45 * MB


def test_cells_that_take_the_hooks_away_are_survived(kernel):
    kernel.run(
        "events = get_ipython().events\nfor hooks in events.callbacks.values():\n    hooks.clear()"
    )
    result = kernel.run("after = 'hooks gone'")
    assert result.status == "ok"
    assert last_cell(kernel)["first_line"] == "after = 'hooks gone'"


def test_exact_peak_off_leaves_ru_maxrss_alone(kernel):
    kernel.run("import resource\nlen(bytearray(400 * 1024**2))")
    kernel.run("%pmat_configure --exact-peak off")
    kernel.run("len(bytearray(350 * 1024**2))")
    before = kernel.value("resource.getrusage(resource.RUSAGE_SELF).ru_maxrss")
    kernel.run("nothing = 1")
    assert kernel.value("resource.getrusage(resource.RUSAGE_SELF).ru_maxrss") == before
    assert last_cell(kernel)["peak_kind"] == "sampled"
    kernel.run("%pmat_configure --reset")
    kernel.run("nothing = 1")
    assert last_cell(kernel)["peak_kind"] == "exact"


def test_silent_requests_are_not_cells(kernel):
    kernel.run("visible = 1")
    kernel.run("hidden = 1", silent=True)
    assert last_cell(kernel)["first_line"] == "visible = 1"


def test_a_forked_child_measures_nothing_and_ends_well(kernel):
    result = kernel.run(
        "import os\npid = os.fork()\nif pid == 0:\n    os._exit(7)\n"
        "os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
    )
    assert result.text == "7"
    kernel.run("x = 1")
    assert last_cell(kernel)["first_line"] == "x = 1"
