"""The suite itself: a magic done right passes it, ones done wrong do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.kernel import Kernel

from semantics.cases import CASES, Case
from semantics.runner import Magic, Subject, differences

# The line is taken out before IPython sees the cell, and nothing is wrapped.
_RIGHT = """\
def _install():
    def drop(lines):
        return lines[1:] if lines and lines[0].startswith('%%right') else lines
    get_ipython().input_transformers_cleanup.insert(0, drop)
_install()
del _install
"""

_NESTED = """\
def _install():
    shell = get_ipython()
    def nested(line, cell):
        shell.run_cell(cell)
    shell.register_magic_function(nested, 'cell', 'nested')
_install()
del _install
"""

_WRAPPED = """\
def _install():
    shell = get_ipython()
    def wrapped(line, cell):
        import textwrap
        shell.ex('def wrapped_cell():\\n' + textwrap.indent(cell, '    ') + '\\nwrapped_cell()')
    shell.register_magic_function(wrapped, 'cell', 'wrapped')
_install()
del _install
"""

_BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module")
def plain(make_kernel: Callable[..., Kernel]) -> Iterator[Subject]:
    subject = Subject(make_kernel(), Magic("plain")).start()
    yield subject
    subject.kernel.stop()


def _found(plain: Subject, make_kernel: Callable[..., Kernel], magic: Magic, case: Case) -> str:
    subject = Subject(make_kernel(), magic).start()
    try:
        return "\n".join(differences(plain.observe(case), subject.observe(case)))
    finally:
        subject.kernel.stop()


def test_a_magic_done_right_passes(plain: Subject, make_kernel: Callable[..., Kernel]) -> None:
    magic = Magic("right", load=(_RIGHT,), prefix="%%right 2GB --scope cell")
    subject = Subject(make_kernel(), magic).start()
    try:
        for case in CASES[::6]:
            found = differences(plain.observe(case), subject.observe(case))
            assert not found, f"{case.name}: {case.cell}\n" + "\n".join(found)
    finally:
        subject.kernel.stop()


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("await", ".cell[0].error"),
        ("exception", ".cell[0].status"),
        ("last value", ".state.In[1]"),
        ("run-all stops", ".cell[1].status"),
    ],
)
def test_a_nested_run_is_seen(
    plain: Subject, make_kernel: Callable[..., Kernel], name: str, where: str
) -> None:
    magic = Magic("nested", load=(_NESTED,), prefix="%%nested")
    assert where in _found(plain, make_kernel, magic, _BY_NAME[name])


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("multi-line string", ".state.names.s"),
        ("last value", ".cell[0].outputs"),
        ("augmented assignment", ".cell[0].error"),
        ("exception in a function", ".state.error[0].frames"),
        ("no value", ".state.names.wrapped_cell"),
    ],
)
def test_a_wrapped_cell_is_seen(
    plain: Subject, make_kernel: Callable[..., Kernel], name: str, where: str
) -> None:
    magic = Magic("wrapped", load=(_WRAPPED,), prefix="%%wrapped")
    assert where in _found(plain, make_kernel, magic, _BY_NAME[name])


def test_every_case_has_a_name_of_its_own() -> None:
    assert len(_BY_NAME) == len(CASES)
