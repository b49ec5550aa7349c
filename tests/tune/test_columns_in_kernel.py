"""``%pmat_recommend`` in a real kernel: estimated beside measured, applied and undone."""

from __future__ import annotations

from typing import Any

import pytest
from support.kernel import Kernel

TABLE = """
%load_ext pmat_nb
import numpy as np, pandas as pd
count = np.arange(1_000_000)
df = pd.DataFrame({
    "small": count % 10, "whole": (count % 100).astype(float), "any": np.sqrt(count + 0.5),
    "word": pd.Series(["red", "green", "blue", "yellow"] * 250_000),
})
again = pd.DataFrame({"any": np.sqrt(count + 0.5)})
view = np.ones(4_000_000)[:10]
texts = ["key %d" % (at % 20) for at in range(300_000)]
del count
before = df.copy(deep=True)
"""
LISTED = """
listed = get_ipython().run_line_magic("pmat_recommend", "--lossy")
rows = {row.kind: row for row in listed.rows if row.where.partition(",")[0] in
        ("df", "view", "texts")}
"""
APPLY = """
done = get_ipython().run_line_magic("pmat_recommend", "--apply " + str(rows[{kind!r}].row))
one = done.record.applied[0]
"""


@pytest.fixture
def listed(fresh_kernel: Kernel) -> Kernel:
    assert fresh_kernel.run(TABLE).status == "ok"
    # What shares text with it keeps it.
    fresh_kernel.run("before['word'] = before['word'].astype('category')")
    assert fresh_kernel.run(LISTED, timeout=120).status == "ok"
    return fresh_kernel


def applied(kernel: Kernel, kind: str) -> tuple[Any, ...]:
    result = kernel.run(APPLY.format(kind=kind), timeout=120)
    assert result.status == "ok", result.error
    found: tuple[Any, ...] = kernel.value(
        "(one.state, one.row.estimated_bytes, one.measured_bytes, one.allocated_bytes)"
    )
    return found


def is_near(estimated: int, *measured: int) -> bool:
    """Within 20% of one of them: of resident bytes, or of what allocators were given back."""
    return any(abs(one - estimated) <= 0.2 * max(one, estimated) for one in measured)


def test_what_is_measured_is_what_was_estimated_and_undo_brings_it_back(listed: Kernel) -> None:
    kinds = listed.value("sorted(rows)")
    assert {"smaller numbers", "categories", "small views", "equal strings"} <= set(kinds)
    for kind in ("smaller numbers", "categories", "small views", "equal strings"):
        state, estimated, *measured = applied(listed, kind)
        assert state == "done"
        assert is_near(estimated, *measured), (kind, estimated, measured)
    assert listed.value("str(df.dtypes['small'])") == "int8"
    assert listed.value("str(df.dtypes['word'])") == "category"
    listed.run('get_ipython().run_line_magic("pmat_recommend", "--undo")', timeout=120)
    assert listed.value("str(df.dtypes['word'])") in ("str", "object")
    listed.run('get_ipython().run_line_magic("pmat_recommend", "--undo")', timeout=120)
    listed.run("before['word'] = before['word'].astype(df['word'].dtype)")
    listed.run("pd.testing.assert_frame_equal(df, before, check_exact=True)")
    assert listed.value("df.equals(before) and list(df.columns) == list(before.columns)")
    assert listed.value("[n for n in dir() if 'pmat' in n.lower() and n != 'pmat']") == []


def test_equal_columns_are_shared_until_one_is_written_to(listed: Kernel) -> None:
    if not listed.value("int(pd.__version__.split('.')[0]) >= 3"):
        assert "equal data" not in listed.value("[k for k, r in rows.items() if r.risk == 'none']")
        return
    state, estimated, *measured = applied(listed, "equal data")
    assert state == "done"
    assert is_near(estimated, *measured), (estimated, measured)
    listed.run("again.loc[0, 'any'] = -1.0")
    assert listed.value("[float(one.loc[0, 'any']) for one in (again, df)]") == [-1.0, 0.5**0.5]


def test_lossy_rows_come_only_when_asked_for(listed: Kernel) -> None:
    assert listed.value("'lossy' in [row.risk for row in listed.rows]")
    listed.run('plain = get_ipython().run_line_magic("pmat_recommend", "")', timeout=120)
    assert not listed.value("'lossy' in [row.risk for row in plain.rows]")


def test_a_series_that_is_a_variable_is_changed_and_brought_back(fresh_kernel: Kernel) -> None:
    code = (
        "%load_ext pmat_nb\nimport numpy as np, pandas as pd\n"
        "s = pd.Series(np.arange(2_000_000) % 10, name='n')\ntwin = s\n"
        "s.dtype, float(s.mean()), s.describe().shape;"
    )
    assert fresh_kernel.run(code).ok
    kept = "(str(s.dtype), s.name, int(s.sum()), s is twin)"
    before = fresh_kernel.value(kept)
    text = fresh_kernel.run("%pmat_recommend", timeout=120).text
    assert 's = twin = s.astype("int8")' in text, text
    # A second list looks at it again, after it was sized.
    assert fresh_kernel.run("%pmat_recommend", timeout=120).text.count("int64 as int8") == 1
    assert "applied" in fresh_kernel.run("%pmat_recommend --apply 1", timeout=120).text
    assert fresh_kernel.value(kept) == ["int8", *before[1:]]
    assert "undone" in fresh_kernel.run("%pmat_recommend --undo", timeout=120).text
    assert fresh_kernel.value(kept) == before
