"""The reports over constructed records: exact text, keys, columns, and odd input."""

from __future__ import annotations

import json
import math
import pickle

import pytest

from pmat_nb.engine.records import Limit, Pressure
from pmat_nb.engine.stats_records import Holder, MoreVariables, PoolItem, SizingSummary
from pmat_nb.errors import UsageError
from pmat_nb.render.breakdown import Breakdown
from pmat_nb.render.report import json_safe
from pmat_nb.render.stats import Stats
from pmat_nb.render.status import Status
from pmat_nb.render.variables import COLUMNS, Variables
from pmat_nb.render.why import Why

from .examples import (
    DETAILED,
    EMPTY,
    HOLDERS,
    POOLS,
    RSS,
    STATS,
    VARIABLES,
    gb,
    mb,
    pool,
    variable,
)

HINTS = {"cache": "%pmat_cleanup --target cache"}
HOSTILE = "<script>alert(1)</script>\n\x1b[31m" + "x" * 300


def reports():
    return [
        Stats(STATS, hints=HINTS),
        Stats(DETAILED).detailed(),
        Stats(EMPTY).detailed(),
        *(Stats(STATS).by(what) for what in ("pool", "variable", "cell", "type")),
        Stats(EMPTY).by("cell"),
        Variables(VARIABLES, rss_bytes=RSS, sizing=STATS.sizing),
        Variables([]),
        Why("trades", HOLDERS, size=VARIABLES[0], hints=["del trades frees 3.10 GB"]),
        Why("x", [], complete=False),
        Status(STATS, protection="stops a cell at 12.9 GB (auto)", hints=["%pmat_stats"]),
        Status(EMPTY),
    ]


def ids(report):
    return type(report).__name__


# -- exact text ----------------------------------------------------------------------


def test_stats_reads_as_documented():
    assert repr(Stats(STATS, hints=HINTS)) == "\n".join(
        [
            "kernel 6.21 of 13.4 GB usable · 7.2 GB free to you (physical 15.4, others 2.0) "
            "· LOW 0.28",
            "  your data     4.80 GB 77% ███████▋  trades 3.1, X 1.4, +12",
            "  caches & Out  0.62 GB 10% █         Out[] 0.51 → %pmat_cleanup --target cache",
            "  leftovers     0.31 GB  5% ▌         traceback of In[14]",
            "  libraries     0.28 GB  5% ▌         imports 0.22, at load 0.06",
            "  allocator     0.12 GB  2% ▏         held, free",
            "  unattributed  0.08 GB  1% ▏",
            "gpu 0: 18.2 of 80 GB · reserved 17.9 · torch, tensors 12.4",
            "GC last run 2 min ago, next in 8 min · cells stop at 12.9 GB",
            "In[17]: +0.40 GB, peak 8.9 GB (exact) · sizing complete in 0.11 s",
        ]
    )


def test_stats_in_one_line():
    line = Stats(STATS).text("compact")
    assert line == (
        "kernel 6.21 of 13.4 GB usable · LOW 0.28 · your data 4.8, caches & Out 0.62, "
        "leftovers 0.31 · In[17]: +0.40 GB, peak 8.9 GB (exact)"
    )


def test_the_pool_tree_reads_as_pmat_prints_it():
    lines = repr(Stats(DETAILED).detailed()).splitlines()
    at = lines.index("Pools")
    assert lines[at + 1] == (
        "Total Allocated: 1,040 MB   Used: 611 MB (58.8%)   Available: 429 MB (41.2%)"
    )
    assert lines[at + 2 : at + 7] == [
        "├─ AST Pool:         312 MB / 512 MB (60.9%)   exponential, peak ≥ 400 MB, mean 312 MB, "
        "waste 3%",
        "├─ Cache Pool:       287 MB / 512 MB (56.1%)   adaptive, peak ≥ 287 MB, mean 287 MB, "
        "waste 12%",
        "├─ Analysis Pool:  4,915 MB                    measured, peak ≥ 5.20 GB, mean 4.10 GB, "
        "waste 2%",
        "├─ String Pool:       12 MB /  16 MB (75.0%)   incremental, peak ≥ 12.0 MB, mean 12.0 MB, "
        "waste 50%",
        "└─ Temp Pool:        317 MB / 128 MB (248.0%)  measured, peak ≥ 317 MB, mean 317 MB, "
        "waste n/a",
    ]


