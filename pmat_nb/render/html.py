"""Blocks as HTML: one small style, no script, nothing fetched, everything escaped.

The style takes JupyterLab's theme variables, then VS Code's, then the page's own
colours, so it follows light and dark. Where a front end drops the style (GitHub, an
untrusted notebook), tables, folds and bars in block characters remain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from .blocks import Bar, Block, Cell, Column, Fold, Grid, Line, Part, Stack
from .format import NA, bar, percent
from .palette import LEVEL_HUES, hue_of
from .plain import fitted
from .texts import clean, cut

__all__ = ["STYLE", "draw", "fragment", "safe"]

# Longer texts are cut, as in text; the full one is the title.
# About the width of a letter of the text.
_COLUMN_EM = 0.5
_CELL_LENGTH = 96
# With its values: one that was cut in two is no use to copy.
_NUMBER = r"\d+(?:\.\d+)?[\w%]*"
_COMMAND = re.compile(
    rf"%%?pmat\w*(?: \+?{_NUMBER})?(?: --[a-z][a-z-]*(?: (?:[a-z][\w,:]*|{_NUMBER}))?)*"
)
# What a notebook's page has room for; the last column alone may go beyond it.
_ROW_LENGTH = 104

STYLE = (
    """
.pmat{font:13px/1.5 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);
color:var(--jp-ui-font-color1,var(--vscode-foreground,inherit));max-width:980px;padding:2px 0;
--pmat-muted:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,#7d8590));
--pmat-rule:var(--jp-border-color2,rgba(128,128,128,.28));
--pmat-well:var(--jp-layout-color2,rgba(128,128,128,.14));
font-variant-numeric:tabular-nums}
.pmat p{margin:2px 0}
.pmat .pmat-strong{font-weight:600}
.pmat .pmat-muted{color:var(--pmat-muted)}
.pmat .pmat-dot{color:var(--pmat-muted);padding:0 5px}
.pmat .pmat-level{color:#fff;border-radius:9px;padding:1px 8px;font-size:11px;font-weight:600;
letter-spacing:.03em;white-space:nowrap}
.pmat code{font:12px var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);
background:var(--pmat-well);color:inherit;padding:1px 5px;border-radius:4px;white-space:nowrap}
.pmat .pmat-scroll{overflow-x:auto;margin:6px 0}
.pmat table.pmat-grid{border-collapse:collapse;border:0;margin:0;width:auto;
font-size:13px;table-layout:auto}
.pmat table.pmat-grid tr,.pmat table.pmat-grid tbody tr:nth-child(n){background:none;border:0}
.pmat table.pmat-grid tbody tr:hover{background:var(--pmat-well)}
.pmat table.pmat-grid th,.pmat table.pmat-grid td{text-align:left;padding:2px 14px 2px 0;border:0;
vertical-align:middle;white-space:nowrap;max-width:none;line-height:1.5}
.pmat table.pmat-grid td:first-child,.pmat table.pmat-grid th:first-child{padding-left:6px}
.pmat table.pmat-grid th{color:var(--pmat-muted);font-weight:500;font-size:11px;
border-bottom:1px solid var(--pmat-rule)}
.pmat table.pmat-grid .pmat-right{text-align:right}
.pmat .pmat-bar{width:150px;height:10px;border-radius:3px;background:var(--pmat-well);
overflow:hidden}
.pmat .pmat-bar span{display:block;height:10px;border-radius:3px 0 0 3px;font-size:0;
min-width:2px}
.pmat .pmat-stack{display:flex;height:14px;border-radius:4px;overflow:hidden;margin:8px 0 6px;
background:var(--pmat-well)}
.pmat .pmat-stack span{display:block;height:14px;border-right:1px solid var(--jp-layout-color0,
rgba(128,128,128,.4))}
.pmat details{margin:4px 0;border-top:1px solid var(--pmat-rule);padding-top:4px}
.pmat summary{cursor:pointer;font-weight:500}
""".replace("\n", " ")
    .replace("  ", " ")
    .strip()
)


def safe(text: str) -> str:
    """``text`` escaped for element content and attribute values; one line, no controls."""
    return escape(clean(text), quote=True)


def fragment(blocks: Iterable[Block]) -> str:
    """A self-contained element with its style, as ``_repr_html_`` returns it."""
    return f'<style>{STYLE}</style><div class="pmat">{draw(blocks)}</div>'


def draw(blocks: Iterable[Block]) -> str:
    """The blocks as HTML without the style around them."""
    return "".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    if isinstance(block, Line):
        return _line(block)
    if isinstance(block, Grid):
        return _grid(block)
    if isinstance(block, Stack):
        return _stack(block)
    return _fold(block)


def _with_commands(text: str) -> str:
    """Escaped text, its ``%pmat`` commands set as code."""
    pieces, at = [], 0
    shown = clean(text)
    for match in _COMMAND.finditer(shown):
        pieces.append(escape(shown[at : match.start()]))
        pieces.append(f"<code>{escape(match[0])}</code>")
        at = match.end()
    return "".join(pieces) + escape(shown[at:])


def _part(part: Part) -> str:
    if part.tone == "command":
        return f"<code>{safe(part.text)}</code>"
    inner = _with_commands(part.text)
    if not part.tone:
        return inner
    if part.tone.upper() in LEVEL_HUES:
        hue = LEVEL_HUES[part.tone.upper()]
        return f'<span class="pmat-level" style="background:{hue}">{inner}</span>'
    return f'<span class="pmat-{part.tone}">{inner}</span>'


def _line(line: Line) -> str:
    joint = line.joint
    blank = " " if len(joint) < 2 else "&emsp;"
    drawn = f'<span class="pmat-dot">{safe(joint)}</span>' if joint.strip() else blank
    inset = f' style="margin-left:{line.indent * _COLUMN_EM:g}em"' if line.indent else ""
    return f"<p{inset}>{drawn.join(_part(part) for part in line.parts)}</p>"


def _stack(stack: Stack) -> str:
    spans = "".join(
        f'<span style="width:{share * 100:.2f}%;background:{hue_of(hue)}" '
        f'title="{safe(label)} {percent(share)}"></span>'
        for label, share, hue in stack.segments
        if share > 0
    )
    return f'<div class="pmat-stack">{spans}</div>'


def _fold(fold: Fold) -> str:
    state = " open" if fold.open else ""
    return f"<details{state}><summary>{safe(fold.title)}</summary>{draw(fold.blocks)}</details>"


def _grid(grid: Grid) -> str:
    if not grid.rows:
        return ""
    shown = [
        at
        for at, column in enumerate(grid.columns)
        if column.header or any(row[at] != "" for row in grid.rows)
    ]
    head = ""
    if any(column.header for column in grid.columns):
        cells = "".join(
            f"<th{_side(grid.columns[at])}>{safe(grid.columns[at].header)}</th>" for at in shown
        )
        head = f"<thead><tr>{cells}</tr></thead>"
    lengths = _lengths(
        [grid.columns[at] for at in shown], [[r[at] for at in shown] for r in grid.rows]
    )
    body = "".join(
        "<tr>"
        + "".join(
            _cell(row[at], grid.columns[at], length)
            for at, length in zip(shown, lengths, strict=True)
        )
        + "</tr>"
        for row in grid.rows
    )
    return (
        f'<div class="pmat-scroll"><table class="pmat-grid">{head}<tbody>{body}</tbody>'
        "</table></div>"
    )


def _lengths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[int]:
    """How many characters each column shows, so that none pushes the others out of view."""
    last = len(columns) - 1
    texts = [["" if isinstance(cell, Bar) else clean(cell) for cell in row] for row in rows]
    if columns[last].flex:
        for row in texts:
            row[last] = cut(row[last], columns[last].least)
    texts.append([column.header for column in columns])
    lengths = fitted(columns, texts, _ROW_LENGTH)
    return [*lengths[:last], max(lengths[last], _CELL_LENGTH)]


def _side(column: Column) -> str:
    names = ["pmat-right"] if column.right else []
    names += [f"pmat-{column.tone}"] if column.tone else []
    return f' class="{" ".join(names)}"' if names else ""


def _cell(cell: Cell, column: Column, length: int) -> str:
    if isinstance(cell, Bar):
        return f"<td>{_bar(cell)}</td>"
    shown = cut(clean(cell), length) if column.flex else cell
    title = f' title="{safe(cell)}"' if shown != cell else ""
    return f"<td{_side(column)}{title}>{_with_commands(shown.strip())}</td>"


def _bar(cell: Bar) -> str:
    if cell.share is None:
        return NA
    share = min(max(cell.share, 0.0), 1.0)
    if share == 0:
        return ""
    look = f"width:{share * 100:.1f}%;background:{hue_of(cell.hue)}"
    # The blocks show where the style is dropped; with it they have no size.
    return f'<div class="pmat-bar"><span style="{look}">{bar(share)}</span></div>'
