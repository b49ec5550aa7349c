"""The import meter, on real modules in a real interpreter."""

import subprocess
import sys
import textwrap
import threading

import pytest

from pmat_nb.session.imports import ImportMeter

MB = 1024**2


@pytest.fixture
def meter():
    made = ImportMeter(anonymous_bytes=lambda: next(readings), slack_bytes=lambda: 0)
    readings = iter(range(0, 1000 * 10 * MB, 10 * MB))
    made.install()
    yield made
    made.remove()


def module(folder, name, text=""):
    (folder / f"{name}.py").write_text(text)


def test_only_the_outermost_import_is_measured(meter, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module(tmp_path, "pmat_t_outer", "import pmat_t_inner\n")
    module(tmp_path, "pmat_t_inner")
    __import__("pmat_t_outer")
    assert meter.modules == {"pmat_t_outer": 10 * MB}
    assert meter.total_bytes == 10 * MB


def test_the_loader_is_left_as_it_was(meter, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module(tmp_path, "pmat_t_clean")
    loaded = __import__("pmat_t_clean")
    assert "exec_module" not in vars(loaded.__loader__)
    assert loaded.__spec__.loader is loaded.__loader__


def test_a_failing_import_fails_as_it_would(meter, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module(tmp_path, "pmat_t_broken", "1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        __import__("pmat_t_broken")
    with pytest.raises(ModuleNotFoundError, match="pmat_t_missing"):
        __import__("pmat_t_missing")
    module(tmp_path, "pmat_t_after")
    __import__("pmat_t_after")
    assert "pmat_t_after" in meter.modules


def test_unreadable_memory_counts_nothing(tmp_path, monkeypatch):
    made = ImportMeter(anonymous_bytes=lambda: None, slack_bytes=lambda: None)
    made.install()
    try:
        monkeypatch.syspath_prepend(tmp_path)
        module(tmp_path, "pmat_t_unread")
        __import__("pmat_t_unread")
        assert made.total_bytes == 0
    finally:
        made.remove()


def test_installing_twice_is_once():
    made = ImportMeter(anonymous_bytes=lambda: 0, slack_bytes=lambda: 0)
    made.install()
    made.install()
    assert sys.meta_path.count(made) == 1
    made.remove()
    made.remove()
    assert made not in sys.meta_path


def test_pandas_is_measured_in_a_fresh_interpreter():
    code = """
        import psutil
        from pmat_nb.session.imports import ImportMeter

        process = psutil.Process()
        meter = ImportMeter(lambda: process.memory_info().rss, lambda: 0)
        meter.install()
        before = process.memory_info().rss
        import pandas
        grown = process.memory_info().rss - before
        print(meter.modules["pandas"], grown, "exec_module" in vars(pandas.__loader__))
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    measured, grown, lent = answer.stdout.split()
    assert int(measured) > 0.8 * int(grown) > 10 * MB
    assert lent == "False"


def test_what_a_thread_of_ours_imports_is_not_measured(monkeypatch):
    """A cell may take memory meanwhile, which is not the module's."""
    name = "pmat_nb.engine.slow_for_a_test"
    meter = ImportMeter(iter(range(0, 10**9, 10**7)).__next__, lambda: None)
    asked: list[str] = []
    monkeypatch.setattr(meter, "_ask_others", lambda name, *_: asked.append(name))
    thread = threading.Thread(target=meter.find_spec, args=(name,))
    thread.start()
    thread.join()
    assert asked == []
    thread = threading.Thread(target=meter.find_spec, args=("a_library",))
    thread.start()
    thread.join()
    meter.find_spec(name)
    assert asked == ["a_library", name]
