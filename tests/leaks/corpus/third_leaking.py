"""Leaks of the third batch, of other patterns than the second's, after reports that are named.

Written without knowledge of the rules; run through the tools once, after the rules were
mended for the second batch. A line marked LEAK allocates what stays; one is enough to find.
"""

from __future__ import annotations


def threads_of_a_server():
    """A server's list of the threads it started, all ended (cpython, bpo-37193)."""
    import threading

    class Server:
        def __init__(self):
            self.threads = []

        def process(self, request):
            thread = threading.Thread(target=len, args=(request,))  # LEAK
            self.threads.append(thread)
            thread.start()  # LEAK

    server = Server()

    def step():
        for _ in range(3):
            server.process(b"GET /")
        for thread in server.threads[-3:]:
            thread.join()

    return step


def hooks_wrapped_again():
    """sys.excepthook wrapped whenever the cell runs, with its settings (error reporters)."""
    import sys

    original = sys.excepthook

    def install():
        before = sys.excepthook
        options = {f"option {i}": [i, str(i)] for i in range(70)}  # LEAK

        def hook(*error):
            before(*error, **options)

        sys.excepthook = hook

    def after():
        sys.excepthook = original

    install.after = after
    return install


def memo_of_deepcopy():
    """copy.deepcopy with one memo for all calls: it keeps originals and copies."""
    import copy

    memo, tick = {}, [0]

    def step():
        tick[0] += 1
        state = {"id": tick[0], "rows": [[tick[0], i * 0.5] for i in range(260)]}  # LEAK
        copy.deepcopy(state, memo)  # LEAK

    return step


def values_by_instance():
    """A descriptor's dict with the instances as keys keeps them (spectral-cube #232)."""

    class Lazy:
        def __init__(self, compute):
            self.compute, self.values = compute, {}

        def __get__(self, instance, _=None):
            if instance not in self.values:
                self.values[instance] = self.compute(instance)
            return self.values[instance]

    class Cube:
        def __init__(self, number):
            self.data = bytes([number % 256]) * 160_000  # LEAK

        total = Lazy(lambda self: sum(self.data[:100]))

    tick = [0]

    def step():
        tick[0] += 1
        return Cube(tick[0]).total

    return step


def scopes_never_left():
    """A ChainMap's new child for each block that is entered; none is left (interpreters)."""
    from collections import ChainMap

    scopes, tick = [ChainMap()], [0]

    def step():
        tick[0] += 1
        names = {f"name {tick[0]} {i}": tick[0] * 1000 + i for i in range(24)}  # LEAK
        scopes[0] = scopes[0].new_child(names)

    return step


def cancelled_but_in_the_heap():
    """Cancelled timers stay in the heap until they would be due (tornado #408)."""
    import heapq

    class Timer:
        def __init__(self, due, payload):
            self.due, self.payload, self.cancelled = due, payload, False  # LEAK

        def __lt__(self, other):
            return self.due < other.due

    heap, clock = [], [0]

    def step():
        for number in range(6):
            clock[0] += 1
            timer = Timer(clock[0] + 604_800, [f"argument {number}"] * 120)  # LEAK
            heapq.heappush(heap, timer)
            timer.cancelled = True
        while heap and heap[0].due <= clock[0]:
            heapq.heappop(heap)

    return step


def filters_for_each_message():
    """warnings.filterwarnings with a pattern of its own for each thing to be silenced."""
    import warnings

    tick = [0]
    before = list(warnings.filters)

    def step():
        for _ in range(6):
            tick[0] += 1
            warnings.filterwarnings("ignore", message=f"column {tick[0]} is (empty|full)")  # LEAK

    def after():
        warnings.filters[:] = before

    step.after = after
    return step