def test_detailed_lists_what_is_behind_the_figures():
    text = repr(Stats(DETAILED).detailed())
    for title in (
        "Largest variables (10 of 14)",
        "Caches",
        "Allocators",
        "Child processes (2)",
        "Limits in force",
    ):
        assert title in text.splitlines()
    assert "auto             12.9 GB  enforced  tightest" in text
    assert "Arrow (mimalloc)      n/a   610 MB      n/a  free bytes not readable" in text


def test_small_pools_fold_into_other():
    text = repr(Stats(DETAILED))
    assert "  other         0.01 GB <1% ▏         strings 0.01" in text
    assert "strings  " not in text


def test_lower_bounds_are_marked_and_the_rest_is_at_most():
    record = STATS._replace(
        pools=(POOLS[0]._replace(complete=False), *POOLS[1:]),
        sizing=SizingSummary(False, 0.25, 12.0, 10),
    )
    text = repr(Stats(record))
    assert "your data     ≥ 4.80 GB 77%" in text
    assert "unattributed  ≤ 0.08 GB  1%" in text
    assert "sizing stopped after 0.25 s, 12 s ago: ≥ are lower bounds" in text


def test_unattributed_may_be_negative_and_is_always_shown():
    def line(record):
        return next(x for x in repr(Stats(record)).splitlines() if "unattributed" in x)

    below = STATS._replace(unattributed_bytes=-gb(0.08))
    why = "libraries are as loaded: some is gone or counted above"
    assert line(below).startswith("  unattributed  -0.08 GB -1%  ")
    assert line(below).endswith(f"  {why}")
    old = below._replace(sizing=STATS.sizing._replace(age_s=12))
    assert line(old).endswith("less what has gone since the sizing 12 s ago")
    assert line(STATS._replace(unattributed_bytes=-gb(0.01))) == "  unattributed  -0.01 GB  0%"


def test_children_count_in_the_headline():
    head = repr(Stats(DETAILED)).splitlines()[0]
    assert head == (
        "kernel 6.21 + children 1.0 of 13.4 GB usable · 6.2 GB free (container 14, others 2.0) "
        "· LOW 0.28"
    )


def test_a_limit_that_was_set_is_what_counts():
    record = STATS._replace(limit=Limit(gb(8), "%pmat_limit", True))
    head = repr(Stats(record)).splitlines()[0]
    assert head.startswith(
        "kernel 6.21 of 8 GB limit · 1.8 GB free to you (%pmat_limit, 13.4 usable)"
    )


def test_a_critical_machine_without_a_limit_is_said():
    record = STATS._replace(pressure=Pressure(None, "CRITICAL", {}))
    assert repr(Stats(record)).splitlines()[0].endswith("· CRITICAL")


def test_small_kernels_are_listed_in_megabytes():
    record = STATS._replace(
        rss_bytes=mb(312),
        tree_bytes=mb(312),
        pools=(pool("analysis", "your data", mb(120), items=(PoolItem("x", mb(119.5)),)),),
        imports_bytes=mb(90),
        baseline_bytes=mb(80),
        slack_bytes=mb(12),
        unattributed_bytes=mb(10),
    )
    lines = repr(Stats(record)).splitlines()
    assert lines[0].startswith("kernel 312 MB of 13.4 GB usable")
    assert lines[1] == "  your data     120 MB 38% ███▊    x"
    assert lines[2] == "  libraries     170 MB 54% █████▍  imports 90, at load 80"


