"""A standalone HTML page of reports: one file, no script, nothing fetched.

Pictures are embedded twice, for light and for dark; the browser picks by its setting.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

from . import html
from .report import Report

__all__ = ["report_page"]

_PAGE_STYLE = """
:root{color-scheme:light dark;--jp-layout-color0:#fff;--jp-layout-color2:#eef1f4;
--jp-ui-font-color1:#1f2328;--jp-ui-font-color2:#59636e;--jp-border-color2:#d9dee3;
--page:#f6f8fa;--card:#fff}
@media (prefers-color-scheme:dark){:root{--jp-layout-color0:#16191d;--jp-layout-color2:#2a3037;
--jp-ui-font-color1:#e6e9ed;--jp-ui-font-color2:#9aa4af;--jp-border-color2:#363c44;
--page:#0e1013;--card:#16191d}}
body{margin:0;background:var(--page);color:var(--jp-ui-font-color1);
font:14px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1020px;margin:0 auto;padding:28px 16px 48px}
h1{font-size:22px;font-weight:650;margin:0 0 4px}
h2{font-size:15px;font-weight:600;margin:0 0 8px}
.note{color:var(--jp-ui-font-color2);margin:0 0 20px}
section{background:var(--card);border:1px solid var(--jp-border-color2);border-radius:10px;
padding:16px 20px;margin:0 0 16px}
section img{display:block;max-width:100%;height:auto;margin:12px 0 0}
""".replace("\n", " ").strip()


def report_page(
    reports: Iterable[Report | tuple[str, Report]],
    title: str,
    *,
    note: str = "",
    pictures: bool = True,
) -> str:
    """The reports as one HTML document, each under its own title or the one given with it.

    ``note`` is a line below the page's title. ``pictures`` adds each report's plot;
    without it matplotlib is not imported.
    """
    sections = "".join(_section(item, pictures) for item in reports)
    below = f'<p class="note">{html.safe(note)}</p>' if note else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.safe(title)}</title><style>{_PAGE_STYLE} {html.STYLE}</style></head>"
        f"<body><main><h1>{html.safe(title)}</h1>{below}{sections}</main></body></html>\n"
    )


def _section(item: Report | tuple[str, Report], pictures: bool) -> str:
    heading, report = item if isinstance(item, tuple) else (item.title, item)
    drawn = f'<div class="pmat">{html.draw(report.blocks())}</div>'
    picture = _picture(report, heading) if pictures and report.pictured else ""
    return f"<section><h2>{html.safe(heading)}</h2>{drawn}{picture}</section>"


def _picture(report: Report, heading: str) -> str:
    from .canvas import png

    light, dark = (
        "data:image/png;base64," + base64.b64encode(png(report.plot(theme=theme))).decode()
        for theme in ("light", "dark")
    )
    return (
        f'<picture><source media="(prefers-color-scheme:dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{html.safe(heading)}"></picture>'
    )
