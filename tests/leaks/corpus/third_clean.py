"""Look-alikes of the third batch, of other patterns than the second's.

Written without knowledge of the rules; run through the tools once, after the rules were
mended for the second batch. Every bound is met within some thirty runs.
"""

from __future__ import annotations

import random


def two_buffers_in_turn():
    """The front and the back buffer are swapped, and drawn anew (double buffering)."""
    buffers = [bytearray(10), bytearray(10)]

    def step():
        buffers[0] = bytearray(700_000)
        buffers.reverse()

    return step


def least_often_used():
    """A cache of sixteen from which the least often used goes (LFU)."""
    rng, cache, uses = random.Random(41), {}, {}

    def step():
        for _ in range(6):
            key = int(rng.paretovariate(0.7)) % 500
            if key not in cache:
                if len(cache) >= 16:
                    worst = min(uses, key=uses.get)
                    del cache[worst], uses[worst]
                cache[key] = [key * 1000 + i for i in range(500)]
            uses[key] = uses.get(key, 0) + 1

    return step


def sample_of_twenty():
    """Twenty batches drawn from all that came by (reservoir sampling)."""
    import numpy as np

    rng, sample, seen = random.Random(42), [], [0]

    def step():
        seen[0] += 1
        batch = np.ones(rng.randrange(5_000, 20_000))
        if len(sample) < 20:
            sample.append(batch)
        elif (at := rng.randrange(seen[0])) < 20:
            sample[at] = batch

    return step


def histogram_of_latencies():
    """Counts by bucket, three hundred at most, the rare ones met late (HDR histogram)."""
    rng, counts = random.Random(43), {}

    def step():
        for _ in range(60):
            bucket = min(300, int(rng.lognormvariate(4, 0.8)))
            counts[bucket] = counts.get(bucket, 0) + 1

    return step


def tokens_swept():
    """Used tokens are remembered, and swept out in every sixteenth run."""
    tokens, tick = set(), [0]

    def step():
        tick[0] += 1
        tokens.update(f"{tick[0]:08d}-{i:08d}" for i in range(70))
        if tick[0] % 16 == 0:
            tokens.clear()

    return step


def strings_interned():
    """sys.intern of new names, which go when nobody uses them."""
    import sys

    tick = [0]

    def step():
        tick[0] += 1
        names = [sys.intern(f"column {tick[0]} {i}") for i in range(800)]
        return len(names)

    return step


def last_errors_without_frames():
    """The last five errors, their tracebacks cut off."""
    from collections import deque

    errors = deque(maxlen=5)

    def work():
        payload = [str(i) for i in range(2500)]
        raise ValueError(f"{len(payload)} rows are too many")

    def step():
        try:
            work()
        except ValueError as error:
            errors.append(error.with_traceback(None))

    return step


def executor_per_run():
    """A thread pool for each run, shut down at its end."""
    from concurrent.futures import ThreadPoolExecutor

    def step():
        with ThreadPoolExecutor(3) as executor:
            return sum(executor.map(len, [[0] * 2000 for _ in range(9)]))

    return step


def process_per_run():
    """A process for each run, its output read to the end."""
    import subprocess

    def step():
        return subprocess.run(["echo", "x" * 5000], capture_output=True, check=True).stdout

    return step


def temporary_files_closed():
    """A spooled temporary file per run, closed."""
    import tempfile

    def step():
        with tempfile.SpooledTemporaryFile(max_size=1_000_000) as file:
            file.write(b"0123456789" * 30_000)

    return step


def exit_stack_per_run():
    """Twelve contexts entered on a stack that is closed in the same run."""
    import contextlib

    @contextlib.contextmanager
    def worker():
        yield bytearray(20_000)

    def step():
        with contextlib.ExitStack() as stack:
            for _ in range(12):
                stack.enter_context(worker())

    return step


def tee_read_in_step():
    """itertools.tee of which both branches are read at one pace: blocks of 57 are held."""
    import itertools

    def rows():
        for number in itertools.count():
            yield [number * 1000 + i for i in range(60)]

    one, two = itertools.tee(rows())

    def step():
        for _ in range(10):
            next(one)
            next(two)

    return step


def elements_removed_from_the_root():
    """iterparse as it should be: the root lets go of what was read."""
    from xml.etree.ElementTree import XMLPullParser

    parser = XMLPullParser(["start", "end"])
    parser.feed("<export>")
    root = next(iter(parser.read_events()))[1]
    chunk = "".join(f'<Record type="steps" value="{i}"><Meta/></Record>' for i in range(70))

    def step():
        parser.feed(chunk)
        for event, element in parser.read_events():
            if event == "end" and element.tag == "Record":
                root.remove(element)

    return step


def memo_of_a_request():
    """A memo that is filled during a request and cleared at its end."""
    memo = {}

    def fibonacci(n):
        if n not in memo:
            memo[n] = n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
        return memo[n]

    def step():
        fibonacci(400)
        memo.clear()

    return step


def tuple_in_a_variable():
    """A tuple in the cell's own variable, made longer by each run."""
    names, tick = {"rows": ()}, [0]

    def step():
        tick[0] += 1
        names["rows"] += tuple((tick[0], i * 0.5) for i in range(60))

    return step, lambda: names


def counter_in_a_variable():
    """A Counter of all words, in the cell's own variable."""
    from collections import Counter

    names, tick = {"words": Counter()}, [0]

    def step():
        tick[0] += 1
        names["words"].update(f"word{tick[0] * 50 + i}" for i in range(80))

    return step, lambda: names


