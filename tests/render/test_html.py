"""HTML: well-formed, self-contained, readable without its style, the same facts as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from pmat_nb.render import html
from pmat_nb.render.blocks import Bar, Column, Fold, Grid, Line, Part, level
from pmat_nb.render.format import bar
from pmat_nb.render.page import report_page
from pmat_nb.render.stats import Stats
from pmat_nb.render.status import Status
from pmat_nb.render.variables import Variables
from pmat_nb.render.why import Why

from .examples import DETAILED, EMPTY, HOLDERS, RSS, STATS, VARIABLES, gb, variable

VOID = {"meta", "img", "source", "br"}


class Reader(HTMLParser):
    """Checks that tags nest, and collects what a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.seen.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.seen).split())


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    assert reader.open == []
    return reader


REPORTS = [
    Stats(STATS),
    Stats(DETAILED).detailed(),
    Stats(EMPTY),
    Stats(STATS).by("cell"),
    Status(STATS),
    Variables(VARIABLES, rss_bytes=RSS),
    Why("trades", HOLDERS),
]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_html_states_the_same_facts_as_text(report):
    def figures(text: str) -> set[str]:
        return set(re.findall(r"\d[\d.,]*", text))

    seen = read(report._repr_html_()).text
    assert figures(report.text()) <= figures(seen)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_html_is_well_formed_and_fetches_nothing(report):
    markup = report._repr_html_()
    reader = read(markup)
    assert not re.search(r"<script|<link|<iframe|https?:|url\(|@import|\son\w+=", markup)
    assert not any(name in ("src", "href") for name, _ in reader.attributes)


def test_bars_stay_as_blocks_where_the_style_is_dropped():
    # GitHub keeps the text of a table and drops style elements and attributes.
    bare = re.sub(r"<style>.*?</style>", "", Stats(STATS)._repr_html_(), flags=re.DOTALL)
    bare = re.sub(r' style="[^"]*"', "", bare)
    assert bar(0.77) in read(bare).text
    assert "your data" in read(bare).text


def test_the_style_follows_the_front_end_and_is_small():
    assert "var(--jp-ui-font-color1,var(--vscode-foreground,inherit))" in html.STYLE
    assert len(html.STYLE) < 3_500
    assert "\n" not in html.STYLE


def test_markup_in_names_is_escaped_everywhere():
    evil = '"><script>x</script>&\n'
    grid = Grid((Column(evil, flex=True), Column()), ((evil, Bar(0.5)), (evil * 20, Bar(None))))
    blocks = [
        Line.of(evil, Part(evil, "strong"), level("LOW", evil), Part(evil, "command")),
        Fold(evil, (grid,)),
    ]
    markup = html.draw(blocks)
    assert "<script" not in markup
    assert '"&gt;' not in markup
    read(markup)


def test_a_long_name_is_cut_and_whole_in_its_title():
    name = "n" * 300
    markup = html.draw([Grid((Column(flex=True),), ((name,),))])
    assert f'title="{name}"' in markup
    assert "n…</td>" in markup


def test_commands_are_set_as_code():
    markup = html.draw([Line.of("<i> 0.51 → %pmat_cleanup --target cache <b>")])
    assert "&lt;i&gt; 0.51 → <code>%pmat_cleanup --target cache</code> &lt;b&gt;" in markup


@pytest.mark.parametrize(
    "command",
    [
        "%pmat_vars --top 24",
        "%pmat_vars --top 24 --exact",
        "%pmat_limit 10GB",
        "%pmat_limit +1.5GB",
        "%%pmat_limit 2GB --scope total",
        "%pmat_cleanup --target cache:Out --aggressive",
    ],
)
def test_a_command_keeps_its_values(command):
    markup = html.draw([Line.of(f"+4 more: {command} (or so), and on.")])
    assert f"<code>{command}</code> (or so)" in markup


def test_one_long_column_does_not_push_the_others_out_of_view():
    also = ", ".join(f"holder_{number}" for number in range(30))
    rows = [variable("trades", gb(3), also_held_by=also, bound_in="In[4]", cells_since_use=7)]
    markup = Variables(rows)._repr_html_()
    assert f'title="{also}"' in markup
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", markup)
    assert sum(map(len, cells)) <= 104
    assert "7 cells" in cells and "In[4]" in cells


def test_the_last_column_may_be_long():
    told = "what it does, in a sentence of some length that nothing stands behind, to its very end"
    markup = html.draw([Grid((Column(), Column(flex=True)), (("k" * 60, told),))])
    assert f"{told}</td>" in markup


def test_folds_open_and_close():
    markup = Stats(DETAILED).detailed()._repr_html_()
    assert "<details open><summary>Pools</summary>" in markup
    assert "<details><summary>Caches</summary>" in markup


def test_a_page_stands_alone():
    page = report_page(
        [Status(STATS), ("All of <it>", Stats(DETAILED).detailed())], "Tour & more", note="a note"
    )
    reader = read(page)
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>Tour &amp; more</title>" in page
    assert "All of <it>" in reader.text
    sources = [value for name, value in reader.attributes if name in ("src", "srcset")]
    assert len(sources) == 2
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert not re.search(r"<script|<link|https?:|@import", page)


def test_a_page_can_do_without_pictures():
    assert "<img" not in report_page([Stats(STATS)], "plain", pictures=False)
