"""Build the documentation as a site: ``make docs``, into build/docs.

The pages in docs/ read well as files: their links lead to files of the repository. Here
they are put together with the notebooks, the changes and the generated reference in one
folder, links are turned towards it, and Sphinx builds it with warnings as errors. The
notebooks run for it, two at a time, and a kernel that holds more than they should is ended; a
run is kept until the notebook or the package changes.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import demo
import reference

ROOT = demo.ROOT
DOCS = ROOT / "docs"
SOURCE = demo.BUILD / "docs-source"
SITE = demo.BUILD / "docs"
RUNS = demo.BUILD / "docs-runs"
AT_ONCE = 2
# What a cell that none of our limits stopped could take at most.
MOST_BYTES = 6 * 1024**3

LINK = re.compile(r"(\]\()([^)\s#]*)((?:#[^)\s]*)?\))")
LISTED = re.compile(r"^- \[[^\]]+\]\(([^)#\s]+)\)", re.MULTILINE)
PICTURE = re.compile(
    r"<picture>\n<source [^>]*srcset=\"(?P<dark>[^\"]+)\">\n"
    r"<img alt=\"(?P<alt>[^\"]+)\" src=\"(?P<light>[^\"]+)\">\n</picture>\n"
)
GENERATED = "<!-- generated pages -->\n"
# Pages that lead to others; what their lists link to is below them in the navigation.
PARTS = ("tutorials", "howto", "reference", "explanation", "project")
REMOTE_PART = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]*\""
)


def placed(path: Path) -> Path:
    """Where a file of the repository stands in the site's source."""
    relative = path.relative_to(ROOT)
    if relative.parts[0] == "docs":
        return Path(*relative.parts[1:])
    if relative.parts[0] == "notebooks":
        return Path("tutorials", *relative.parts[1:])
    pages = {"CHANGELOG.md": "changelog.md", "README.md": "index.md"}
    return Path(pages.get(str(relative), f"files/{relative}"))


def turned(text: str, origin: Path) -> str:
    """``text`` of the file ``origin`` with its links leading to where things stand in the site."""
    place = placed(origin)

    def link(found: re.Match[str]) -> str:
        target = found[2]
        path = (origin.parent / target).resolve()
        if not target or ":" in target or not path.is_relative_to(ROOT) or not path.exists():
            return found[0]
        new = placed(path)
        if new.parts[0] == "files" and path.is_file():
            copy(path, SOURCE / new)
        return f"{found[1]}{os.path.relpath(new, place.parent)}{found[3]}"

    return LINK.sub(link, text)


def copy(path: Path, target: Path) -> None:
    """A file copied as it is, where it is not there yet in this form."""
    write(target, path.read_bytes())


def write(target: Path, content: bytes | str) -> None:
    """Write ``target`` unless it holds just that: what did not change is not built again."""
    data = content.encode() if isinstance(content, str) else content
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_file() or target.read_bytes() != data:
        target.write_bytes(data)


def page(path: Path) -> str:
    """A page of docs/ as the site has it: links turned, navigation made from its lists."""
    text = PICTURE.sub(themed, turned(path.read_text(encoding="utf-8"), path))
    if path.stem == "index":
        return text + toctree(f"{name}.md" for name in PARTS)
    if path.stem not in PARTS:
        return text
    made = "".join(f"- [{title}]({name}): {what}\n" for name, title, what in reference.PAGES)
    text = text.replace(GENERATED, made)
    return text + toctree(LISTED.findall(text))


def themed(found: re.Match[str]) -> str:
    """A picture with a form for dark pages, as the theme has them: by the site's own switch."""
    return "\n".join(
        f"```{{image}} {found[theme]}\n:alt: {found['alt']}\n:class: only-{theme}\n```\n"
        for theme in ("light", "dark")
    )


def toctree(targets: Iterator[str] | list[str]) -> str:
    """A hidden table of contents, for the navigation alone."""
    names = dict.fromkeys(str(Path(target).with_suffix("")) for target in targets)
    return "\n".join(["\n```{toctree}", ":hidden:", "", *names, "```", ""])


