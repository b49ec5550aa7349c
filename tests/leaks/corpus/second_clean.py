"""Look-alikes of the second batch: code that grows for a while, or seems to, and does not leak.

Written without knowledge of the rules, once these stood. Every bound but one is met within
some thirty runs.
"""

from __future__ import annotations

import random


def cache_that_expires():
    """Answers live for 25 ticks of the clock, then go (cachetools' TTLCache)."""
    cache, tick = {}, [0]

    def step():
        tick[0] += 1
        cache[tick[0]] = (tick[0] + 25, [tick[0] * 1000 + i for i in range(900)])
        for key in [k for k, (until, _) in cache.items() if until < tick[0]]:
            del cache[key]

    return step


def log_records_flushed():
    """logging's MemoryHandler with a target and a capacity: a saw-tooth of nine runs."""
    import logging
    import logging.handlers

    logger = logging.getLogger("corpus.second.flushed")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    target = logging.NullHandler()
    logger.addHandler(logging.handlers.MemoryHandler(capacity=180, target=target))

    def step():
        for number in range(20):
            logger.info("request %s took %s ms", number + 1000, number * 1.5)

    return step


def log_that_rotates():
    """A log in memory of which the last three parts are kept (RotatingFileHandler)."""
    import io

    parts, tick = [io.StringIO()], [0]

    def step():
        for _ in range(120):
            tick[0] += 1
            parts[-1].write(f"{tick[0]:>10d} INFO nothing happened at all, again\n")
        if parts[-1].tell() > 40_000:
            parts.append(io.StringIO())
            del parts[:-3]

    return step


def connection_pool():
    """Connections are made when none is free, and at most eight are kept (urllib3)."""
    from collections import deque

    rng, free = random.Random(21), deque()

    class Connection:
        def __init__(self):
            self.buffer = bytearray(64_000)

    def step():
        used = [free.pop() if free else Connection() for _ in range(rng.randrange(1, 14))]
        for connection in used:
            if len(free) < 8:
                free.append(connection)

    return step


def producer_that_sends_by_size():
    """Messages wait until there are 256 kB of them, then all are sent (kafka clients)."""
    rng, waiting = random.Random(22), []

    def step():
        waiting.append(rng.randbytes(rng.randrange(15_000, 30_000)))
        if sum(map(len, waiting)) > 256_000:
            waiting.clear()

    return step


def buffer_that_doubles():
    """A receive buffer that doubles until the largest message fits, and is reused."""
    rng, buffer = random.Random(23), bytearray(1024)

    def step():
        size = min(600_000, int(rng.lognormvariate(10.5, 1.2)))
        while len(buffer) < size:
            buffer.extend(bytes(len(buffer)))
        memoryview(buffer)[:size] = bytes(size)

    return step


def array_in_a_variable():
    """An array in the cell's own variable, replaced by itself and more."""
    import numpy as np

    names = {"trace": np.empty(0)}

    def step():
        names["trace"] = np.append(names["trace"], np.arange(4000.0))

    return step, lambda: names


def buffer_in_a_variable():
    """A BytesIO in the cell's own variable that the cell writes to."""
    import io

    names = {"buffer": io.BytesIO()}

    def step():
        names["buffer"].write(b"0123456789" * 1500)

    return step, lambda: names


def metrics_in_a_variable():
    """A defaultdict of lists in the cell's own variable, one value a metric and run."""
    from collections import defaultdict

    names, tick = {"metrics": defaultdict(list)}, [0]

    def step():
        tick[0] += 1
        for name in range(120):
            names["metrics"][f"metric {name}"].append(tick[0] * 0.5 + name)

    return step, lambda: names


def columns_in_a_variable():
    """A frame in the cell's own variable that gets a column in each run."""
    import numpy as np
    import pandas as pd

    names, tick = {"df": pd.DataFrame({"x": np.arange(15_000.0)})}, [0]

    def step():
        tick[0] += 1
        names["df"] = names["df"].assign(**{f"run {tick[0]}": names["df"]["x"] * tick[0]})

    return step, lambda: names


