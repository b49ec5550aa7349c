"""Reading notebooks, and where their executed copies go."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pmat_nb.errors import UsageError

__all__ = [
    "OURS",
    "output_paths",
    "read_notebook",
    "same_file",
    "write_notebook",
]

# The key under which our figures stand in the metadata of cells and notebooks.
OURS = "pmat_nb"
_EXECUTED = ".executed.ipynb"


def read_notebook(path: Path) -> Any:
    """The notebook as version 4; older versions are upgraded.

    Raises:
        UsageError: it cannot be read, or is no notebook, in one line.
    """
    import nbformat

    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise UsageError(
            f"pmat-nb run: {str(path)!r} cannot be read: {problem.strerror or problem}; "
            "name a notebook: pmat-nb run analysis.ipynb"
        ) from None
    except UnicodeDecodeError:
        raise _no_notebook(path, "it is not UTF-8 text") from None
    try:
        with _quiet():
            read: Any = nbformat.reads
            notebook = read(text, as_version=4)
            if not any("id" in cell for cell in notebook.cells):
                notebook.nbformat_minor = min(notebook.nbformat_minor, 4)
            nbformat.validate(notebook)
    except Exception as problem:  # nbformat raises whatever a missing field leads to
        raise _no_notebook(path, _reason(problem)) from None
    return notebook


def write_notebook(path: Path, notebook: Any) -> None:
    """Write ``notebook`` atomically; UsageError where that cannot be."""
    import nbformat

    from pmat_nb.render.output import write_text

    write: Any = nbformat.writes
    with _quiet():
        text = str(write(notebook))
    write_text(path, text if text.endswith("\n") else f"{text}\n")


def output_paths(notebooks: Sequence[Path], asked: str | None) -> list[Path | None]:
    """Where each executed notebook goes.

    ``asked`` is a file (for one notebook), a folder, ``off``, or None: ``NAME.executed.ipynb``
    beside each. No input is ever written over, nor a file of that name that is not ours.

    Raises:
        UsageError: one of these would be.
    """
    if asked == "off":
        return [None] * len(notebooks)
    found = [_output(path, asked, len(notebooks)) for path in notebooks]
    for path in found:
        if any(same_file(path, given) for given in notebooks):
            raise UsageError(
                f"--output-notebook: {str(path)!r} is a notebook to run, and is not written "
                f"over; for example --output-notebook {path.stem}{_EXECUTED}"
            )
        if found.count(path) > 1:
            raise UsageError(
                f"--output-notebook: two notebooks would be written to {str(path)!r}; run them "
                "one at a time"
            )
        if asked is None and path.exists() and not _is_ours(path):
            raise UsageError(
                f"pmat-nb run: {str(path)!r} is there and pmat-nb did not write it; name another "
                "file: --output-notebook FILE, or --output-notebook off"
            )
    return [*found]


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file, by links too."""
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()


def _output(notebook: Path, asked: str | None, number: int) -> Path:
    name = f"{notebook.name.removesuffix('.ipynb')}{_EXECUTED}"
    if asked is None:
        return notebook.with_name(name)
    target = Path(asked).expanduser()
    if target.is_dir():
        return target / name
    if number > 1:
        raise UsageError(
            f"--output-notebook: {asked!r} is one file for {number} notebooks; name a folder "
            "that is there"
        )
    if not target.parent.is_dir():
        raise UsageError(f"--output-notebook: there is no folder {str(target.parent)!r}; make it")
    return target


def _is_ours(path: Path) -> bool:
    try:
        return OURS in read_notebook(path).metadata
    except UsageError:
        return False


def _no_notebook(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"pmat-nb run: {str(path)!r} is not a notebook: {reason}; open and save it in Jupyter"
    )


def _reason(problem: Exception) -> str:
    name = type(problem).__name__
    if name == "NotJSONError":
        return "it is not JSON"
    # A validation error tells in its first line what is wrong, and then the whole notebook.
    text = str(getattr(problem, "message", problem)).strip().splitlines() or [""]
    line = text[0] if len(text[0]) <= 200 else f"{text[0][:200]}…"
    if isinstance(problem, KeyError):
        return f"the field {line} is missing"
    return line or name


@contextmanager
def _quiet() -> Iterator[None]:
    """nbformat logs what it also raises, and warns of ids that older notebooks lack."""
    logger = logging.getLogger("traitlets")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before