def notebook(path: Path, state: str) -> str:
    """A notebook as it ran with the package in this state, with its links turned."""
    import nbformat

    source = path.read_bytes()
    name = hashlib.sha256(source + state.encode()).hexdigest()[:16]
    kept = RUNS / f"{path.stem}-{name}.ipynb"
    if not kept.is_file():
        for older in RUNS.glob(f"{path.stem}-*.ipynb"):
            older.unlink()
        write(kept, executed(path))
    found = nbformat.read(kept, as_version=4)
    for cell in found.cells:
        if cell.cell_type == "markdown":
            cell.source = turned(cell.source, path)
    return str(nbformat.writes(found))


def executed(path: Path) -> str:
    """A notebook with its outputs, run in an empty folder.

    Raises:
        RuntimeError: a cell failed that is not tagged ``raises-exception``.
    """
    import nbformat

    found = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix=f"{path.stem}-") as folder:
        failure = demo.execute(found, Path(folder))
    if failure is not None:
        raise RuntimeError(f"{path.name}: a cell failed:\n{failure}")
    return str(nbformat.writes(found))


def assemble() -> None:
    """Put the site's source together; what is no part of it any more goes."""
    made = {SOURCE / name for name in reference.write_into(SOURCE, write)}
    for path in sorted(DOCS.rglob("*")):
        if path.is_dir() or "__pycache__" in path.parts:
            continue
        made.add(target := SOURCE / placed(path))
        if path.suffix == ".md":
            write(target, page(path))
        else:
            copy(path, target)
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    state = package_state()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        texts = pool.map(partial(notebook, state=state), notebooks)
        for path, text in zip(notebooks, texts, strict=True):
            made.add(target := SOURCE / placed(path))
            write(target, text)
    made.add(changes := SOURCE / "changelog.md")
    write(
        changes, turned((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), ROOT / "CHANGELOG.md")
    )
    for path in sorted(SOURCE.rglob("*")):
        if path.is_file() and path not in made and "files" not in path.relative_to(SOURCE).parts:
            path.unlink()


def package_state() -> str:
    """A hash of the package: what notebooks showed with another state counts no more."""
    state = hashlib.sha256()
    for path in sorted((ROOT / "pmat_nb").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            state.update(path.read_bytes())
    return state.hexdigest()


def watch_memory(ended: threading.Event) -> None:
    """End a kernel of the build that holds more than any notebook of ours should.

    Not an rlimit: the limits that the notebooks show would be told apart from it, and read
    otherwise than on a reader's machine.
    """
    import psutil

    own = psutil.Process()
    while not ended.wait(0.1):
        for child in own.children(recursive=True):
            try:
                if child.memory_info().rss > MOST_BYTES:
                    print(f"ended: a kernel that held more than {MOST_BYTES >> 30} GB")
                    child.kill()
            except psutil.NoSuchProcess:
                continue


def remote_parts() -> list[str]:
    """Where a built page would load something from a network."""
    return [
        f"{path.relative_to(SITE)}: {found[0]}"
        for path in sorted(SITE.rglob("*.html"))
        for found in REMOTE_PART.finditer(path.read_text(encoding="utf-8"))
    ]


def main() -> int:
    """Assemble and build; 0 when there was no warning and no page needs a network."""
    from sphinx.cmd.build import main as build

    started = time.monotonic()
    demo.isolate(demo.BUILD / "docs-home")
    demo.install_kernel(demo.BUILD / "docs-home")
    ended = threading.Event()
    threading.Thread(target=watch_memory, args=(ended,), daemon=True).start()
    try:
        assemble()
    finally:
        ended.set()
    options = ["-W", "--keep-going", "-q", "-b", "html", "-d", str(demo.BUILD / "docs-trees")]
    status = build([*options, *sys.argv[1:], str(SOURCE), str(SITE)])
    if status:
        return status
    remote = remote_parts()
    print("\n".join([*remote[:20], "these pages need a network"]) if remote else "", end="")
    print(f"built build/docs/index.html in {time.monotonic() - started:.0f} s")
    return int(bool(remote))


if __name__ == "__main__":
    sys.exit(main())