def test_a_limit_far_below_what_is_usable_keeps_the_units_apart():
    tiny = Limit(mb(392), "%pmat_limit", True)
    record = STATS._replace(limit=tiny, rss_bytes=mb(192), tree_bytes=mb(192))
    assert (
        repr(Stats(record))
        .splitlines()[0]
        .startswith("kernel 192 of 392 MB limit · 200 MB free to you (%pmat_limit, 13.4 GB usable)")
    )
    assert "cells stop at" not in repr(Stats(record))


def test_estimates_stand_beside_lower_bounds_and_explain_the_rest():
    item = PoolItem("recs", mb(31), complete=False, estimated_bytes=mb(290))
    record = STATS._replace(
        rss_bytes=mb(381),
        pools=(pool("analysis", "your data", mb(31), items=(item,), complete=False),),
        unattributed_bytes=mb(284),
        sizing=SizingSummary(False, 0.13, 12.0, 500_000),
    )
    lines = [line.strip() for line in repr(Stats(record)).splitlines()]
    assert lines[1].endswith("recs ≥ 31 (~ 290)")
    rest = next(line for line in lines if line.startswith("unattributed"))
    assert "about 259 MB of it is recs; with what is new since the" in rest
    assert "recs ~ 290 MB" in repr(Status(record))


def test_variables_tell_what_is_not_in_their_sizes():
    rows = (
        variable("z", 0, not_resident_bytes=mb(763), charged_bytes=0),
        variable("recs", mb(31), complete=False, estimated_bytes=mb(290), estimated_age_s=12.0),
        variable("d", 238, shared_bytes=mb(191), charged_bytes=256),
        variable("X", 0, shared_bytes=mb(191), charged_bytes=mb(191)),
    )
    found = Variables(rows).to_dict()["variables"]
    assert [row["name"] for row in found] == ["recs", "X", "d", "z"]
    assert found[0]["detail"] == "~ 290 MB (sized 12 s ago)"
    assert found[3]["detail"] == "763 MB not in memory"


def test_status_is_five_lines_and_the_next_commands():
    text = repr(
        Status(
            STATS, protection="stops a cell at 12.9 GB (auto)", hints=["%pmat_stats", "%pmat_vars"]
        )
    )
    assert text.splitlines() == [
        "kernel 6.21 of 13.4 GB usable · 7.2 GB free to you (physical 15.4, others 2.0) · LOW 0.28",
        "  pressure   LOW 0.28 (kernel 0.28, host 0.53)",
        "  largest    trades 3.1 GB, X 1.4 GB, Out[] 522 MB, traceback of In[14] 317 MB, +12",
        "  last cell  In[17]: +0.40 GB, peak 8.9 GB (exact), 4.1 s · "
        "m = trades.merge(quotes, on='id')",
        "  limit      stops a cell at 12.9 GB (auto)",
        "next:  %pmat_stats  %pmat_vars",
    ]


def test_why_reads_as_a_short_path():
    text = repr(Why("trades", HOLDERS, size=VARIABLES[0], hints=["del trades frees 3.10 GB"]))
    assert text.splitlines() == [
        "trades (DataFrame 1,204,331 × 14) · 3.10 GB retained · 210 MB shared with others",
        "  ├─ trades                                  3.10 GB  your variable",
        "  ├─ Out[3] → _3                             3.10 GB  IPython output history",
        "  ├─ mylib._registry → list of 40 DataFrame  76.0 MB  module",
        "  └─ frame of generator rows() in In[12]         n/a  suspended generator",
        "  → del trades frees 3.10 GB",
    ]


def test_a_search_that_ended_early_says_so():
    text = repr(Why("x", HOLDERS[:1], complete=False))
    assert text.splitlines()[-1] == "  └─ … the search ended early; there may be more"
    assert "no holder found in the time given" in repr(Why("x", [], complete=False))


def test_variables_show_every_column_at_full_width_and_fewer_when_narrow():
    wide = Variables(VARIABLES).text(width=100).splitlines()[1].split()
    assert wide == [
        "name",
        "retained",
        "shared",
        "shallow",
        "type",
        "detail",
        "also",
        "held",
        "by",
        "from",
        "unused",
    ]
    narrow = Variables(VARIABLES).text(width=80)
    assert "shallow" not in narrow
    assert "also held by" in narrow.splitlines()[1]


