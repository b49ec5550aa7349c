"""Code that grows, or seems to, and does not leak."""

from __future__ import annotations

import random


def results_list():
    """A list of results that the cell itself appends to."""
    results = []

    def step():
        results.append([i * 0.5 for i in range(500)])

    return step, lambda: {"results": results}


def losses_in_a_dict():
    """A history of losses, a dict of lists that the cell itself fills."""
    history = {"loss": [], "accuracy": []}

    def step():
        history["loss"].append({"epoch": len(history["loss"]), "values": [0.1] * 500})
        history["accuracy"].append(bytearray(3000))

    return step, lambda: {"history": history}


def growing_text():
    """A text variable that the cell adds to."""
    names = {"text": ""}

    def step():
        names["text"] += "another line of text\n" * 200

    return step, lambda: names


def concatenated_frame():
    """A frame that the cell replaces by itself and more rows."""
    import numpy as np
    import pandas as pd

    names = {"df": pd.DataFrame({"a": np.arange(100)})}

    def step():
        more = pd.DataFrame({"a": np.arange(1000)})
        names["df"] = pd.concat([names["df"], more], ignore_index=True)

    return step, lambda: names


def set_of_seen():
    """A set that the cell itself adds to."""
    seen, tick = set(), [10**9]

    def step():
        for _ in range(150):
            tick[0] += 11
            seen.add(tick[0])

    return step, lambda: {"seen": seen}


def last_result():
    """The last result is kept and replaced by the next."""
    import numpy as np

    last = {}

    def step():
        last["result"] = np.ones(400_000)

    return step


def last_result_of_changing_size():
    """The same, of a size that changes by megabytes."""
    rng, last = random.Random(2), [None]

    def step():
        last[0] = bytearray(rng.randrange(5_000_000))

    return step


def bounded_lru_cache():
    """functools.lru_cache with a bound that is not reached."""
    import functools

    counter = iter(range(10**9))

    @functools.lru_cache(maxsize=1000)
    def features(seed):
        return [seed * i for i in range(500)]

    def step():
        features(next(counter))

    return step


def full_lru_cache():
    """functools.lru_cache that is full: each run evicts as much as it adds."""
    import functools

    counter = iter(range(10**9))

    @functools.lru_cache(maxsize=6)
    def features(seed):
        return bytearray(50_000 + seed % 7)

    def step():
        features(next(counter))

    return step


def cache_of_few_keys():
    """A cache without a bound whose keys are few."""
    cache, rng = {}, random.Random(4)

    def step():
        for _ in range(6):
            key = rng.randrange(15)
            if key not in cache:
                cache[key] = [key * i * 1000 for i in range(300)]

    return step


def ring_buffer():
    """The last twenty results in a deque with a maxlen."""
    from collections import deque

    ring = deque(maxlen=20)

    def step():
        ring.append(bytearray(80_000))

    return step


def ring_by_hand():
    """A list of which the oldest entry goes when there are ten."""
    recent = []

    def step():
        recent.append([str(i) for i in range(800)])
        if len(recent) > 10:
            recent.pop(0)

    return step


def cache_cleared_when_full():
    """A cache that is emptied when it holds eight entries: a saw-tooth."""
    cache, tick = {}, [0]

    def step():
        tick[0] += 1
        if len(cache) >= 8:
            cache.clear()
        cache[tick[0]] = bytearray(40_000)

    return step


def batch_then_flush():
    """Rows gathered and written out every twelve runs."""
    rows = []

    def step():
        rows.extend([i, str(i)] for i in range(200))
        if len(rows) >= 2400:
            rows.clear()

    return step


def cycles():
    """Objects in cycles, which only the collector frees."""

    class Node:
        def __init__(self):
            self.me = self
            self.data = bytearray(3000)

    def step():
        for _ in range(20):
            Node()

    return step


def cycles_with_finalisers():
    """Cycles with __del__, which Python frees since 3.4."""

    class Resource:
        closed = 0

        def __init__(self):
            self.owner = {"me": self, "data": bytearray(10_000)}

        def __del__(self):
            Resource.closed += 1

    def step():
        Resource()

    return step


def imports_once():
    """The first runs import modules."""
    import importlib

    names = ["tabnanny", "chunk", "nntplib", "colorsys", "wave", "cgitb", "mailcap", "pydoc"]

    def step():
        if names:
            try:
                importlib.import_module(names.pop())
            except ImportError:
                return

    return step


