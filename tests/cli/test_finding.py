"""Which kernel is meant, from its id, notebook, path, folder, connection file or process id."""

from __future__ import annotations

from pathlib import Path

import pytest

from pmat_nb.cli.finding import Running, choose
from pmat_nb.engine.beacon import Sign
from pmat_nb.engine.kernels import connection_file_of, kernel_id_of
from pmat_nb.errors import NoKernelError, UsageError

from .test_beacon import HEAD, record


def kernel(pid: int, kernel_id: str, key: str, source: str = "jupyter") -> Running:
    path, name = f"/run/jupyter/kernel-{kernel_id}.json", Path(key).name
    told = {**HEAD, "kernel_id": kernel_id, "connection_file": path, "notebook": name}
    told |= {
        "notebook_key": key,
        "notebook_source": source,
        "left_out": (),
        "bounds": (0.3, 0.6, 0.8),
    }
    sign = Sign(machine="m", pid=pid, start_cs=1, at=0.0, sample=record(), detail=None, **told)  # type: ignore[arg-type]
    return Running(pid, kernel_id, path, name, sign, None)


KERNELS = [
    kernel(101, "1f3c-aa", "/srv/notebooks/tour.ipynb"),
    kernel(102, "1f77-bb", "/srv/notebooks/models/tour.ipynb"),
    kernel(103, "9e00-cc", "/srv/notebooks/models/model.ipynb"),
    kernel(104, "7700-dd", "/srv/notebooks/folder", "folder"),
]


@pytest.mark.parametrize(
    ("which", "pid"),
    [
        ("1f3c-aa", 101),
        ("1f7", 102),
        ("103", 103),
        ("model.ipynb", 103),
        ("model", 103),
        ("/srv/notebooks/models/tour.ipynb", 102),
        ("/srv/notebooks/models/../tour.ipynb", 101),
        ("/run/jupyter/kernel-9e00-cc.json", 103),
        ("kernel-7700-dd.json", 104),
        ("/srv/notebooks/folder/any.ipynb", 104),
    ],
)
def test_each_way_of_naming_one(which: str, pid: int) -> None:
    assert choose(which, KERNELS).pid == pid


def test_a_path_counts_from_here() -> None:
    here = kernel(105, "55", str(Path.cwd() / "sub" / "x.ipynb"))
    assert choose("sub/x.ipynb", [*KERNELS, here]).pid == 105
    assert choose("./sub/../sub/x.ipynb", [*KERNELS, here]).pid == 105


@pytest.mark.parametrize("which", ["tour", "tour.ipynb", "1f", None])
def test_where_several_could_be_meant_they_are_listed(which: str | None) -> None:
    with pytest.raises(UsageError) as told:
        choose(which, KERNELS)
    text = str(told.value)
    assert "tour.ipynb (1f3c-aa)" in text and "tour.ipynb (1f77-bb)" in text
    assert ("model.ipynb" in text) == (which is None)


def test_the_only_one_needs_no_name() -> None:
    assert choose(None, KERNELS[:1]).pid == 101


@pytest.mark.parametrize(
    "which", ["nothing", "", "/", "/srv/notebooks/folder/x", "1f3c-aaa", "*", "../../.."]
)
def test_none_is_called_so(which: str) -> None:
    if which == "":
        with pytest.raises(UsageError):
            choose(which, KERNELS)  # the start of every id
        return
    with pytest.raises(NoKernelError, match="there are"):
        choose(which, KERNELS)


def test_names_cannot_steer_the_terminal() -> None:
    hostile = kernel(106, "\x1b]0;x\x07", "/srv/notebooks/\x1b[2J\nevil'\"\u202e.ipynb")
    with pytest.raises(NoKernelError) as told:
        choose("nothing\x1b[2J", [hostile])
    lines = str(told.value).splitlines()
    assert len(lines) == 2 and all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["python", "-m", "ipykernel_launcher", "-f", "/r/kernel-1.json"], "/r/kernel-1.json"),
        (["python3", "-Xfrozen_modules=off", "-m", "ipykernel", "--f=/r/k.json"], "/r/k.json"),
        (["/x/ipykernel_launcher.py", "-f", "/r/k.json", "--debug"], "/r/k.json"),
        (["python", "-m", "http.server", "-f", "/r/k.json"], None),
        (["python", "-m", "ipykernel_launcher", "-f"], None),
        (["grep", "-f", "kernel.json"], None),
        ([], None),
    ],
)
def test_kernels_are_known_by_their_command_line(words: list[str], path: str | None) -> None:
    assert connection_file_of(words) == path


def test_a_kernels_id_is_in_its_files_name() -> None:
    assert kernel_id_of("/r/kernel-1f3c.json") == "1f3c"
    assert kernel_id_of("C.json") == "C"
