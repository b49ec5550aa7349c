"""Loading, unloading, and what must not happen meanwhile."""

import subprocess
import sys
import textwrap

import pytest

HEAVY = ("numpy", "pandas", "matplotlib", "ipywidgets", "pyarrow", "psutil", "torch", "polars")


def plain_ipython(code: str, **options) -> str:
    """Run code in a bare IPython (no kernel) and return what it prints."""
    text = "from IPython.core.interactiveshell import InteractiveShell\n"
    text += "shell = InteractiveShell.instance()\n" + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=120, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_loading_imports_no_heavy_library():
    out = plain_ipython(
        f"""
        import sys
        before = set(sys.modules)
        shell.run_line_magic("load_ext", "pmat_nb")
        new = set(sys.modules) - before
        print([name for name in {HEAVY} if name in new])
        """
    )
    assert out.splitlines()[-1] == "[]"


def test_loading_says_one_line_and_binds_nothing(fresh_kernel):
    before = fresh_kernel.namespace()
    result = fresh_kernel.run("%load_ext pmat_nb")
    assert result.status == "ok"
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1
    assert "%pmat_limit off" in result.stdout
    assert fresh_kernel.namespace() == before


def test_loading_twice_is_once_and_reloading_works(kernel):
    kernel.run("%load_ext pmat_nb")
    kernel.run("import pmat_nb")
    count = (
        "len([h for h in get_ipython().events.callbacks['pre_run_cell'] if 'pmat' in h.__module__])"
    )
    assert kernel.value(count) == 1
    assert kernel.run("%load_ext pmat_nb").status == "ok"
    kernel.run("pmat_nb.load_ipython_extension(get_ipython())")
    assert kernel.value(count) == 1
    assert kernel.run("%reload_ext pmat_nb").status == "ok"
    assert kernel.value(count) == 1
    assert "kernel" in kernel.run("%pmat").text


def test_unloading_takes_everything_back(fresh_kernel):
    probe = textwrap.dedent(
        """
        def _state():
            import sys, threading
            shell = get_ipython()
            return [
                sorted(
                    str(len(hooks)) + event
                    for event, hooks in shell.events.callbacks.items()
                ),
                len(sys.meta_path),
                len(shell.input_transformers_post),
                sorted(t.name for t in threading.enumerate() if "pmat" in t.name),
                sorted(m for m in shell.magics_manager.magics["line"] if "pmat" in m),
            ]
        """
    )
    fresh_kernel.run(probe)
    before = fresh_kernel.value("_state()")
    fresh_kernel.run("%load_ext pmat_nb")
    fresh_kernel.run("%pmat_stats")
    assert fresh_kernel.value("_state()") != before
    fresh_kernel.run("%unload_ext pmat_nb")
    assert fresh_kernel.value("_state()") == before


@pytest.mark.parametrize("home", [None, "/nonexistent/home", "/proc"])
def test_without_a_usable_home_cells_go_on(new_kernel, home):
    new_kernel.start(env={"PYTHONDONTWRITEBYTECODE": "1"})
    where = {"HOME": home, "XDG_STATE_HOME": None, "XDG_CONFIG_HOME": None, "XDG_DATA_HOME": None}
    lines = ["import os"]
    for name, value in where.items():
        lines.append(
            f"os.environ.pop({name!r}, None)"
            if value is None
            else f"os.environ[{name!r}] = {value!r}"
        )
    new_kernel.run("\n".join(lines))
    assert new_kernel.run("%load_ext pmat_nb").status == "ok"
    assert new_kernel.run("x = 41").status == "ok"
    assert new_kernel.run("x + 1").text == "42"
    assert "kernel" in new_kernel.run("%pmat").text
    assert new_kernel.run("%pmat_history").status == "ok"


def test_a_broken_settings_file_is_said_once_and_passed_over(new_kernel):
    new_kernel.start()
    new_kernel.run("open('pmat.toml', 'w').write('[memory]\\nexact_peek = true\\n')")
    result = new_kernel.run("%load_ext pmat_nb")
    assert result.status == "ok"
    assert "pmat.toml:2" in result.stderr
    assert "exact_peak" in result.stderr
    assert new_kernel.run("1 + 1").stderr == ""


def test_stats_work_in_a_plain_script():
    code = """
        import pmat_nb as pmat
        data = bytearray(50_000_000)
        stats = pmat.stats()
        print(stats.pools["analysis"]["used_bytes"])
        print(sum(1 for row in stats.variables if row.name == "data"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    used, rows = done.stdout.split()
    assert int(used) >= 50_000_000
    assert rows == "1"


def test_a_terminal_ipython_has_the_magics_too():
    out = plain_ipython(
        """
        shell.run_cell("%load_ext pmat_nb")
        shell.run_cell("x = bytearray(30_000_000)")
        shell.run_cell("%pmat_vars")
        """
    )
    assert "bytearray" in out
    assert "28.6 MB" in out