def collector_callbacks():
    """A callback in gc.callbacks for each time a profiler is switched on."""
    import gc

    added = []

    def step():
        pauses = [0.0] * 4400  # LEAK

        def record(phase, info):
            pauses[info["generation"]] += phase == "stop"

        gc.callbacks.append(record)
        added.append(id(record))

    def after():
        gc.callbacks[:] = [found for found in gc.callbacks if id(found) not in added]

    step.after = after
    return step


def handlers_of_a_canvas():
    """A lambda connected to a canvas for each run's data (matplotlib, mpl_connect)."""
    import matplotlib

    matplotlib.use("agg")
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = FigureCanvasAgg(Figure())

    def step():
        data = np.random.default_rng(3).normal(size=16_000)  # LEAK
        canvas.mpl_connect("button_press_event", lambda event: print(event, data.mean()))

    return step


def colour_maps_registered():
    """A colour map registered under a new name for each plot (matplotlib.colormaps)."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.colors import LinearSegmentedColormap

    tick = [0]

    def step():
        tick[0] += 1
        colours = [(0, "navy"), (1 / (tick[0] + 1), "white"), (1, "darkred")]
        made = LinearSegmentedColormap.from_list(f"corpus {tick[0]}", colours)  # LEAK
        made(0.5)  # LEAK
        matplotlib.colormaps.register(made)  # LEAK

    def after():
        for number in range(1, tick[0] + 1):
            matplotlib.colormaps.unregister(f"corpus {number}")

    step.after = after
    return step


def group_by_objects():
    """A GroupBy kept for later keeps the frame that it groups (pandas #53759)."""
    import numpy as np
    import pandas as pd

    groups = []

    def step():
        frame = pd.DataFrame({"k": np.arange(24_000) % 5, "v": np.arange(24_000.0)})  # LEAK
        grouped = frame.groupby("k")  # LEAK
        grouped.v.mean()  # LEAK
        groups.append(grouped)

    return step


def heads_of_polars_frames():
    """head(3) of each frame is kept, and keeps all of the frame (polars #19497)."""
    import polars as pl

    previews = []

    def step():
        frame = pl.DataFrame({"x": range(90_000)})  # LEAK
        previews.append(frame.head(3))

    return step


def frame_grown_in_an_object():
    """A run log that is replaced by itself and the run's rows: one frame, ever larger."""
    import numpy as np
    import pandas as pd

    class Log:
        def __init__(self):
            self.frame = pd.DataFrame({"run": [0], "loss": [0.0]})

        def add(self, run):
            rows = pd.DataFrame({"run": np.full(500, run), "loss": np.ones(500)})
            self.frame = pd.concat([self.frame, rows], ignore_index=True)  # LEAK

    log, tick = Log(), [0]

    def step():
        tick[0] += 1
        log.add(tick[0])

    return step


def text_grown_in_an_object():
    """A transcript as one string that each message is added to (chat clients)."""

    class Chat:
        def __init__(self):
            self.transcript = ""

        def say(self, text):
            self.transcript += f"\nuser: {text}"  # LEAK

    chat = Chat()

    def step():
        chat.say("tell me more about it, please " * 120)

    return step


def queue_to_a_process_that_is_gone():
    """multiprocessing's queue holds what does not fit the pipe, and nobody reads."""
    import multiprocessing

    jobs, tick = multiprocessing.get_context("spawn").Queue(), [0]

    def step():
        tick[0] += 1
        jobs.put(bytes([tick[0] % 256]) * 33_000)  # LEAK

    def after():
        jobs.cancel_join_thread()
        jobs.close()

    step.after = after
    return step


def uploads_in_memory():
    """SpooledTemporaryFiles below their size limit are memory, and stay open (uploads)."""
    import tempfile

    uploads, tick = {}, [0]

    def step():
        tick[0] += 1
        upload = tempfile.SpooledTemporaryFile(max_size=10_000_000)  # LEAK # noqa: SIM115
        upload.write(b"0123456789" * 21_000)  # LEAK
        uploads[tick[0]] = upload

    return step


def readings_in_an_array():
    """An array.array of readings behind a sensor object, extended in each run."""
    from array import array

    class Sensor:
        def __init__(self):
            self.readings = array("d")

        def sample(self):
            self.readings.extend(i * 0.1 for i in range(300))  # LEAK

    sensor = Sensor()

    def step():
        sensor.sample()

    return step


def contexts_of_requests():
    """Copies of the context kept with callbacks that never run (dd-trace-py #20016)."""
    import contextvars

    request = contextvars.ContextVar("request")
    waiting = []

    def handle(number):
        request.set({"headers": [f"X-{i}: {number}" for i in range(380)]})  # LEAK
        waiting.append((contextvars.copy_context(), print))

    tick = [0]

    def step():
        tick[0] += 1
        contextvars.Context().run(handle, tick[0])

    return step


def mappings_never_closed():
    """Shared memory mapped for each message and never closed (multiprocessing users)."""
    import mmap

    mapped = []

    def step():
        block = mmap.mmap(-1, 900_000)  # LEAK
        block.write(b"x" * 900_000)
        mapped.append(block)

    def after():
        for block in mapped:
            block.close()

    step.after = after
    return step


def database_in_memory():
    """An audit table in an SQLite database in memory, which only grows; C's memory alone."""
    import sqlite3

    connection, tick = sqlite3.connect(":memory:"), [0]
    connection.execute("CREATE TABLE audit (at INTEGER, what TEXT)")

    def step():
        tick[0] += 1
        rows = [(tick[0] * 1000 + i, f"user {i} did something {tick[0]}") for i in range(400)]
        connection.executemany("INSERT INTO audit VALUES (?, ?)", rows)
        connection.commit()

    step.after = connection.close
    return step


database_in_memory.native = True


def audit_in_csv():
    """A csv writer on a StringIO that is meant to be emptied at the end of the day."""
    import csv
    import io

    stream, tick = io.StringIO(), [0]
    writer = csv.writer(stream)

    def step():
        for _ in range(25):
            tick[0] += 1
            writer.writerow([tick[0], "login", f"10.0.{tick[0] % 256}.7", "ok"])  # LEAK

    return step


def connections_lost_on_failure():
    """A connection is not given back when the query fails, one in four (redis, urllib3)."""

    class Pool:
        def __init__(self):
            self.free, self.in_use = [], set()

        def take(self):
            connection = self.free.pop() if self.free else Connection()
            self.in_use.add(connection)
            return connection

        def give(self, connection):
            self.in_use.remove(connection)
            self.free.append(connection)

    class Connection:
        def __init__(self):
            self.received = bytearray(130_000)  # LEAK

    pool, tick = Pool(), [0]

    def step():
        tick[0] += 1
        connection = pool.take()
        if tick[0] % 4 == 0:
            raise TimeoutError("no answer")
        pool.give(connection)

    return step


def model_with_a_hidden_history():
    """The user's own model keeps each fit's inputs for a report (trainers, callbacks)."""
    import numpy as np

    class Model:
        def __init__(self):
            self.weights = np.zeros(50)
            self._fits = []

        def fit(self, inputs, targets):
            self.weights = inputs[:50] * targets[0]
            self._fits.append((inputs, targets))

    model = Model()

    def step():
        inputs = np.random.default_rng(5).normal(size=30_000)  # LEAK
        model.fit(inputs, np.ones(10))  # LEAK

    return step, lambda: {"model": model}


def checkpoint_every_eighth_run():
    """A checkpoint in memory at every eighth run; seven of eight leave nothing."""
    import numpy as np

    class Trainer:
        def __init__(self):
            self.weights, self.checkpoints, self.runs = np.zeros(100_000), [], 0

        def train(self):
            self.runs += 1
            self.weights += 0.1
            if self.runs % 8 == 0:
                self.checkpoints.append(self.weights.copy())  # LEAK

    trainer = Trainer()

    def step():
        trainer.train()

    return step


def quota_table_after_a_while():
    """Requests over the quota, which begin after fifteen runs, are all written down."""

    class Limiter:
        def __init__(self, quota):
            self.left, self.refused = quota, []

        def ask(self, number):
            self.left -= 1
            if self.left < 0:
                self.refused.append({"at": number, "body": f"{number:08d}" * 600})  # LEAK

    limiter, tick = Limiter(75), [0]

    def step():
        for _ in range(5):
            tick[0] += 1
            limiter.ask(tick[0])

    return step


def slow_requests_in_much_traffic():
    """Five megabytes come and go in each run; the one slow request's 2 kB stay."""
    import random

    rng, slow = random.Random(31), []

    def step():
        for number in range(10):
            body = bytearray(rng.randrange(300_000, 700_000))
            if number == 7:
                slow.append((number, [float(i) for i in range(60)]))  # LEAK
            body[0] = 1

    return step


def tombstones_never_swept():
    """Entries are set to None instead of deleted: keys stay (caches with invalidation)."""
    cache, tick = {}, [0]

    def step():
        for _ in range(35):
            tick[0] += 1
            cache[f"session:{tick[0]:016d}"] = [tick[0]] * 20  # LEAK
            cache[f"session:{tick[0] - 1:016d}"] = None

    return step


def c_callbacks_kept_alive():
    """Callbacks for a C library in a list, so that they are not freed too early (ctypes)."""
    import ctypes

    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    alive = []

    def step():
        for number in range(12):
            alive.append(prototype(lambda value, number=number: value + number))  # LEAK

    return step


def codecs_registered():
    """A codec's search function registered by each run of the cell that defines it."""
    import codecs

    registered = []

    def step():
        table = {chr(0x4E00 + i): i for i in range(600)}  # LEAK

        def search(name):
            return table.get(name)

        codecs.register(search)
        registered.append(search)

    def after():
        for search in registered:
            codecs.unregister(search)

    step.after = after
    return step


def method_wrapped_again():
    """A class's method wrapped by a tracing decorator whenever the cell runs (tracers)."""
    import functools

    class Client:
        def send(self):
            return 1

    def traced(function):
        spans = [None] * 1000  # LEAK

        @functools.wraps(function)
        def wrapper(self):
            return function(self) if spans else None

        return wrapper

    def step():
        Client.send = traced(Client.send)

    return step


def scatter_on_old_axes():
    """scatter for each frame of an animation, on the points of before (matplotlib #29685)."""
    import matplotlib

    matplotlib.use("agg")
    import numpy as np
    from matplotlib.figure import Figure

    axes, tick = Figure().add_subplot(), [0]

    def step():
        tick[0] += 1
        points = np.random.default_rng(tick[0]).random((2, 400))
        axes.scatter(*points)  # LEAK

    return step


def graph_with_parents():
    """A running total that remembers what it was computed from (autograd, pytorch losses)."""
    import numpy as np

    class Value:
        def __init__(self, data, parents=()):
            self.data, self.parents = data, parents

        def __add__(self, other):
            return Value(self.data + other.data, (self, other))  # LEAK

    total = [Value(np.zeros(300_000))]

    def step():
        loss = Value(np.ones(300_000))  # LEAK
        total[0] = total[0] + loss

    return step


def records_of_caplog():
    """Every record and its arguments, kept by a handler that was meant for tests (caplog)."""
    import logging

    class Capture(logging.Handler):
        def __init__(self):
            super().__init__()
            self.records = []

        def emit(self, record):
            self.records.append(record)

    logger = logging.getLogger("corpus.third.captured")
    logger.propagate = False
    logger.addHandler(Capture())

    def step():
        frame = {"rows": list(range(1000, 3400))}  # LEAK
        logger.warning("loaded %s", frame)  # LEAK

    return step
