"""What a page looks like to those who cannot see it well: names, contrast, and what moves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

__all__ = ["faint_texts", "nameless", "shifts", "watch_shifts"]

# Roles that need a name of their own, as the accessibility tree lists them.
_NAMED = "button|slider|combobox|textbox|searchbox|checkbox|radio|tab|tabpanel|table|spinbutton|img"
# Of what has text of its own: that text, its colour and size, and what is painted behind it.
_TEXTS = """(root) => {
  const colour = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
      const [r, g, b, a = 1] = colour(getComputedStyle(at).backgroundColor);
      if (a > 0.99) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => {
      const s = v / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const element of root.querySelectorAll("*")) {
    const own = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    const style = getComputedStyle(element);
    if (!own.length || !element.getClientRects().length || element.matches(":disabled")) continue;
    if (style.visibility !== "visible" || style.clipPath !== "none") continue;
    const ink = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [r, g, b] = colour(ink);
    const [high, low] = [light([r, g, b]), light(behind(element))].sort((x, y) => y - x);
    const ratio = (high + 0.05) / (low + 0.05);
    found.push([own[0].data.trim().slice(0, 40), ratio * 1]);
  }
  return found;
}"""
_WATCH = """() => {
  window.pmatShifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // A node is an element or a text, and may be gone.
      const ours = entry.sources.filter(({ node }) =>
        (node?.closest ? node : node?.parentElement)?.closest(".jp-Notebook"));
      // What follows a click or a key within half a second is no surprise.
      if (ours.length && !entry.hadRecentInput) window.pmatShifts.push(entry.value);
    }
  }).observe({ type: "layout-shift" });
}"""


def nameless(root: Locator) -> list[str]:
    """Controls and regions that a screen reader cannot tell the purpose of."""
    lines = [line.strip() for line in root.aria_snapshot().splitlines()]
    return [line for line in lines if re.match(rf"- ({_NAMED})\b(?! \")", line)]


def faint_texts(root: Locator, least: float = 4.5) -> list[tuple[str, float]]:
    """Texts whose contrast to what is behind them is under ``least`` (WCAG 2.1, 1.4.3)."""
    return [(text, round(ratio, 2)) for text, ratio in root.evaluate(_TEXTS) if ratio < least]


def watch_shifts(page: Page) -> None:
    """From now on, note what moves in the notebook without anyone having touched it."""
    page.evaluate(_WATCH)


def shifts(page: Page) -> float:
    """The sum of layout shifts since (the browser's own measure, 0.1 counts as a jump)."""
    return sum(page.evaluate("() => window.pmatShifts"))