def regular_expressions():
    """Patterns compiled on the fly: re keeps the last 512."""
    import re

    tick = [0]

    def step():
        tick[0] += 1
        for at in range(30):
            re.compile(f"(a|b){{{tick[0] % 40 + 1}}}c{at}").match("abc")

    return step


def threads_joined():
    """Worker threads that end with the run."""
    import threading

    def work():
        return [str(i) for i in range(3000)]

    def step():
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return step


def errors_handled():
    """An error on every run whose traceback nobody keeps."""

    def work(depth):
        payload = bytearray(100_000)
        if depth:
            work(depth - 1)
        raise ValueError(len(payload))

    def step():
        work(5)

    return step


def only_the_last_error():
    """The last error is kept, with its frames, until the next."""
    last = []

    def work():
        payload = [str(i) for i in range(4000)]
        raise ValueError(len(payload))

    def step():
        try:
            work()
        except ValueError as error:
            last[:] = [error]

    return step


def handler_removed():
    """A logging handler added for a run and removed after it."""
    import io
    import logging

    logger = logging.getLogger("corpus.clean")
    logger.propagate = False

    def step():
        handler = logging.StreamHandler(io.StringIO())
        logger.addHandler(handler)
        logger.warning("x" * 1000)
        logger.removeHandler(handler)

    return step


def weak_observers():
    """Observers that are held weakly."""
    import weakref

    observers = weakref.WeakSet()

    class View:
        def __init__(self):
            self.pixels = bytearray(100_000)
            observers.add(self)

    def step():
        View()

    return step


def generator_closed():
    """A generator stopped half-way and closed."""

    def rows():
        data = [str(i) for i in range(3000)]
        yield from data

    def step():
        generator = rows()
        next(generator)
        generator.close()

    return step


def json_round_trip():
    """Much is built and thrown away."""
    import json

    def step():
        text = json.dumps([{"a": i, "b": [str(i)] * 3} for i in range(1500)])
        return len(json.loads(text))

    return step


def numpy_work():
    """Numeric work in temporaries."""
    import numpy as np

    def step():
        a = np.random.default_rng(1).normal(size=(300, 300))
        return float((a @ a).sum())

    return step


def pandas_work():
    """A group-by, whose engine caches things on its first runs."""
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"k": np.arange(3000) % 7, "v": np.arange(3000.0)})

    def step():
        frame.groupby("k").v.mean()

    return step


def arrow_strings_replaced():
    """A frame of Arrow strings, replaced by each run."""
    import pandas as pd

    last = {}
    words = [f"word {i}" for i in range(5000)]

    def step():
        last["frame"] = pd.DataFrame({"text": words})

    return step


def polars_replaced():
    """A polars frame, replaced by each run."""
    import polars as pl

    last = {}

    def step():
        last["frame"] = pl.DataFrame({"x": range(100_000)}).sort("x", descending=True)

    return step


def figures_closed():
    """A figure per run, closed."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    def step():
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3])
        plt.close(figure)

    return step


def fragmentation():
    """Blocks of all sizes come and go, and leave holes."""
    rng, held = random.Random(6), {}

    def step():
        for _ in range(300):
            held[rng.randrange(400)] = bytearray(rng.randrange(100, 5000))

    return step


def pool_that_fills():
    """A pool of buffers that grows to what is needed at once, then is reused."""
    free, rng = [], random.Random(9)

    def step():
        used = [free.pop() if free else bytearray(30_000) for _ in range(rng.randrange(1, 9))]
        free.extend(used)

    return step


def interned_words():
    """New words at first, ever fewer later: the vocabulary of a language."""
    vocabulary, rng = {}, random.Random(8)

    def step():
        for _ in range(400):
            word = f"word-{int(rng.paretovariate(1.6))}"
            vocabulary.setdefault(word, len(word))

    return step


def freed_by_size():
    """A store bounded by bytes: the oldest go when it holds too much."""
    from collections import OrderedDict

    store, tick, rng = OrderedDict(), [0], random.Random(12)

    def step():
        tick[0] += 1
        store[tick[0]] = bytearray(rng.randrange(20_000, 60_000))
        while sum(map(len, store.values())) > 400_000:
            store.popitem(last=False)

    return step
