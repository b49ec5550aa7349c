"""Execute the tour in a real kernel and say what it showed: ``make demo``.

Writes build/01_tour.ipynb, build/01_tour.html and, where the kernel found any, the last
measurement as build/stats.json. The kernel runs on this interpreter, whatever kernels are
installed; its home, settings and state lie under build/.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOUR = ROOT / "notebooks" / "01_tour.ipynb"
BUILD = ROOT / "build"
KERNEL = "pmat-demo"
# How far the parts may be from the kernel's RSS: rounding of page counts, nothing else.
IDENTITY_SLIP_BYTES = 4096


def isolate(build: Path) -> None:
    """Point every folder that Jupyter, IPython or we would write to into ``build``."""
    home = build / "home"
    places = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_DATA_HOME": home / ".local/share",
        "XDG_STATE_HOME": home / ".local/state",
        "IPYTHONDIR": home / ".ipython",
        "JUPYTER_CONFIG_DIR": home / ".jupyter",
        "JUPYTER_DATA_DIR": build / "jupyter",
        "JUPYTER_RUNTIME_DIR": build / "runtime",
        "MPLCONFIGDIR": build / "matplotlib",
    }
    for name, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(place)
    for name in [n for n in os.environ if n.startswith(("PMAT_", "JUPYTER_PATH"))]:
        del os.environ[name]
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


def install_kernel(build: Path) -> None:
    """A kernel specification for this interpreter, found before any other."""
    folder = build / "jupyter" / "kernels" / KERNEL
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    command.append("--log-level=ERROR")
    spec = {"argv": command, "display_name": "Python (pmat_nb demo)", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))


def execute(notebook: Any, folder: Path) -> str | None:
    """Run all cells in place; the error of the cell that failed, or None.

    Cells tagged ``raises-exception`` may fail.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    client = NotebookClient(
        notebook, timeout=600, kernel_name=KERNEL, resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError) as error:
        return str(error)
    return None


def to_html(notebook: Any) -> str:
    """The notebook as one page that fetches nothing."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter()
    exporter.mathjax_url = exporter.require_js_url = exporter.jquery_url = ""
    page, _ = exporter.from_notebook_node(notebook)
    # The template loads its libraries from the network for formulas and live widgets,
    # which this page has none of.
    page = re.sub(r"<script[^>]*\bsrc=[\"'][^\"']*[\"'][^>]*>\s*</script>", "", page)
    page = re.sub(r"<script type=\"module\">.*?</script>", "", page, flags=re.DOTALL)
    return re.sub(r"<script>[^<]*\bMathJax\b.*?</script>", "", page, flags=re.DOTALL)


def texts(notebook: Any) -> Iterator[str]:
    """Every plain text that a cell showed, last first."""
    for cell in reversed(notebook.cells):
        for output in reversed(cell.get("outputs", ())):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            yield "".join(text)


def last_stats(notebook: Any) -> dict[str, Any] | None:
    """The last ``%pmat_stats --format json`` of an executed notebook."""
    for text in texts(notebook):
        try:
            found = json.loads(text)
        except ValueError:
            continue
        if isinstance(found, dict) and {"rss_bytes", "pools"} <= found.keys():
            return found
    return None


def headline(stats: dict[str, Any]) -> Iterator[str]:
    """The measurement in a few lines, in the words of ``%pmat_stats``."""
    from pmat_nb.render.format import column, fraction, limit, percent, size
    from pmat_nb.session.ledger import POOL_TITLES

    rss = stats["rss_bytes"]
    yield (
        f"kernel {size(rss)} resident · limit {limit(stats['limit_bytes'])} "
        f"({stats['limit_source']}) · {stats['pressure_level']} {fraction(stats['pressure'])}"
    )
    parts = {POOL_TITLES.get(name, name): p["used_bytes"] for name, p in stats["pools"].items()}
    parts |= {"libraries at load": stats["baseline_bytes"], "imports": stats["imports_bytes"]}
    parts |= {"allocator": stats["slack_bytes"], "unattributed": stats["unattributed_bytes"]}
    parts["together"] = sum(count or 0 for count in parts.values())
    for name, amount, count in zip(parts, column(parts.values()), parts.values(), strict=True):
        yield f"  {name:<18}{amount} {percent(None if count is None else count / rss):>5}"
    yield f"  in objects but not in memory: {size(stats['not_resident_bytes'])}"


def is_complete(stats: dict[str, Any]) -> bool:
    """Whether the parts add up to the kernel's RSS."""
    named = ("baseline_bytes", "imports_bytes", "slack_bytes", "unattributed_bytes")
    parts = [stats[name] or 0 for name in named]
    parts += [pool["used_bytes"] for pool in stats["pools"].values()]
    return abs(sum(parts) - stats["rss_bytes"]) <= IDENTITY_SLIP_BYTES


def main() -> int:
    """Run the demo; 0 when every cell ran and the figures add up."""
    isolate(BUILD)
    install_kernel(BUILD)
    import nbformat

    started = time.monotonic()
    notebook = nbformat.read(TOUR, as_version=4)
    failure = execute(notebook, BUILD)
    written = [BUILD / TOUR.name, BUILD / TOUR.with_suffix(".html").name]
    nbformat.write(notebook, written[0])
    written[1].write_text(to_html(notebook), encoding="utf-8")
    stats = last_stats(notebook)
    if stats is not None:
        written.append(BUILD / "stats.json")
        written[-1].write_text(json.dumps(stats, indent=1) + "\n")
    for line in headline(stats) if stats else ():
        print(line)
    print(f"\n{TOUR.name} ran in {time.monotonic() - started:.0f} s; written:")
    for path in written:
        print(f"  {path.relative_to(ROOT)}")
    if failure is not None:
        print(f"\na cell failed:\n{failure}", file=sys.stderr)
        return 1
    if stats is None or not is_complete(stats):
        print("\nthe tour's last measurement is missing or does not add up", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
