"""A leak report's lines as they are read, its folds in HTML alone, its frames and picture."""

from __future__ import annotations

import pytest

from pmat_nb.engine.leaks.records import Growth, LeakRow, RowDetail, TracedFrame
from pmat_nb.engine.leaks.report import LeakRecord
from pmat_nb.render.leaks import LeakReport

KB, MB = 1024, 1024 * 1024
LEAK = LeakRow(
    "In[12]:3",
    "/srv/cells/3.py",
    3,
    "mylib.load(p)",
    "",
    "python",
    "leak",
    0.97,
    1.9 * MB,
    76 * MB,
    40,
    40,
    "mylib._registry → list of 40 DataFrame",
    "bound mylib._registry, or hold weak references",
)
TRACEBACK = (
    TracedFrame("io.py:9", "read", "return parse(f)", False),
    TracedFrame("In[12]:3", "", "mylib.load(p)", True),
    TracedFrame("In[13]:1", "", "step()", True),
)


def record(*pairs, **changed):
    rows, details = zip(*pairs, strict=True) if pairs else ((), ())
    series = tuple((i, i * 1000) for i in range(4, 44))
    made = LeakRecord(
        rows=rows,
        iterations=43,
        warmup=3,
        traced=6,
        failures=0,
        duration_s=31.0,
        plain_s=0.34,
        cost=2.1,
        interrupted=False,
        total=Growth("constant", 1000.0, 990.0, 1010.0, 1000.0, 1000.0, 1.0, 40),
        series=series,
        details=details,
        repeat=60,
    )
    return made._replace(**changed)


def other(verdict, **changed):
    return LEAK._replace(verdict=verdict, retained_by="", recommendation="", **changed)


def test_the_leak_and_what_is_none_read_as_they_should():
    report = LeakReport(
        record(
            (LEAK, RowDetail(TRACEBACK, "constant")),
            (other("kept", site="In[12]:4"), RowDetail(kept_by="losses")),
            (
                other("warm-up", confidence=0.99, site="re.py:8", source="cache[p] = c"),
                RowDetail(settled_at=3),
            ),
            (
                other("undecided", site="In[12]:7", bytes_per_iteration=2.0 * KB),
                RowDetail(spread=3.0 * KB, more_iterations=27),
            ),
            (other("noise", site="In[12]:9"), RowDetail()),
        )
    )
    assert report.text(width=100).splitlines() == [
        "leak 0.97  In[12]:3  mylib.load(p)  1.9 MB/run, constant over 40 runs (76 MB)",
        "    kept by: mylib._registry → list of 40 DataFrame",
        "    fix:     bound mylib._registry, or hold weak references",
        "kept on purpose: losses (your variable) · 1.9 MB/run over 40 runs (76 MB)",
        "warm-up 0.99: re.py:8 cache[p] = c, flat after run 3",
        "not enough runs to tell: In[12]:7, 2.0 ± 3.0 kB/run; about 19 s more: --repeat 70",
        "your code ran 43 times in 31 s (2.1× plain)",
    ]


def test_what_is_not_known_is_not_said():
    report = LeakReport(record((other("undecided"), RowDetail()), plain_s=None, cost=None))
    first, _ = report.text().splitlines()
    assert first == "not enough runs to tell: In[12]:3, 1.9 MB/run"
    few = LeakReport(record(more_iterations=20, plain_s=None))
    assert few.text().startswith("not enough runs to tell; about 20 more: --repeat 63\n")
    by_hand = LeakReport(record(more_iterations=20, repeat=None))
    assert by_hand.text().startswith("not enough runs to tell; about 20 more runs may tell\n")


def test_one_report_asks_for_one_number_of_runs():
    rows = [(other("undecided", site=f"In[1]:{n}"), RowDetail(more_iterations=n)) for n in (4, 9)]
    text = LeakReport(record(*rows, more_iterations=9, plain_s=None)).text()
    assert text.count("--repeat 52") == text.count("--repeat") == 2


def test_tracebacks_are_folds_of_html_with_the_users_frames_first():
    report = LeakReport(record((LEAK, RowDetail(TRACEBACK, "constant"))))
    html = report._repr_html_()
    assert "traceback" not in report.text() and "io.py:9" not in report.text()
    outer, inner = html.index("<summary>traceback"), html.index("<summary>1 frame in libraries")
    assert outer < html.index("In[13]:1") < inner < html.index("io.py:9")
    assert html.count("<details>") == 2  # both closed
    assert report.to_dict()["tracebacks"]["In[12]:3"][0]["function"] == "read"
    plain = LeakReport(record((LEAK, RowDetail())))
    assert "<details" not in plain._repr_html_() and plain.to_dict()["tracebacks"] == {}


def test_a_site_under_html_of_its_own_is_escaped():
    hostile = (TracedFrame("<b>", "f", "<script>", True), TracedFrame("a.py:1", "", "x", True))
    html = LeakReport(record((LEAK, RowDetail(hostile))))._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_the_frame_of_a_comparison():
    before, after = LeakReport(record()), LeakReport(record((LEAK, RowDetail())))
    frame = after.compare(before)
    assert list(frame.columns) == [
        "site",
        "source",
        "change",
        "before",
        "after",
        "bytes_per_iteration_before",
        "bytes_per_iteration_after",
    ]
    assert frame.dtypes.astype(str).to_list() == ["object"] * 5 + ["Float64"] * 2
    (row,) = frame.to_dict("records")
    assert (row["change"], row["before"], row["after"]) == ("appeared", None, "leak")
    assert before.compare(after).loc[0, "change"] == "gone"
    assert before.compare(before).dtypes.astype(str).to_list() == ["object"] * 5 + ["Float64"] * 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_fit_goes_through_the_points_and_can_be_read(theme):
    from matplotlib.colors import to_rgb

    # The first reading is off by far, as warm-up is.
    series = ((4, 0), *((i, 500_000 + 1000 * i) for i in range(5, 44)))
    figure = LeakReport(record(series=series)).plot(theme=theme)
    (axes,) = figure.axes
    measured, fitted = axes.get_lines()
    assert len(measured.get_xdata()) == 40
    assert fitted.get_ydata()[-1] == pytest.approx(measured.get_ydata()[-1], rel=0.01)
    text, ground = axes.get_legend().get_texts()[0].get_color(), figure.get_facecolor()
    assert abs(sum(to_rgb(text)) - sum(ground[:3])) > 1
