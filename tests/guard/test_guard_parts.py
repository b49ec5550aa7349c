"""The guard's pure parts: pace, guilt, handlers in code objects, layers."""

# ruff: noqa: SIM105 - the functions under test are what they are

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.guard import codes
from pmat_nb.engine.guard.ceiling import ceiling_caused
from pmat_nb.engine.guard.process import policy

MB = 1024**2


@given(st.integers(0, 2**45), st.one_of(st.none(), st.integers(0, 2**45)))
def test_the_guard_looks_before_the_fastest_growth_arrives(room: int, gap: int | None) -> None:
    wait = policy.poll_interval_s(room, gap)
    assert policy.NEAR_S <= wait <= policy.FAR_S
    assert wait * policy.FASTEST_GROWTH <= max(room, policy.NEAR_S * policy.FASTEST_GROWTH) + 1


@given(st.dictionaries(st.integers(1, 99), st.integers(-(10**9), 10**9)), st.integers(0, 10**10))
def test_guilty_children_are_those_that_grew_most(growth: dict[int, int], total: int) -> None:
    guilty = policy.guilty_children(growth, total)
    assert [growth[p] for p in guilty] == sorted((growth[p] for p in guilty), reverse=True)
    assert all(growth[p] >= 16 * MB for p in guilty)
    spared = [growth[p] for p in growth if p not in guilty]
    assert not guilty or max(spared, default=0) < min(growth[p] for p in guilty)


@pytest.mark.parametrize(
    ("command", "environment", "expected"),
    [
        (b"ray::IDLE", b"", True),
        (b"java\0-cp\0x\0org.apache.spark.deploy.SparkSubmit", b"", True),
        (b"python\0-m\0distributed.cli.dask_worker", b"", True),
        (b"python\0-c\0from multiprocessing.spawn import spawn_main", b"\0DASK_X=1", True),
        (b"python\0-c\0from multiprocessing.spawn import spawn_main", b"\0HOME=/", False),
        (b"python\0work.py", b"\0DASK_X=1", False),
    ],
)
def test_cluster_runtimes_are_recognised(
    command: bytes, environment: bytes, expected: bool
) -> None:
    assert policy.limits_itself(command, environment) is expected


def _plain(mark):  # type: ignore[no-untyped-def]
    mark()


def _guarded(mark):  # type: ignore[no-untyped-def]
    try:
        mark()
    except Exception:
        pass


def _in_handler(mark):  # type: ignore[no-untyped-def]
    try:
        raise ValueError
    except ValueError:
        mark()


def _handler_in_try(mark):  # type: ignore[no-untyped-def]
    try:
        try:
            raise ValueError
        except ValueError:
            mark()
    except BaseException:
        pass


def _in_finally(mark):  # type: ignore[no-untyped-def]
    try:
        pass
    finally:
        mark()


def _in_with(mark):  # type: ignore[no-untyped-def]
    with open("/dev/null"):  # noqa: PTH123 - any context manager
        mark()


def _after(mark):  # type: ignore[no-untyped-def]
    try:
        pass
    except Exception:
        pass
    mark()


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        (_plain, False), (_guarded, True), (_in_handler, False), (_handler_in_try, True),
        (_in_finally, False), (_in_with, True), (_after, False),
    ],
)  # fmt: skip
def test_what_a_function_would_catch_is_read_from_its_code(
    code: Callable[[Callable[[], None]], None], caught: bool
) -> None:
    seen = []

    def mark() -> None:
        frame = sys._getframe(1)
        seen.append(codes.handler_at(frame.f_code, frame.f_lasti) is not None)

    code(mark)
    assert seen == [caught]


def test_a_memory_error_raised_by_code_is_not_the_ceilings() -> None:
    def failing() -> None:
        bytearray(2**62)

    def own() -> None:
        raise MemoryError("mine")

    def wrapped() -> None:
        try:
            failing()
        except MemoryError as error:
            raise ValueError("wrapped") from error

    answers = []
    for code in (failing, own, wrapped):
        try:
            code()
        except (MemoryError, ValueError) as error:
            answers.append(ceiling_caused(error))
    assert answers == [True, False, True]


def test_the_guard_process_imports_nothing_of_the_kernel_side() -> None:
    probe = (
        "import sys; from pmat_nb.engine.guard import link; boot = link._BOOT.replace("
        "'from pmat_nb.engine.guard.process.main import main;main()',"
        "'import pmat_nb.engine.guard.process.main; print(*sorted(sys.modules))');"
        "import subprocess; print(subprocess.run([sys.executable, '-I', '-S', '-E', '-c', boot,"
        "link._package_root()], capture_output=True, text=True, check=True).stdout)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pmat_nb.engine.guard.process.watcher" in loaded
    assert not loaded & {"pmat_nb.errors", "signal", "enum", "re", "typing", "subprocess", "json"}