def test_variables_count_what_is_not_listed():
    more = MoreVariables("list", 1997, 5 * 2**20, complete=False)
    text = repr(Variables(VARIABLES[:3], more=[more], top=2))
    assert "1,997 × list: ≥ 5.00 MB together" in text
    assert "+1,998 more: %pmat_vars --top 2000 --exact" in text
    assert len(text.splitlines()) == 6
    assert "+1 more: %pmat_vars --top 3" in repr(Variables(VARIABLES[:3], top=2))


@pytest.mark.parametrize("what", ["variable", "type", "cell"])
def test_every_breakdown_counts_what_is_not_listed(what):
    more = MoreVariables(VARIABLES[0].type, 1997, 5 * 2**20, complete=True)
    record = STATS._replace(variables=VARIABLES, more_variables=(more,))
    groups = Breakdown(record, what).groups
    assert sum(group.count for group in groups) == len(VARIABLES) + 1997
    retained = sum(row.retained_bytes for row in VARIABLES) + 5 * 2**20
    assert sum(group.used_bytes for group in groups) == retained


# -- figures -------------------------------------------------------------------------

STATS_KEYS = [
    "timestamp",
    "rss_bytes",
    "tree_bytes",
    "children_bytes",
    "baseline_bytes",
    "imports_bytes",
    "slack_bytes",
    "unattributed_bytes",
    "not_resident_bytes",
    "device_bytes",
    "total_allocated_bytes",
    "total_used_bytes",
    "total_available_bytes",
    "limit_bytes",
    "limit_source",
    "pressure",
    "pressure_level",
    "pressure_parts",
    "pools",
    "gc",
    "cell",
]


@pytest.mark.parametrize("record", [STATS, DETAILED, EMPTY])
def test_stats_keys_are_the_contract(record):
    assert list(Stats(record).to_dict()) == STATS_KEYS


def test_stats_figures():
    figures = Stats(DETAILED).to_dict()
    assert figures["timestamp"] == "2025-10-09T08:55:23.457Z"
    assert figures["total_allocated_bytes"] == mb(512 + 16 + 512)
    assert figures["total_used_bytes"] == mb(287 + 12 + 312)
    assert figures["total_available_bytes"] == mb(1040 - 611)
    assert figures["limit_source"] == "auto"
    assert list(figures["pools"]["cache"]) == [
        "limit_bytes",
        "capacity_bytes",
        "used_bytes",
        "peak_bytes",
        "peak_kind",
        "mean_bytes",
        "waste",
        "as_of_s",
        "complete",
        "growth",
    ]
    assert isinstance(figures["pools"]["analysis"]["mean_bytes"], int)
    assert figures["gc"] == {"last_run_s_ago": 121.0, "next_run_in_s": 478.0}
    assert list(figures["cell"]) == [
        "execution_count",
        "label",
        "first_line",
        "duration_s",
        "growth_bytes",
        "peak_bytes",
        "peak_kind",
        "failed",
    ]
    assert Stats(EMPTY).to_dict()["cell"] is None
    assert Stats(EMPTY).to_dict()["rss_bytes"] is None


def test_a_log_line_can_be_searched():
    line = Stats(STATS).to_json(compact=True)
    assert '"pressure_level":"LOW"' in line
    assert "\n" not in line
    assert json.loads(line) == Stats(STATS).to_dict()


def test_figures_are_attributes_too():
    stats = Stats(DETAILED)
    assert stats.rss_bytes == RSS
    assert stats.pressure == pytest.approx(0.2839)
    assert stats.pools["ast"]["used_bytes"] == mb(312)
    assert stats.limit_bytes == gb(12.9)
    assert stats.variables == VARIABLES
    assert "total_used_bytes" in dir(stats)
    with pytest.raises(AttributeError, match="no figure 'rss_byte'"):
        _ = stats.rss_byte


def test_a_report_can_be_pickled():
    stats = pickle.loads(pickle.dumps(Stats(STATS)))
    assert stats.to_dict() == Stats(STATS).to_dict()


