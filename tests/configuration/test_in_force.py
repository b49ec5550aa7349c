"""Settings that are resolved or followed elsewhere: the machine's cap, and tracking."""

import subprocess
import sys
import textwrap

import pytest

CAPPED = """
    from pathlib import Path
    from IPython.core.error import UsageError
    from IPython.core.interactiveshell import InteractiveShell
    from pmat_nb.session import current, sources

    sources.machine_file = lambda: Path("machine.toml")
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "pmat_nb")

    def standing():
        return current().protector.standing.limit_bytes

    def limit(text):
        try:
            shell.run_line_magic("pmat_limit", text)
        except UsageError as problem:
            return str(problem)

    print(">", standing(), "a cap" in str(current().reporter().limit_report()))
    print(">", limit("1GB"), standing())
    print(">", "cap of 3GB" in limit("16GB"), "cap of 3GB" in limit("off"), standing())
    limit("99%")
    print(">", standing())
    limit("auto")
    print(">", standing())
    shell.run_line_magic("unload_ext", "pmat_nb")
"""
GIB = 1024**3


@pytest.mark.parametrize("asked", ["99%", "auto", "off", "64GB"])
def test_the_machines_cap_holds_whatever_is_asked(tmp_path, monkeypatch, asked):
    (tmp_path / "machine.toml").write_text('[memory]\nmax_total = "3GB"\n')
    monkeypatch.setenv("PMAT_MEMORY_MAX", asked)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CAPPED)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    printed = [line[2:] for line in done.stdout.splitlines() if line.startswith("> ")]
    three = str(3 * GIB)
    assert printed == [f"{three} True", f"None {GIB}", f"True True {GIB}", three, three]


def test_full_tracking_traces_says_its_cost_and_ends(new_kernel):
    new_kernel.start(env={"PMAT_MEMORY_TRACK": "full"})
    said = new_kernel.run("%load_ext pmat_nb").stderr
    assert "tracking memory in" in said and "slower" in said
    tracing = "__import__('tracemalloc').is_tracing()"
    assert new_kernel.value(tracing) is True
    new_kernel.run("%unload_ext pmat_nb")
    assert new_kernel.value(tracing) is False
    [log] = (new_kernel.folder / "home").rglob("track/*.ndjson")
    assert '"traced_bytes":' in log.read_text().splitlines()[0]


def test_tracing_that_others_started_goes_on(new_kernel):
    new_kernel.start()
    new_kernel.run("import tracemalloc; tracemalloc.start()")
    new_kernel.run("%load_ext pmat_nb")
    new_kernel.run("%pmat_configure --track full")
    new_kernel.run("%pmat_configure --track off")
    assert new_kernel.value("tracemalloc.is_tracing()") is True
