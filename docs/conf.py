"""Sphinx's settings; ``make docs`` assembles the pages and builds (scripts/docs_site.py)."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "pmat_nb"
author = "the pmat_nb developers"
release = version = version_of("pmat_nb")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["files"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb", ".rst": "restructuredtext"}
language = "en"
highlight_language = "text"

# The same anchors as on a forge, so that a link holds in both places.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]

# The notebooks come executed (scripts/docs_site.py): two at a time, a failed cell shown in full.
nb_execution_mode = "off"
nb_merge_streams = True
# Reports have signs such as ≥ that the lexer of tracebacks does not know.
suppress_warnings = ["misc.highlighting_failure"]
# Widgets have a static picture beside them; pages load nothing from a network.
nb_ipywidgets_js: dict[str, str] = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = f"pmat_nb {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "pmat_nb"},
    "navbar_align": "left",
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 6,
}
html_context = {"default_mode": "auto"}
