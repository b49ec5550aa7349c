"""What every test gets: real kernels, an isolated home, and a check that it tidied up."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from support.kernel import Kernel
from support.no_skips import IN_CI, pytest_make_collect_report, pytest_runtest_makereport
from support.second_try import pytest_runtest_setup, pytest_terminal_summary
from support.tidy import Traces

__all__ = [  # hooks, by their names
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
]


hypothesis.settings.register_profile("dev", deadline=None, database=None)
hypothesis.settings.register_profile(
    "ci", deadline=None, database=None, derandomize=True, print_blob=True
)
hypothesis.settings.load_profile("ci" if IN_CI else "dev")

# A shell starts what it puts into the background with interrupts ignored, and children inherit
# that: those of the tests are to be interrupted as in a terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# -- isolation -----------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for caches that are slow to build (fonts), one for all test processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def isolated(
    tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty home and an empty working folder, and no settings from outside."""
    home = tmp_path_factory.mktemp("home")
    work = home / "work"
    work.mkdir()
    for name in [n for n in os.environ if n.startswith(("PMAT_MEMORY", "XDG_", "MEM_LIMIT"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    # Not made: what belongs there goes to the state folder, not to the system's /run.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(home / ".ipython"))
    monkeypatch.setenv("MPLCONFIGDIR", str(shared_cache))
    monkeypatch.chdir(work)
    return home


@pytest.fixture
def revived() -> None:
    """Where a module shares a kernel: start it anew if the test before has lost it.

    It comes before `tidy`, which would take the new kernel for a thing left behind.
    """


@pytest.fixture(autouse=True)
def tidy(isolated: Path, revived: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread, process, tracing, hook or file behind."""
    before = Traces.take()
    yield
    left = before.left_behind()
    if left:
        pytest.fail(f"{request.node.nodeid} left behind: " + "; ".join(left))


# -- kernels -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def make_kernel(
    tmp_path_factory: pytest.TempPathFactory, shared_cache: Path
) -> Callable[..., Kernel]:
    """A kernel, not yet started, with an empty home of its own; the caller stops it."""

    def make(**options: Any) -> Kernel:
        kernel = Kernel(tmp_path_factory.mktemp("kernel"), **options)
        kernel.defaults["MPLCONFIGDIR"] = str(shared_cache)
        return kernel

    return make


def _stopped(kernel: Kernel) -> None:
    kernel.stop()
    assert not kernel.left_over, f"processes outlived their kernel: {kernel.left_over}"


@pytest.fixture(scope="module")
def module_kernel(make_kernel: Callable[..., Kernel]) -> Iterator[Kernel]:
    kernel = make_kernel()
    kernel.start()
    yield kernel
    _stopped(kernel)


@pytest.fixture
def kernel(module_kernel: Kernel) -> Kernel:
    """The module's kernel: names and extensions stay from test to test."""
    if not module_kernel.is_alive():
        module_kernel.restart()
    return module_kernel


@pytest.fixture
def fresh_kernel(make_kernel: Callable[..., Kernel]) -> Iterator[Kernel]:
    """A started kernel for this test alone; `restart` with other options is fine."""
    kernel = make_kernel()
    kernel.start()
    yield kernel
    _stopped(kernel)


@pytest.fixture
def new_kernel(make_kernel: Callable[..., Kernel]) -> Iterator[Kernel]:
    """A kernel for this test alone, not yet started."""
    kernel = make_kernel()
    yield kernel
    _stopped(kernel)
