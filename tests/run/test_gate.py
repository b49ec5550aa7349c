"""`%pmat_gate` in a kernel, and memory bounds of tests under pytest."""

from __future__ import annotations

import json
import os

import pytest

from .running import run, write_notebook

pytest_plugins = "pytester"


GATES = {
    "PMAT_MEMORY_GATE_MAX_CELL_GROWTH": "20MB",
    "PMAT_MEMORY_GATE_MAX_CELL_MEMORY": "100MB",
    "PMAT_MEMORY_GATE_MAX_MEMORY_USAGE": "50GB",
    "PMAT_MEMORY_GATE_MAX_PRESSURE_LEVEL": "high",
}


def test_the_gate_of_a_session(new_kernel):
    kernel = new_kernel
    kernel.start(env=GATES)
    kernel.run("%load_ext pmat_nb")
    passed = json.loads(kernel.run("%pmat_gate --format json").text)
    assert passed["passed"] is True
    gates = [gate["gate"] for gate in passed["gates"]]
    assert gates == [
        "max_memory_usage",
        "max_pressure_level",
        "max_cell_memory",
        "max_cell_growth",
    ]
    kernel.run("x = bytearray(b'x') * (30 * 2**20)")
    failed = kernel.run("%pmat_gate")
    assert not failed.ok and failed.error.ename == "GateFailedError"
    said = failed.error.evalue
    assert said.startswith("gate max_cell_growth: In[3] (x = bytearray(b'x') * (30 * 2**20)) left")
    assert said.endswith("the bound is 20 MB") and "\n" not in said
    caught = kernel.run(
        "from pmat_nb.errors import GateFailedError\n"
        "try:\n    %pmat_gate\nexcept GateFailedError as problem:\n    print('caught')"
    )
    assert caught.stdout.endswith("caught\n")
    # The cell that asks counts too, by its own name.
    own = kernel.run("y = bytearray(b'y') * (120 * 2**20)\n%pmat_gate")
    assert "gate max_cell_memory: In[6] (y = bytearray(b'y')" in own.error.evalue


def test_no_gate_is_no_failure(kernel):
    shown = kernel.run("%load_ext pmat_nb\n%pmat_gate")
    assert shown.ok and "no memory gate is set" in shown.text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('max_memory_usage = "50GB"\nmax_cell_memory = "banana"\n', ":3: max_cell_memory"),
        ('max_memory_usage = "50GB"\nbogus = 3\n', ":3: [quality.gates.memory] has no key"),
        ('max_pressure_level = "hihg"\n', ":2: max_pressure_level: 'hihg'"),
        ("max_memory_usage = \n", "is not valid TOML"),
    ],
)
def test_a_gate_that_cannot_be_read_does_not_pass(new_kernel, text, line):
    new_kernel.start()
    text = f"[quality.gates.memory]\n{text}"
    new_kernel.run(f"_ = open('pmat.toml', 'w').write({text!r})")
    new_kernel.run("%load_ext pmat_nb")
    failed = new_kernel.run("%pmat_gate")
    assert failed.error.ename == "GateFailedError"
    assert failed.error.evalue.startswith("a gate cannot be read: ") and line in failed.error.evalue


def test_gates_written_in_the_session_count(kernel):
    kernel.run("%load_ext pmat_nb")
    head = "_ = open('pmat.toml', 'w').write('[quality.gates.memory]\\n"
    kernel.run(f'{head}max_memory_usage = "1MB"\\n\')')
    assert "the bound is 1 MB" in kernel.run("%pmat_gate").error.evalue
    kernel.run(f'{head}max_memory_usage = "banana"\\n\')')
    assert "cannot be read" in kernel.run("%pmat_gate").error.evalue
    kernel.run(f'{head}max_memory_usage = "50GB"\\n\')')
    assert "1 memory gate, 0 failed" in kernel.run("%pmat_gate").text
    kernel.run("import os; os.unlink('pmat.toml')")
    assert "no memory gate is set" in kernel.run("%pmat_gate").text


def test_a_run_is_judged_by_the_gates_that_it_began_with(folder):
    (folder / "pmat.toml").write_text('[quality.gates.memory]\nmax_memory_usage = "1MB"\n')
    lift = "open('pmat.toml', 'w').write('')"
    write_notebook(
        folder / "a.ipynb",
        ["%load_ext pmat_nb", lift, "try:\n    %pmat_gate\nexcept Exception:\n    pass"],
    )
    done = run("a.ipynb")
    assert done.returncode == 3, done.stdout


def test_a_gate_of_the_environment_that_cannot_be_read_does_not_pass(new_kernel):
    new_kernel.start(env={"PMAT_MEMORY_GATE_MAX_CELL_MEMORY": "banana"})
    new_kernel.run("%load_ext pmat_nb")
    assert "PMAT_MEMORY_GATE_MAX_CELL_MEMORY" in new_kernel.run("%pmat_gate").error.evalue


@pytest.fixture
def result(isolated, pytester):
    pytester.makepyfile(
        """
        import pytest

        def fill(mb):
            return bytearray(b"x") * (mb * 2**20)

        @pytest.mark.pmat_max_memory("20MB")
        def test_too_much():
            fill(40)

        @pytest.mark.pmat_max_memory("80MB")
        def test_within():
            fill(40)

        @pytest.mark.pmat_max_memory("much")
        def test_no_size():
            pass

        def test_the_process():
            fill(700)

        @pytest.mark.pmat_max_memory("20MB")
        def test_that_fails_anyway():
            fill(40)
            assert 0
        """
    )
    yield pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:xdist", "--strict-markers",
        "--pmat-max-memory", "600MB", timeout=120,
    )  # fmt: skip
    os.chdir(isolated / "work")


def test_bounds_of_tests(result):
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.fnmatch_lines(
        [
            "pmat_nb: the test added 4* MB at its peak; the bound is 20 MB (@pytest.mark.*)",
            "*pmat_max_memory: 'much' is not a size above zero*",
            "pmat_nb: the test process reached * of it in this test; the bound is 600 MB*",
            "*assert 0*",
        ]
    )
