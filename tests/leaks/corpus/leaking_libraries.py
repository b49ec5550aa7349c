"""Leaks of what libraries allocate: arrays, frames, figures, Arrow buffers, the C heap."""

from __future__ import annotations


def numpy_views():
    """A short slice of each run's array is kept, and keeps the whole array."""
    import numpy as np

    heads = []

    def step():
        array = np.arange(100_000, dtype="f8")  # LEAK
        heads.append(array[:3])

    return step


def numpy_history():
    """An optimiser that keeps the weights of every step."""
    import numpy as np

    class Optimiser:
        def __init__(self):
            self.weights = np.zeros(20_000)
            self.history = []

        def step(self):
            self.weights = self.weights + 0.1  # LEAK
            self.history.append(self.weights)

    optimiser = Optimiser()

    def step():
        optimiser.step()

    return step


def large_arrays():
    """Five megabytes a run in a list of a class."""
    import numpy as np

    class Pipeline:
        stages = []  # noqa: RUF012

    def step():
        Pipeline.stages.append(np.ones(650_000))  # LEAK

    return step


def pandas_numeric():
    """Numeric frames kept in the dict of a loader object."""
    import numpy as np
    import pandas as pd

    class Loader:
        def __init__(self):
            self.loaded = {}

        def load(self, number):
            frame = pd.DataFrame({"a": np.arange(5_000), "b": np.ones(5_000)})  # LEAK
            self.loaded[number] = frame

    loader, tick = Loader(), [0]

    def step():
        tick[0] += 1
        loader.load(tick[0])

    return step


def pandas_strings():
    """Frames of strings, which Arrow holds out of tracemalloc's sight."""
    import pandas as pd

    cache, tick = {}, [0]
    words = [f"word number {i}" for i in range(4000)]

    def step():
        tick[0] += 1
        cache[tick[0]] = pd.DataFrame({"text": words})  # LEAK

    return step


def arrow_tables():
    """Arrow tables in a registry: only their pool's counter sees the bytes."""
    import pyarrow as pa

    registry = []
    numbers = list(range(20_000))

    def step():
        registry.append(pa.table({"n": pa.array(numbers)}))  # LEAK

    return step


def polars_frames():
    """Polars frames kept by a session object; their allocator tells no figure."""
    import polars as pl

    class Session:
        def __init__(self):
            self.results = []

    session = Session()

    def step():
        session.results.append(pl.DataFrame({"x": range(200_000)}))  # LEAK

    return step


def figures():
    """pyplot figures that nobody closes."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    def step():
        _, axes = plt.subplots()  # LEAK
        axes.plot([1, 2, 3])  # LEAK

    step.after = lambda: plt.close("all")
    return step


def c_malloc():
    """A C library's block that is never freed."""
    import ctypes

    malloc = ctypes.CDLL(None).malloc
    malloc.restype = ctypes.c_void_p
    malloc.argtypes = [ctypes.c_size_t]

    def step():
        for _ in range(10):
            malloc(3000)

    return step


c_malloc.native = True
