"""Displayed objects and tracebacks: named among the largest, asked about, and let go of."""

import pytest

MB = 1024**2


@pytest.fixture(scope="module", autouse=True)
def loaded(module_kernel):
    module_kernel.run("%load_ext pmat_nb")
    module_kernel.run("keep = bytearray(5_000_000)")
    module_kernel.run("class Big:\n    def __init__(self): self.part = b'x' * 60_000_000")


@pytest.fixture
def shown(kernel):
    """The number of the output of an object that only Out and its like hold."""
    number = kernel.run("Big()").execution_count
    yield number
    kernel.run("%reset -f out")
    for name in ("1", "2", "3"):
        kernel.run(name)


@pytest.fixture
def failed(kernel):
    """An error whose frames hold 150 MB."""
    kernel.run(
        "def fails():\n    inner = b'y' * (150 * 2**20)\n    return 1 / 0\nfails()",
        stop_on_error=False,
    )
    yield
    kernel.run("1 / 0", stop_on_error=False)


def test_status_names_a_displayed_object_and_a_traceback(kernel, shown, failed):
    text = kernel.run("%pmat").text
    largest = next(line for line in text.splitlines() if "largest" in line)
    assert largest.index("traceback of In[") < largest.index(f"Out[{shown}] 57 MB")
    assert "keep" in largest
    assert "%pmat_cleanup --target temp:traceback" in text
    assert "%pmat_cleanup --target cache:Out --aggressive" in text


def test_stats_offer_what_lets_go(kernel, failed):
    text = kernel.run("%pmat_stats").text
    line = next(line for line in text.splitlines() if "leftovers" in line)
    assert line.endswith("→ %pmat_cleanup --target temp:traceback")


def test_why_of_an_output(kernel, shown):
    result = kernel.run(f"%pmat_why Out[{shown}]")
    lines = result.text.splitlines()
    assert lines[0].startswith(f"Out[{shown}]") and "57.2 MB retained" in lines[0]
    assert f"_{shown}" in result.text and f"─ Out[{shown}] " not in result.text
    assert "%pmat_cleanup --target cache:Out --aggressive" in result.text


def test_why_of_an_output_that_is_not_there(kernel, shown):
    result = kernel.run("%pmat_why Out[9999]")
    assert result.status == "error"
    assert f"Out[{shown}]" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("cell", "way"),
    [
        ("it = Big()", "del it"),
        ("it = Big(); other = it", "del it, other"),
        ("it = Big(); registry = {'k': it}", "take it out of registry"),
        ("it = Big()\nit", "%xdel it"),
        ("it = Big(); registry = [it]\nregistry", "%pmat_cleanup --target cache:Out"),
        ("it = None", "it can never go"),
    ],
)
def test_every_why_ends_with_how_to_let_go(kernel, cell, way):
    assert kernel.run(cell).ok
    last = kernel.run("%pmat_why it").text.rpartition("  → ")[2]
    assert way in " ".join(last.split())
    kernel.run("%xdel it\nother = registry = None\n1")


def test_xdel_does_give_a_displayed_object_back(kernel):
    kernel.run("it = Big()\nit")
    kernel.run("import weakref; alive = weakref.ref(it)")
    kernel.run("%xdel it")
    assert kernel.value("alive() is None")


def test_the_frames_of_an_error(kernel):
    kernel.run("held = Big()\ndef fails(argument):\n    return 1 / 0\n1")
    kernel.run("fails(held)", stop_on_error=False)
    assert "%pmat_cleanup --target temp:traceback" in kernel.run("%pmat_why held").text
    kernel.run("del held")
    kernel.run("1 / 0", stop_on_error=False)
