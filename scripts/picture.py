"""Draw docs/images/stats.png from what ``%pmat_stats`` printed in the executed tour.

``make demo`` executes the tour; this takes the last short breakdown it shows, as text,
and draws it as a terminal would. No figure is typed in by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

import demo

OUT = demo.ROOT / "docs" / "images" / "stats.png"
FONT = "DejaVu Sans Mono"
POINTS = 11.0
BACKGROUND, INK, MUTED, BARS = "#16191d", "#e6e9ed", "#9aa4af", "#5aa2e0"
BLOCKS = "█▉▊▋▌▍▎▏"
# `--detailed` is longer.
LONGEST = 14


def breakdown(notebook_path: Path) -> list[str]:
    """The lines of the last short ``%pmat_stats`` that a notebook shows."""
    import nbformat

    shown = list(demo.texts(nbformat.read(notebook_path, as_version=4)))
    for text in shown:
        lines = text.rstrip().splitlines()
        if text.startswith("kernel ") and "unattributed" in text and len(lines) <= LONGEST:
            return ["%pmat_stats", *lines]
    raise SystemExit("no %pmat_stats in the executed tour; run `make demo` first")


def draw(lines: list[str], path: Path) -> None:
    """Write the lines as a picture, as wide as the longest."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=FONT, size=POINTS)
    width = max(map(len, lines)) * POINTS * 0.602 / 72 + 0.5
    pitch = POINTS * 1.45 / 72
    height = len(lines) * pitch + 0.4
    figure = plt.figure(figsize=(width, height), facecolor=BACKGROUND)
    for number, line in enumerate(lines):
        y = 1 - (0.2 + (number + 0.7) * pitch) / height
        words = "".join(" " if c in BLOCKS else c for c in line)
        bars = "".join(c if c in BLOCKS else " " for c in line)
        for text, ink in ((words, INK if number else MUTED), (bars, BARS)):
            figure.text(0.25 / width, y, text, fontproperties=font, color=ink, va="baseline")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, metadata={"Software": None})
    plt.close(figure)


def main() -> int:
    """Draw the picture."""
    demo.isolate(demo.BUILD)
    draw(breakdown(demo.BUILD / demo.TOUR.name), OUT)
    print(f"written: {OUT.relative_to(demo.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