def polars_frame_in_a_variable():
    """A polars frame in the cell's own variable, stacked on itself."""
    import polars as pl

    names = {"df": pl.DataFrame({"x": range(10)})}

    def step():
        names["df"] = names["df"].vstack(pl.DataFrame({"x": range(20_000)}))

    return step, lambda: names


def frames_by_day_in_a_variable():
    """A dict of frames in the cell's own variable, a day for each run."""
    import numpy as np
    import pandas as pd

    names, tick = {"days": {}}, [0]

    def step():
        tick[0] += 1
        frame = pd.DataFrame({"price": np.arange(25_000.0), "n": np.ones(25_000)})
        names["days"][f"2024-{tick[0]:03d}"] = frame

    return step, lambda: names


def texts_in_a_variable():
    """Pages of two megabytes in a list of the cell's own."""
    names, tick = {"pages": []}, [0]

    def step():
        tick[0] += 1
        names["pages"].append(f"page {tick[0]} " * 200_000)

    return step, lambda: names


def objects_in_a_variable():
    """Results as objects of a class of the user's, in a list of the cell's own."""
    from dataclasses import dataclass, field

    @dataclass
    class Fit:
        alpha: float
        scores: list = field(default_factory=list)

    names, tick = {"fits": []}, [0]

    def step():
        tick[0] += 1
        fit = Fit(tick[0] * 0.1)
        fit.scores.extend(i * 0.01 for i in range(200))
        names["fits"].append(fit)

    return step, lambda: names


def line_with_new_data():
    """A line on a plot whose data are replaced, of changing length."""
    import matplotlib

    matplotlib.use("agg")
    import numpy as np
    from matplotlib.figure import Figure

    rng = random.Random(44)
    (line,) = Figure().add_subplot().plot([0, 1])

    def step():
        size = rng.randrange(1_000, 60_000)
        line.set_data(np.arange(size), np.ones(size))

    return step


def categories_replaced():
    """A frame of categories, replaced, with counts of its values."""
    import pandas as pd

    last, rng = {}, random.Random(45)

    def step():
        words = [f"w{rng.randrange(300)}" for _ in range(rng.randrange(500, 4000))]
        last["frame"] = pd.DataFrame({"w": pd.Categorical(words)})
        return len(last["frame"].w.value_counts())

    return step


def file_mapped_in_each_run():
    """A file mapped by numpy in each run: pages of a file, no memory of ours."""
    import tempfile
    from pathlib import Path

    import numpy as np

    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "data.bin"
    np.ones(200_000).tofile(path)

    def step():
        return float(np.memmap(path, dtype="f8", mode="r").sum())

    step.after = folder.cleanup
    return step


def compressor_per_run():
    """A compressor for each run, flushed and dropped."""
    import zlib

    def step():
        compressor = zlib.compressobj()
        return len(compressor.compress(b"0123456789" * 5000) + compressor.flush())

    return step


def births_and_deaths():
    """A population around three hundred: each run some come and some go."""
    rng, alive, tick = random.Random(46), {}, [0]

    def step():
        for _ in range(rng.randrange(40, 110)):
            tick[0] += 1
            alive[tick[0]] = [tick[0]] * rng.randrange(10, 200)
        for key in [k for k in alive if rng.random() < 0.25]:
            del alive[key]

    return step


def cache_of_a_version():
    """A cache that is dropped when the version changes, every eighteen runs."""
    cache, tick = {}, [0]

    def step():
        tick[0] += 1
        if tick[0] % 18 == 0:
            cache.clear()
        cache[tick[0]] = {f"key {i}": str(tick[0] * i) for i in range(250)}

    return step


def tuner_of_twelve_variants():
    """Twelve variants are compiled and tried, one in each run; then the best is used."""
    compiled, tick = {}, [0]

    def step():
        tick[0] += 1
        variant = tick[0] if tick[0] <= 12 else 5
        if variant not in compiled:
            body = "\n".join(f"    x = x * {variant} + {i}" for i in range(150))
            namespace = {}
            exec(f"def run(x):\n{body}\n    return x % 1000", namespace)
            compiled[variant] = namespace["run"]
        compiled[variant](3)

    return step


def finalizers_without_self():
    """weakref.finalize with a function that does not hold the object: it is freed."""
    import weakref

    closed = [0]

    def close(counter):
        counter[0] += 1

    class Reader:
        def __init__(self):
            self.block = bytearray(300_000)
            weakref.finalize(self, close, closed)

    def step():
        Reader()

    return step


def data_classes_made_per_run():
    """A dataclass made for each run's columns: cycles, which the collector frees."""
    from dataclasses import make_dataclass

    tick = [0]

    def step():
        tick[0] += 1
        row = make_dataclass("Row", [f"column_{i}" for i in range(tick[0] % 4 + 2)])
        return [row(*[0] * (tick[0] % 4 + 2)) for _ in range(30)]

    return step


def queue_that_is_read():
    """A bounded asyncio queue whose consumer keeps up, some runs later than others."""
    import asyncio

    rng, loop = random.Random(47), asyncio.new_event_loop()
    jobs = asyncio.Queue(maxsize=30)

    async def exchange():
        for _ in range(rng.randrange(8)):
            if not jobs.full():
                jobs.put_nowait([float(i) for i in range(800)])
        for _ in range(rng.randrange(9)):
            if not jobs.empty():
                jobs.get_nowait()

    def step():
        loop.run_until_complete(exchange())

    step.after = loop.close
    return step


def output_captured_and_emptied():
    """What is printed goes to one StringIO, which is emptied after each run."""
    import contextlib
    import io

    stream = io.StringIO()

    def step():
        with contextlib.redirect_stdout(stream):
            for number in range(300):
                print(number, "of three hundred")
        stream.seek(0)
        stream.truncate()

    return step