def test_the_frame_sums_up_to_the_rss():
    frame = Stats(STATS).to_frame()
    assert list(frame["part"]) == (
        [
            "baseline",
            "imports",
            "analysis",
            "cache",
            "temp",
            "string",
            "ast",
            "slack",
            "unattributed",
        ]
    )
    assert frame["used_bytes"].sum() == RSS
    assert frame["share"].sum() == pytest.approx(1)
    assert str(frame["used_bytes"].dtype) == "Int64"


def test_an_unknown_part_is_missing_in_the_frame_not_zero():
    frame = Stats(EMPTY).to_frame()
    assert frame["used_bytes"].isna().all()
    assert frame["complete"].isna().all()


def test_variable_columns_are_the_contract():
    frame = Variables(VARIABLES).to_frame()
    assert list(frame.columns) == [
        "name",
        "retained_bytes",
        "shared_bytes",
        "shallow_bytes",
        "device_bytes",
        "type",
        "detail",
        "also_held_by",
        "bound_in",
        "cells_since_use",
        "complete",
    ]
    assert list(frame.columns) == list(COLUMNS)
    assert frame["retained_bytes"].is_monotonic_decreasing
    assert frame["device_bytes"].isna().all()


@pytest.mark.parametrize("what", ["pool", "variable", "cell", "type"])
def test_each_grouping_has_a_frame_and_a_text(what):
    grouped = Stats(STATS).by(what)
    frame = grouped.to_frame()
    assert frame.columns[0] == what
    assert frame["used_bytes"].sum() == (
        RSS if what == "pool" else sum(row.retained_bytes for row in VARIABLES)
    )
    assert what in repr(grouped).splitlines()[1]


def test_an_unknown_grouping_is_refused_with_the_choices():
    with pytest.raises(UsageError, match=r"--by: 'pools' is not one of pool, variable"):
        Stats(STATS).by("pools")


def test_json_never_says_nan():
    assert json_safe({"a": math.nan, "b": [math.inf, 1.5], 3: (None, True)}) == {
        "a": None,
        "b": [None, 1.5],
        "3": [None, True],
    }
    broken = STATS._replace(pressure=Pressure(math.nan, None, {"host": math.inf}))
    assert json.loads(Stats(broken).to_json())["pressure"] is None


# -- every report --------------------------------------------------------------------


@pytest.mark.parametrize("report", reports(), ids=ids)
@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_too_long(report, width):
    for line in report.text(width=width).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("report", reports(), ids=ids)
def test_every_form_of_every_report_works(report):
    assert "\n" not in report.text("compact")
    json.loads(report.to_json(compact=False))
    assert report.to_frame() is not None
    assert report._repr_html_().count("<style>") == 1


@pytest.mark.parametrize(
    "report",
    [
        Variables([variable(HOSTILE, gb(1), type=HOSTILE, detail=HOSTILE, also_held_by=HOSTILE)]),
        Why(HOSTILE, [Holder(HOSTILE, HOSTILE)]),
        Stats(STATS._replace(notes=(HOSTILE,), pools=(pool("p", HOSTILE, gb(5)),))).detailed(),
        Status(
            STATS._replace(variables=(variable(HOSTILE, gb(1)),)),
            protection=HOSTILE,
            hints=[HOSTILE],
        ),
        Stats(STATS._replace(variables=(variable(HOSTILE, gb(1)),))).by("variable"),
    ],
    ids=ids,
)
def test_hostile_names_stay_in_their_line_and_out_of_the_markup(report):
    text = report.text(width=100)
    assert "\x1b" not in text
    assert all(len(line) <= 100 for line in text.splitlines())
    html = report._repr_html_()
    assert "<script" not in html
    assert "\x1b" not in html
    assert "&lt;script&gt;" in html


def test_hundred_thousand_variables_are_shown_at_once():
    many = Variables([variable(f"v{n}", n) for n in range(100_000)])
    assert len(repr(many).splitlines()) < 30
    assert len(many._repr_html_()) < 20_000
