"""What a dashboard is where nothing runs it: the report as text and HTML, and a picture.

GitHub, nbconvert and a notebook that is opened without its kernel show these. The picture is
drawn here as SVG: matplotlib, which a live page does not need, would add 30 MB to the kernel.
Where a kernel has it already there is a PNG as well, for what shows no SVG.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from typing import TYPE_CHECKING

from pmat_nb.render.format import brief, limit, percent
from pmat_nb.render.html import safe
from pmat_nb.render.palette import HUES, hue_of
from pmat_nb.render.parts import Share, shown
from pmat_nb.render.phrases import headline, unit_for
from pmat_nb.render.texts import cut

if TYPE_CHECKING:
    from pmat_nb.engine.stats_records import StatsRecord
    from pmat_nb.session.session import Session

__all__ = ["bundle", "picture"]

_WIDTH, _LEFT, _BAR, _ROW = 760, 16, 34, 22
_INK, _QUIET = "#1f2328", "#59636e"


def bundle(session: Session) -> dict[str, str]:
    """The session now, by the media types of a notebook's output."""
    report = session.reporter().stats(detailed=True)
    drawn = picture(report.record)
    found = {
        "text/plain": report.text(),
        "text/html": _image(drawn, headline(report.record).parts[0].text) + report._repr_html_(),
        "image/svg+xml": drawn,
    }
    if "matplotlib" in sys.modules:
        from pmat_nb.render.canvas import png

        found["image/png"] = b64encode(png(report.plot(theme="light"))).decode("ascii")
    return found


def _image(drawn: str, title: str) -> str:
    data = b64encode(drawn.encode("utf-8")).decode("ascii")
    return f'<img alt="{safe(title)}" src="data:image/svg+xml;base64,{data}">'


def picture(record: StatsRecord) -> str:
    """One stacked bar of the memory's parts with their names and sizes, as SVG."""
    parts = [part for part in shown(record, unit_for(record)) if part.used_bytes is not None]
    rows = (len(parts) + 1) // 2
    height = 58 + _BAR + 26 + rows * _ROW
    title = headline(record).parts[0].text
    inner = [
        f"<title>{safe(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="4" fill="#ffffff"/>',
        _text(_LEFT, 28, title, weight="600", size=15),
        *_bar(record, parts),
        *(_entry(part, at) for at, part in enumerate(parts)),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" '
        f'font-family="system-ui, sans-serif">{"".join(inner)}</svg>'
    )


def _bar(record: StatsRecord, parts: list[Share]) -> list[str]:
    """The parts side by side; the whole width is the limit where that is near."""
    room = _WIDTH - 2 * _LEFT
    held = sum(max(0, part.used_bytes or 0) for part in parts) or 1
    bound = record.limit.limit_bytes if record.limit else None
    near = bound is not None and held <= bound <= 4 * held
    whole = bound if near and bound is not None else held
    found = [f'<rect x="{_LEFT}" y="44" width="{room}" height="{_BAR}" fill="#eef0f2"/>']
    x = float(_LEFT)
    for part in parts:
        width = room * max(0, part.used_bytes or 0) / whole
        found.append(
            f'<rect x="{x:.1f}" y="44" width="{width:.1f}" height="{_BAR}" '
            f'fill="{hue_of(part.key)}" stroke="#ffffff"/>'
        )
        x += width
    if bound is not None:
        words = f"limit {limit(bound)}" + ("" if near else ", beyond this bar")
        line = (
            f'<path d="M{_LEFT + room} 40v{_BAR + 8}" stroke="{HUES["limit"]}" stroke-width="2"/>'
        )
        found += [line] if near else []
        found.append(_text(_LEFT + room, 44 + _BAR + 17, words, fill=_QUIET, anchor="end"))
    return found


def _entry(part: Share, at: int) -> str:
    x = _LEFT + (at % 2) * (_WIDTH // 2 - _LEFT)
    y = 44 + _BAR + 26 + (at // 2) * _ROW
    words = f"{part.label}  {part.bound}{brief(part.used_bytes)}  {percent(part.share)}"
    detail = f"  {part.detail}" if part.detail else ""
    swatch = f'<rect x="{x}" y="{y}" width="12" height="12" fill="{hue_of(part.key)}"/>'
    return swatch + _text(x + 20, y + 11, cut(words + detail, 52))


def _text(
    x: int, y: int, words: str, *, weight: str = "400", size: int = 12, fill: str = _INK,
    anchor: str = "start",
) -> str:  # fmt: skip
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}" xml:space="preserve">{safe(words)}</text>'
    )
