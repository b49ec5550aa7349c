"""Notebooks as people leave them: the cells that were run, and cells that come later.

Every state computes the same in every kernel: seeds are fixed, nothing prints an address.
"""

from __future__ import annotations

from typing import NamedTuple


class State(NamedTuple):
    """``cells`` make the state; ``later`` must come to the same whatever was applied.

    ``idle`` cells follow the first ones and mention nothing of them. ``fresh``: in a kernel of
    its own, since millions of small objects settle into what earlier states left free.
    """

    name: str
    cells: tuple[str, ...]
    later: tuple[str, ...]
    idle: int = 0
    fresh: bool = False


_IMPORTS = "import numpy as np, pandas as pd"
_RNG = "rng = np.random.default_rng(7)"

STATES = (
    State(
        "ingest and clean",
        (
            _IMPORTS,
            "rng = np.random.default_rng(7)\nn = 400_000\n"
            "raw = pd.DataFrame({'id': np.arange(n), 'qty': rng.integers(0, 90, n).astype(float),"
            " 'city': rng.choice(['Oslo', 'Rome', 'Lima', 'Kyiv'], n).astype(object),"
            " 'price': rng.random(n)})",
            "raw.loc[5:9, 'qty'] = np.nan\nraw.to_csv('ingest.csv', index=False)",
            "df = pd.read_csv('ingest.csv')\nclean = df.dropna().reset_index(drop=True)",
        ),
        (
            "clean.groupby('city')['price'].sum().round(6)",
            "clean.head()",
            "print(len(df), df['qty'].isna().sum(), clean['id'].max())",
        ),
    ),
    State(
        "columns of a wide file",
        (
            _IMPORTS,
            "from pyarrow import csv, table\n"
            "digits = {f'c{i}': np.arange(900_000) % (i + 2) for i in range(14)}\n"
            "csv.write_csv(table(digits), 'wide.csv')\ndel digits",
            "wide = pd.read_csv('wide.csv')",
            "wide['c1'].mean().round(9)",
        ),
        ("(wide['c1'] + wide['c3']).sum()", "len(wide)"),
    ),
    State(
        "feature engineering",
        (
            _IMPORTS,
            "rng = np.random.default_rng(3)\nn = 250_000\n"
            "base = pd.DataFrame({'a': rng.random(n), 'b': rng.integers(0, 50, n)})",
            "X = base.copy()\nfor k in range(6):\n    X[f'a{k}'] = X['a'] ** (k + 1)\n"
            "X['bin'] = (X['b'] % 7 == 0).astype('int64')",
            "X_train, X_test = X.iloc[:200_000].copy(), X.iloc[200_000:].copy()",
        ),
        ("X_train.describe().round(6)", "float(X_test['bin'].sum())", "X.columns.tolist()"),
    ),
    State(
        "training with history",
        (
            "import numpy as np",
            "rng = np.random.default_rng(5)\nW = rng.random((400, 400))\nhistory = []",
            "for epoch in range(20):\n    W = W * 0.99\n"
            "    history.append({'epoch': epoch, 'loss': float(W.sum()), 'weights': W.copy()})",
            "best = history[-1]['weights']",
        ),
        ("round(history[-1]['loss'], 6)", "best is history[-1]['weights']", "len(history)"),
    ),
    State(
        "images",
        (
            "import numpy as np",
            "rng = np.random.default_rng(2)\n"
            "images = rng.integers(0, 256, (40, 256, 256, 3))\nmasks = images[..., 0] > 128",
            "thumbs = images[:, ::8, ::8].copy()\nfirst = images[0]",
        ),
        ("images.sum()", "masks.mean().round(9)", "(thumbs.shape, int(first.max()))"),
    ),
    State(
        "resampled series",
        (
            _IMPORTS,
            "rng = np.random.default_rng(8)\n"
            "ticks = pd.Series(rng.random(900_000), index=pd.date_range('2024', periods=900_000,"
            " freq='s'), name='p')",
            "minutes = ticks.resample('min').mean()\nrolled = ticks.rolling(60).mean()",
        ),
        ("minutes.head(3).round(9)", "rolled.dropna().iloc[-1].round(9)", "ticks.index[-1]"),
    ),
    State(
        "texts",
        (
            "words = ['alpha', 'beta', 'gamma', 'delta']\n"
            "docs = [' '.join(words[(i + j) % 4] for j in range(12)) for i in range(60_000)]",
            "tokens = [doc.split() for doc in docs[:25_000]]",
            "counts = {}\nfor doc in tokens:\n    for word in doc:\n"
            "        counts[word] = counts.get(word, 0) + 1",
        ),
        ("sorted(counts.items())", "docs[3]", "len({w for t in tokens for w in t})"),
        fresh=True,
    ),
    State(
        "joined parquet",
        (
            _IMPORTS,
            "n = 300_000\nsales = pd.DataFrame({'key': np.arange(n) % 5000,"
            " 'amount': np.arange(n) * 0.5})\nsales.to_parquet('sales.parquet')",
            "names = pd.DataFrame({'key': np.arange(5000),"
            " 'name': [f'customer {i}' for i in range(5000)]})",
            "joined = pd.read_parquet('sales.parquet').merge(names, on='key')",
        ),
        ("joined.shape", "joined.groupby('name')['amount'].sum().head(3)", "joined.tail(2)"),
    ),
    State(
        "simulations",
        (
            "import numpy as np",
            "results = {}\nfor seed in range(12):\n"
            "    rng = np.random.default_rng(seed)\n"
            "    results[seed] = {'path': rng.random(120_000).cumsum(), 'seed': seed}",
            "finals = {s: float(r['path'][-1]) for s, r in results.items()}",
        ),
        ("round(sum(finals.values()), 6)", "results[3]['path'][:3].round(6)", "len(results)"),
    ),
    State(
        "a cache that never hits",
        (
            "import functools",
            "@functools.lru_cache(maxsize=None)\ndef load(i):\n    return bytes(40_000 + i)",
            "sizes = [len(load(i)) for i in range(500)]",
        ),
        ("sum(sizes)", "len(load(3))"),
    ),
    State(
        "our own cache",
        (
            "import pmat_nb as pmat",
            "@pmat.cache(name='squares')\ndef squares(i):\n    return bytes(30_000 + i)",
            "total = sum([len(squares(i)) for i in range(600)])",
        ),
        ("total", "len(squares(5))"),
    ),
    State(
        "many figures",
        (
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt",
            "import numpy as np\nfor i in range(6):\n    fig, ax = plt.subplots()\n"
            "    ax.imshow(np.full((700, 700), float(i)))\n    fig.canvas.draw()",
            "heights = [i * 2 for i in range(6)]",
        ),
        ("heights",),
    ),
    State(
        "an exception pins its frames",
        (
            "import numpy as np",
            "def fit(n):\n    data = np.ones((n, 1000))\n    work = data * 2\n"
            "    raise ValueError('no convergence')",
            "fit(2500)",
            "report = 'failed'",
        ),
        ("report", "fit.__name__"),
    ),
    State(
        "displayed frames",
        (
            _IMPORTS,
            "pd.DataFrame(np.arange(3_000_000.0).reshape(-1, 6))",
            "pd.DataFrame({'x': np.arange(1_500_000.0)}) * 2",
            "kept = pd.DataFrame({'y': np.arange(10)})\nkept",
        ),
        ("kept.sum()", "kept.y.max()"),
    ),
    State(
        "small views of a large array",
        (
            "import numpy as np",
            "def load():\n    big = np.arange(4_000_000.0)\n    return big[:100], big[-100:]",
            "head, tail = load()",
        ),
        ("head.sum(), tail.sum()", "tail[:3]"),
    ),
    State(
        "the same data twice",
        (
            _IMPORTS,
            "rng = np.random.default_rng(4)\nA = rng.random((1200, 1200))\nB = A.copy()",
            "table = pd.DataFrame({'x': np.arange(1_000_000.0)})\nbackup = table.copy()",
        ),
        ("(A == B).all()", "backup['x'].sum()", "table.head(2)", "A.shape, B[0, :2].round(6)"),
    ),
    State(
        "a backup that is written to later",
        (
            _IMPORTS,
            "before = pd.DataFrame({'v': np.arange(1_500_000) % 100})\nafter = before.copy()",
        ),
        (
            "after.loc[0, 'v'] = 55\n(before.loc[0, 'v'], after.loc[0, 'v'])",
            "before['v'].sum(), after['v'].sum()",
        ),
    ),
    State(
        "polars and arrow",
        (
            "import polars as pl, pyarrow as pa",
            "n = 400_000\nlazy = pl.DataFrame({'k': [i % 10 for i in range(n)],"
            " 'v': [float(i) for i in range(n)]})",
            "arrow = pa.table({'a': list(range(n)), 't': [f'row {i % 30}' for i in range(n)]})",
        ),
        (
            "lazy.group_by('k').agg(pl.col('v').sum()).sort('k').rows()[:3]",
            "arrow.num_rows, arrow.column('t')[7].as_py()",
        ),
    ),
    State(
        "mostly zeros",
        (
            _IMPORTS,
            "n = 1_500_000\nvalues = np.zeros(n)\nvalues[::1000] = 2.5",
            "hot = pd.DataFrame({'h0': values, 'h1': values[::-1].copy()})",
        ),
        ("hot['h0'].sum(), hot['h1'].max()", "hot.iloc[1000]", "(values != 0).sum()"),
    ),
    State(
        "categorical join",
        (
            _IMPORTS,
            "n = 300_000\nleft = pd.DataFrame({'grade': pd.Series(np.where(np.arange(n) % 3,"
            " 'low', 'high'), dtype=object), 'x': np.arange(n) * 1.0})",
            "weights = pd.DataFrame({'grade': ['low', 'high'], 'w': [1, 2]})",
            "weighted = left.merge(weights, on='grade', how='left')",
        ),
        ("weighted.groupby('grade')['w'].sum()", "weighted['grade'].value_counts()"),
        fresh=True,
    ),
    State(
        "dates held as objects",
        (
            _IMPORTS + "\nimport datetime",
            "start = datetime.datetime(2020, 1, 1)\n"
            "log = pd.DataFrame({'at': pd.Series([start + datetime.timedelta(minutes=i) for i in"
            " range(250_000)], dtype=object), 'n': np.arange(250_000)})",
        ),
        ("log['at'].iloc[3].minute", "log.tail(2)", "log['at'].max()"),
        fresh=True,
    ),
    State(
        "nested dictionaries",
        (
            "config = {f'user {i}': {'name': ''.join(['customer', ' ', str(i % 50)]),"
            " 'tags': [''.join(['t', str(i % 9)]) for _ in range(4)]} for i in range(60_000)}",
            "index = {key: value['name'] for key, value in config.items()}",
        ),
        ("config['user 7']", "len(set(index.values()))"),
        fresh=True,
    ),
    State(
        "generators and iterators",
        (
            "import itertools",
            "source = (i * i for i in range(1_000_000))\nfirst = list(itertools.islice(source, 5))",
            "total = sum([i * 1.5 for i in range(3_000_000)])",
        ),
        ("next(source)", "first", "total"),
    ),
    State(
        "forgotten variables",
        (
            _IMPORTS,
            "scale = 3.0",
            "made = np.ones(2_500_000) * scale",
            "seeds = [1.5] * 2_000_000\nlost = np.array(seeds)\ndel seeds",
        ),
        ("scale",),
        idle=12,
    ),
    State(
        "long prints",
        ("text = 'line of a log ' * 700_000", "print(text)", "length = len(text)"),
        ("length", "text[:12]"),
    ),
    State(
        "missing values and mixed columns",
        (
            _IMPORTS,
            "n = 300_000\nmixed = pd.DataFrame({'i': pd.Series([None if i % 11 == 0 else i % 5"
            " for i in range(n)], dtype=object), 'f': np.where(np.arange(n) % 7, np.nan, 1.0),"
            " 'flag': (np.arange(n) % 2 == 0).astype(object)})",
        ),
        ("mixed.isna().sum()", "mixed['f'].sum()", "mixed.iloc[[0, 1, 11]]"),
        fresh=True,
    ),
)