def images_held_weakly():
    """A weak cache of images of which the viewer shows the last three."""
    import weakref
    from collections import deque

    class Image:
        def __init__(self):
            self.pixels = bytearray(400_000)

    cache, shown, tick = weakref.WeakValueDictionary(), deque(maxlen=3), [0]

    def step():
        tick[0] += 1
        image = Image()
        cache[f"image-{tick[0]}.png"] = image
        shown.append(image)

    return step


def tasks_discarded():
    """Background tasks kept in a set until they are done (the asyncio docs' advice)."""
    import asyncio

    loop = asyncio.new_event_loop()
    background = set()

    async def fetch():
        await asyncio.sleep(0)
        return [str(i) for i in range(1500)]

    async def handle():
        for _ in range(3):
            task = loop.create_task(fetch())
            background.add(task)
            task.add_done_callback(background.discard)
        await asyncio.gather(*background)

    def step():
        loop.run_until_complete(handle())

    step.after = loop.close
    return step


def timers_cancelled():
    """Timeouts that are cancelled: the loop sweeps them out once half are (asyncio)."""
    import asyncio

    loop = asyncio.new_event_loop()

    async def handle():
        timers = [loop.call_later(3600, print, "late", number) for number in range(45)]
        await asyncio.sleep(0)
        for timer in timers:
            timer.cancel()

    def step():
        loop.run_until_complete(handle())

    step.after = loop.close
    return step


def named_tuples_made_per_run():
    """A namedtuple class for each query's columns: cycles, which the collector frees."""
    from collections import namedtuple

    tick = [0]

    def step():
        tick[0] += 1
        row = namedtuple("row", [f"column_{i}" for i in range(tick[0] % 7 + 3)])
        return [row(*[1.5] * len(row._fields)) for _ in range(50)]

    return step


def errors_that_hold_themselves():
    """An error kept in a local of its own frame: a cycle with a megabyte, for the collector."""

    def work():
        payload, error = bytearray(1_000_000), None
        try:
            raise ValueError(len(payload))
        except ValueError as caught:
            error = caught
        return str(error)

    def step():
        return work()

    return step


