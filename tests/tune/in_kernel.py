"""What the tests do inside a kernel, as a module so that no name of the user's is touched."""

from __future__ import annotations

import pickle
import types
from pathlib import Path


def _shell():
    from IPython import get_ipython

    return get_ipython()


# What compares by its values; generators, figures and open files are left alone.
_DATA = ("array", "builtins", "collections", "datetime", "numpy", "pandas", "polars", "pyarrow")
_LEFT_OUT = (types.ModuleType, types.FunctionType, types.GeneratorType, type)


def _variables():
    shell = _shell()
    for name, value in shell.user_ns.items():
        if name.startswith("_") or name in shell.user_ns_hidden:
            continue
        yield name, value


def keep(path):
    """Write every variable that is data to a file; the names of those written."""
    kept = {}
    for name, value in _variables():
        module = type(value).__module__
        if isinstance(value, _LEFT_OUT) or module.startswith("numpy.random"):
            continue
        if module.partition(".")[0] not in _DATA:
            continue
        try:
            kept[name] = pickle.dumps(value, protocol=5)
        except Exception:
            continue
    Path(path).write_bytes(pickle.dumps(kept))
    return sorted(kept)


def compare(path, strict):
    """Names whose value differs from what was kept, with how; what is gone is named so."""
    kept = pickle.loads(Path(path).read_bytes())
    shell = _shell()
    found = []
    for name, stored in sorted(kept.items()):
        if name not in shell.user_ns:
            found.append([name, "gone"])
            continue
        try:
            same(pickle.loads(stored), shell.user_ns[name], strict)
        except AssertionError as error:
            found.append([name, str(error)[:300]])
    return found


def same(a, b, strict):
    """Raise AssertionError unless two values are equal; strictly in their types as well."""
    module = type(a).__module__.partition(".")[0]
    if strict:
        assert type(a) is type(b), (type(a), type(b))
    if module == "pandas":
        _same_pandas(a, b, strict)
    elif module == "numpy":
        _same_arrays(a, b, strict)
    elif module in ("polars", "pyarrow"):
        assert a.equals(b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key], strict)
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        if not (len(a) > 1000 and a == b):
            for one, other in zip(a, b, strict=True):
                same(one, other, strict)
    else:
        assert a == b


def _same_pandas(a, b, strict):
    import pandas as pd

    if strict:
        # Not pandas.testing, which takes half a minute for a long index of dates.
        assert a.equals(b)
        for part in ("dtype", "dtypes", "name", "freq"):
            one, other = getattr(a, part, None), getattr(b, part, None)
            assert one.equals(other) if hasattr(one, "equals") else one == other, part
        for part in ("index", "columns"):
            if hasattr(a, part):
                _same_pandas(getattr(a, part), getattr(b, part), strict)
    elif isinstance(a, pd.DataFrame):
        assert list(a.columns) == list(b.columns) and a.index.equals(b.index)
        for at in range(a.shape[1]):
            _same_column(a.iloc[:, at], b.iloc[:, at])
    elif isinstance(a, pd.Series):
        assert a.index.equals(b.index) and a.name == b.name
        _same_column(a, b)
    else:
        assert a.equals(b) if hasattr(a, "equals") else a == b


def _same_column(a, b):
    missing = a.isna().to_numpy(dtype=bool)
    assert (missing == b.isna().to_numpy(dtype=bool)).all(), "nulls"
    left, right = (c[~missing].astype(object).tolist() for c in (a, b))
    assert left == right, f"values of {a.name}"


def _same_arrays(a, b, strict):
    import numpy as np

    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    if strict:
        assert a.dtype == b.dtype, (a.dtype, b.dtype)
    if a.dtype.kind in "fc":
        assert np.array_equal(a, b, equal_nan=True)
    else:
        assert np.array_equal(a, b)


def rows():
    """What `%pmat_recommend` lists, as dictionaries."""
    return _recommender().report().to_dict()["rows"]


def apply(numbers):
    """What `%pmat_recommend --apply` says of each row."""
    return [_flat(one) for one in _recommender().apply(numbers).record.applied]


def undo():
    """What `%pmat_recommend --undo` says of each row."""
    return [_flat(one) for one in _recommender().undo().record.applied]


def _recommender():
    from pmat_nb.session import current

    return current().recommender


def _flat(one):
    return {
        "row": one.row._asdict(),
        "state": one.state,
        "measured_bytes": one.measured_bytes,
        "allocated_bytes": one.allocated_bytes,
        "why": one.why,
    }


def reset():
    """An empty namespace, no displayed objects, figures or errors, as in a new kernel."""
    import gc
    import sys

    shell = _shell()
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
    shell.run_line_magic("pmat_cleanup", "--target all --aggressive")
    shell.run_line_magic("reset", "-f")
    gc.collect()