def buffers_of_pool_threads():
    """A buffer for each of four pool threads, made when a thread is first used."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    local, executor = threading.local(), ThreadPoolExecutor(4)

    def work(number):
        if not hasattr(local, "buffer"):
            local.buffer = bytearray(120_000)
        local.buffer[number] = 1
        return sum(local.buffer[:100])

    def step():
        list(executor.map(work, range(8)))

    step.after = executor.shutdown
    return step


def bounded_cache_of_a_method():
    """lru_cache(maxsize=24) on a method keeps the last 24 objects, and no more (Rich #1831)."""
    import functools

    class Report:
        def __init__(self, number):
            self.number = number
            self.rows = [f"{number}:{i}" for i in range(700)]

        @functools.lru_cache(maxsize=24)  # noqa: B019
        def total(self):
            return sum(map(len, self.rows))

    tick = [1000]

    def step():
        tick[0] += 1
        Report(tick[0]).total()

    return step


def cache_pruned_with_slack():
    """An LRU of 12 that is pruned at 18 (SQLAlchemy's LRUCache, #4560 "not leaking")."""
    cache, tick = {}, [0]

    def step():
        tick[0] += 1
        cache[tick[0]] = {f"parameter {i}": (i, tick[0]) for i in range(160)}
        if len(cache) > 18:
            for key in sorted(cache)[:-12]:
                del cache[key]

    return step


def windows_of_eleven_hosts():
    """The last three answers of each of eleven hosts, asked in turn: full after 33 runs."""
    from collections import deque

    windows, tick = {}, [0]

    def step():
        tick[0] += 1
        window = windows.setdefault(tick[0] % 11, deque(maxlen=3))
        window.append([tick[0] * 1000 + i for i in range(1500)])

    return step


def polars_group_by():
    """A polars query whose frames are thrown away."""
    import polars as pl

    frame = pl.DataFrame({"k": [i % 13 for i in range(30_000)], "v": range(30_000)})

    def step():
        return frame.lazy().group_by("k").agg(pl.col("v").sum()).sort("k").collect().height

    return step


def arrow_round_trip():
    """A table written to an IPC stream and read again: the last one is kept."""
    import pyarrow as pa

    last, table = {}, pa.table({"n": range(40_000), "s": ["text"] * 40_000})

    def step():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        last["table"] = pa.ipc.open_stream(sink.getvalue()).read_all()

    return step


def merges_of_all_sizes():
    """A merge of a size that changes twenty-fold from run to run."""
    import numpy as np
    import pandas as pd

    rng = random.Random(24)

    def step():
        rows = rng.randrange(1000, 20_000)
        left = pd.DataFrame({"k": np.arange(rows) % 500, "a": np.ones(rows)})
        right = pd.DataFrame({"k": np.arange(500), "b": np.ones(500)})
        return len(left.merge(right, on="k"))

    return step


def axes_cleared():
    """One figure, drawn anew on cleared axes."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2), dpi=60)
    canvas, axes = FigureCanvasAgg(figure), figure.add_subplot()
    tick = [0]

    def step():
        tick[0] += 1
        axes.clear()
        axes.plot(range(50), [tick[0] * i % 17 for i in range(50)])
        canvas.draw()

    return step


def mock_that_is_reset():
    """A Mock whose calls are forgotten after each run."""
    from unittest.mock import MagicMock

    client = MagicMock()

    def step():
        for number in range(5):
            client.send(number, b"x" * 500)
        client.reset_mock()

    return step


def rows_deleted_after_a_while():
    """A table in memory from which rows of more than ten runs ago are deleted (SQLite)."""
    import sqlite3

    connection, tick = sqlite3.connect(":memory:"), [0]
    connection.execute("CREATE TABLE event (run INTEGER, body TEXT)")

    def step():
        tick[0] += 1
        rows = [(tick[0], f"event {i} " * 10) for i in range(150)]
        connection.executemany("INSERT INTO event VALUES (?, ?)", rows)
        connection.execute("DELETE FROM event WHERE run < ?", (tick[0] - 10,))
        connection.commit()

    step.after = connection.close
    return step


def workers_seen_one_by_one():
    """State for each of fifteen workers, made when a worker is first heard of."""
    state, tick = {}, [0]

    def step():
        tick[0] += 1
        worker = state.setdefault(tick[0] % 15, {"buffer": None, "beats": 0})
        worker["beats"] += 1
        if worker["buffer"] is None:
            worker["buffer"] = bytearray(90_000)

    return step


def backlog_worked_off():
    """A backlog from before, of which each run takes a part: memory falls."""
    backlog = [[i, str(i), [i] * 10] for i in range(60_000)]

    def step():
        done = [backlog.pop() for _ in range(min(120, len(backlog)))]
        return sum(len(row[1]) for row in done)

    return step


def tombstones_compacted():
    """Deleted keys are marked, and swept out when there are a thousand (stores)."""
    table, tick = {}, [0]

    def step():
        for _ in range(90):
            tick[0] += 1
            table[f"key {tick[0]}"] = [tick[0]] * 5
            table[f"key {tick[0] - 5}"] = None
        if sum(value is None for value in table.values()) > 1000:
            for key in [k for k, value in table.items() if value is None]:
                del table[key]

    return step


def hundred_entries_by_hand():
    """A cache of a hundred, by hand: its bound is beyond what forty runs can show."""
    from collections import OrderedDict

    cache, tick = OrderedDict(), [0]

    def step():
        tick[0] += 1
        cache[tick[0]] = bytes(25_000)
        if len(cache) > 100:
            cache.popitem(last=False)

    return step
