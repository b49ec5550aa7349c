"""Leaks of the second batch, after reports in the trackers of the projects that are named.

Written without knowledge of the rules, once these stood. A line marked LEAK allocates what
stays; one is enough to find.
"""

from __future__ import annotations


def method_lru_cache():
    """lru_cache on a method keeps every self (flake8 #1573, getsentry/seer #2512)."""
    import functools

    class Client:
        def __init__(self, number):
            self.number = number
            self.index = {f"file-{i}": i * number for i in range(2500)}  # LEAK

        @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - the mistake
        def lookup(self, name):
            return self.index.get(name)

    tick = [1000]

    def step():
        tick[0] += 1
        Client(tick[0]).lookup("file-7")

    return step


def cookie_jar_of_empty_entries():
    """Asking a defaultdict for what is not there adds it (aiohttp #11052, filter_cookies)."""
    from collections import defaultdict
    from http.cookies import SimpleCookie

    class Jar:
        def __init__(self):
            self.cookies = defaultdict(SimpleCookie)

        def filter(self, host, path):
            found, parts = [], path.split("/")
            for end in range(1, len(parts) + 1):
                found.extend(self.cookies[host, "/".join(parts[:end])].values())  # LEAK
            return found

    jar, tick = Jar(), [0]

    def step():
        tick[0] += 1
        for item in range(4):
            jar.filter("example.org", f"/api/v1/users/{tick[0]}/items/{item}/detail")

    return step


def raised_again_and_again():
    """One exception object raised each time: its traceback grows (pickledb #70, stem #156)."""

    class Database:
        key_error = TypeError("a key must be a string")

        def set(self, key):
            request = {"key": key, "body": bytearray(14_000)}  # LEAK
            if not isinstance(request["key"], str):
                raise self.key_error

    database = Database()

    def step():
        database.set(5)

    return step


def results_nobody_fetches():
    """Pending results removed only by get(), which is never called (celery #3813, #8166)."""

    class Result:
        def __init__(self, backend, number):
            self.id = f"task-{number:08d}"
            self.meta = {"status": "SUCCESS", "children": list(range(300, 520))}  # LEAK
            backend.pending[self.id] = self

    class Backend:
        def __init__(self):
            self.pending = {}

        def get(self, result):
            return self.pending.pop(result.id).meta

    backend, tick = Backend(), [0]

    def step():
        tick[0] += 1
        Result(backend, tick[0])

    return step


def warnings_with_values():
    """Warnings whose text has a number in it, each registered for ever (cpython #97557)."""
    import warnings

    warnings.simplefilter("default")
    warnings.showwarning = lambda *_, **__: None
    tick = [0]

    def step():
        for _ in range(25):
            tick[0] += 1
            warnings.warn(f"step {tick[0]} did not converge", RuntimeWarning, stacklevel=1)  # LEAK

    return step


def pickler_with_a_memory():
    """A Pickler used for all messages remembers all of them (cpython #125756)."""
    import io
    import pickle

    stream, tick = io.BytesIO(), [0]
    pickler = pickle.Pickler(stream)

    def step():
        tick[0] += 1
        message = {"id": tick[0], "rows": [[tick[0], str(i)] for i in range(450)]}  # LEAK
        stream.seek(0)
        stream.truncate()
        pickler.dump(message)  # LEAK

    return step


def metric_label_per_user():
    """A metric's child for each label value (prometheus client_python, litellm #12159)."""

    class Histogram:
        bounds = (0.1, 0.5, 1.0, 5.0, 10.0)

        def __init__(self):
            self.children = {}

        def labels(self, *values):
            if values not in self.children:
                self.children[values] = [[0.0] for _ in self.bounds]  # LEAK
            return self.children[values]

    latency, tick = Histogram(), [0]

    def step():
        for _ in range(5):
            tick[0] += 1
            latency.labels("GET", f"user-{tick[0]}")[1][0] += 1.0  # LEAK

    return step


def spans_never_ended():
    """Spans of aborted requests, one in three, stay in the map (sentry-python #2722)."""

    class Processor:
        def __init__(self):
            self.open_spans = {}

        def start(self, number):
            self.open_spans[number] = {"tags": [f"tag {i}" for i in range(900)]}  # LEAK

        def end(self, number):
            self.open_spans.pop(number)

    processor, tick = Processor(), [0]

    def step():
        tick[0] += 1
        processor.start(tick[0])
        if tick[0] % 3:
            processor.end(tick[0])

    return step


def query_log_of_each_thread():
    """Each worker thread keeps the queries it ran while debugging (Django, NAV #97)."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    local, tick = threading.local(), [0]
    executor = ThreadPoolExecutor(3)

    def query(number):
        if not hasattr(local, "queries"):
            local.queries = []
        sql = f"SELECT * FROM port WHERE netbox = {number} AND " + "x = 1 AND " * 60  # LEAK
        local.queries.append({"sql": sql, "time": 0.001})  # LEAK

    def step():
        tick[0] += 1
        for future in [executor.submit(query, tick[0] * 10 + i) for i in range(6)]:
            future.result()

    step.after = executor.shutdown
    return step


def pointer_types():
    """ctypes.POINTER of arrays of all lengths (pypdfium2 #346; Python before 3.14)."""
    import ctypes

    tick = [1000]

    def step():
        tick[0] += 1
        block = (ctypes.c_ubyte * tick[0])()  # LEAK: the type, which the pointer type keeps
        ctypes.cast(block, ctypes.POINTER(ctypes.c_ubyte * tick[0]))  # LEAK

    return step


def finalize_with_a_bound_method():
    """weakref.finalize(self, self.close) is what keeps self alive (httomo #265)."""
    import weakref

    import numpy as np

    class Reader:
        def __init__(self):
            self.block = np.zeros(70_000) + 1  # LEAK
            weakref.finalize(self, self.close)  # LEAK

        def close(self):
            self.block = None

    def step():
        return float(Reader().block[3])

    return step


def images_on_the_same_axes():
    """imshow for each frame on axes that nobody clears (matplotlib #3405, gamutRF #154)."""
    import matplotlib

    matplotlib.use("agg")
    import numpy as np
    from matplotlib.figure import Figure

    axes, tick = Figure().add_subplot(), [0]

    def step():
        tick[0] += 1
        frame = np.full((250, 300), float(tick[0]))  # LEAK
        axes.imshow(frame)  # LEAK

    return step


def slices_of_arrow_tables():
    """The few rows that matter keep the buffers of the whole table (arrow #3580)."""
    import pyarrow as pa

    kept = []

    def step():
        table = pa.table({"n": pa.array(range(60_000))})  # LEAK
        kept.append(table.slice(10, 5))

    return step


def callbacks_on_a_future_that_lasts():
    """Each call adds a callback to "closed", which never is (fastapi_websocket_rpc #15)."""
    import asyncio
    import functools

    loop = asyncio.new_event_loop()
    closed = loop.create_future()

    def cancel(pending, _):
        pending.clear()

    async def call():
        pending = [bytes([i % 256]) * 60 for i in range(400)]  # LEAK
        closed.add_done_callback(functools.partial(cancel, pending))
        await asyncio.sleep(0)

    def step():
        loop.run_until_complete(call())

    step.after = loop.close
    return step


def finished_tasks_in_a_set():
    """Tasks kept in a set so that they live, and never discarded (websockets #699)."""
    import asyncio

    loop = asyncio.new_event_loop()
    background = set()

    async def fetch(number):
        await asyncio.sleep(0)
        return [number * i for i in range(1000, 1600)]  # LEAK

    async def handle():
        task = loop.create_task(fetch(len(background) + 10))  # LEAK
        background.add(task)
        await task

    def step():
        loop.run_until_complete(handle())

    step.after = loop.close
    return step


def expiry_timers():
    """A timer in the event loop for each cookie, due in thirty days (aiohttp #1029, #1061)."""
    import asyncio

    loop, tick = asyncio.new_event_loop(), [0]
    cookies = {}

    async def respond():
        for name in range(16):
            tick[0] += 1
            cookies[name] = f"value {tick[0]}"
            loop.call_later(30 * 86_400, cookies.pop, f"{name}-{tick[0]}", None)  # LEAK

    def step():
        loop.run_until_complete(respond())

    step.after = loop.close
    return step


def tee_with_a_slow_branch():
    """itertools.tee of which one branch is not read (more-itertools #1130)."""
    import itertools

    def lines():
        for number in itertools.count():
            yield f"{number:>09d}," + "3.14," * 40  # LEAK

    fast, slow = itertools.tee(lines())

    def step():
        for _ in range(60):
            next(fast)

    step.slow = slow
    return step


def cycle_over_a_stream():
    """itertools.cycle keeps a copy of all it has seen (pytorch #23900, cycle(loader))."""
    import itertools

    import numpy as np

    def batches():
        for number in itertools.count():
            yield np.full((64, 300), number, dtype="f4")  # LEAK

    loader = itertools.cycle(batches())

    def step():
        for _ in range(4):
            next(loader).sum()

    return step


def empty_children_of_the_root():
    """iterparse with clear(): the root keeps the empty elements (healthkit-to-sqlite #7)."""
    from xml.etree.ElementTree import XMLPullParser

    parser = XMLPullParser(["end"])
    parser.feed("<export>")
    chunk = "".join(f'<Record type="steps" value="{i}"><Meta/></Record>' for i in range(70))

    def step():
        parser.feed(chunk)  # LEAK
        for _, element in parser.read_events():
            element.clear()

    return step


def bounded_log_per_worker():
    """Event logs are bounded, but each new worker has one more (dask/distributed #2371)."""
    from collections import deque

    events, tick = {}, [0]

    def log(worker, message):
        if worker not in events:
            events[worker] = deque(maxlen=100)  # LEAK
        events[worker].append((tick[0], message))  # LEAK

    def step():
        for _ in range(3):
            tick[0] += 1
            for state in ("connected", "idle", "closing"):
                log(f"tcp://10.0.0.1:{tick[0]}", state)  # LEAK

    return step


def memoryviews_of_messages():
    """A header kept as a memoryview keeps the whole message (protocol parsers)."""

    class Connection:
        def __init__(self):
            self.headers = []

        def receive(self, number):
            message = bytearray(1_400_000)  # LEAK
            message[0] = number % 256
            self.headers.append(memoryview(message)[:16])

    connection, tick = Connection(), [0]

    def step():
        tick[0] += 1
        connection.receive(tick[0])

    return step


def compressors_of_closed_connections():
    """A compressor a connection, 260 kB each, kept after its end (permessage-deflate)."""
    import zlib

    peers, tick = {}, [0]

    def step():
        tick[0] += 1
        compressor = zlib.compressobj(level=6, wbits=-15)  # LEAK
        compressor.compress(b"hello")
        peers[f"10.0.0.{tick[0]}"] = compressor

    return step


def memory_handler_without_target():
    """logging's MemoryHandler without a target flushes nothing away (cpython, logging)."""
    import logging
    import logging.handlers

    logger = logging.getLogger("corpus.second.buffered")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.handlers.MemoryHandler(capacity=50))

    def step():
        for number in range(12):
            logger.info("request %s took %s ms", number + 1000, number * 1.5)  # LEAK

    return step


def generated_sources():
    """Source of generated code put into linecache under a new name (attrs, IPython)."""
    import linecache

    tick = [0]

    def step():
        tick[0] += 1
        lines = [f"    self.field_{i} = field_{i}\n" for i in range(70)]  # LEAK
        source = f"def __init__(self, n={tick[0]}):\n" + "".join(lines)
        name = f"<generated init {tick[0]}>"
        compile(source, name, "exec")
        linecache.cache[name] = (len(source), None, lines, name)

    return step


def few_keys_long_values():
    """Ten endpoints, and for each a list of all its timings (locust, request statistics)."""
    timings, tick = {f"/page/{i}": [] for i in range(10)}, [0]

    def step():
        for _ in range(80):
            tick[0] += 1
            timings[f"/page/{tick[0] % 10}"].append(tick[0] * 0.37)  # LEAK

    return step


def exit_stack_of_the_application():
    """Contexts entered on a stack that is closed at the end (jina #3739)."""
    import contextlib

    stack = contextlib.ExitStack()

    @contextlib.contextmanager
    def worker():
        arena = [float(i) for i in range(2600)]  # LEAK
        yield arena
        arena.clear()

    def step():
        stack.enter_context(worker())

    return step


def mock_in_production():
    """A Mock as a stand-in for a client remembers all of its calls (unittest.mock)."""
    from unittest.mock import MagicMock

    client, tick = MagicMock(), [0]

    def step():
        tick[0] += 1
        body = b"%08d" % tick[0] * 2500  # LEAK
        client.send(body)  # LEAK

    return step


def array_grown_in_an_object():
    """One array replaced by itself and more: one block, ever larger (recorders)."""
    import numpy as np

    class Recorder:
        def __init__(self):
            self.trace = np.empty(0)

        def record(self, values):
            self.trace = np.append(self.trace, values)  # LEAK

    recorder = Recorder()
    values = np.arange(3000.0)

    def step():
        recorder.record(values)

    return step


def keys_larger_than_values():
    """A memo whose keys are the printed arguments: the results are small (joblib-like)."""
    memo, tick = {}, [0]

    def mean(rows):
        key = repr(rows)  # LEAK
        if key not in memo:
            memo[key] = sum(rows) / len(rows)
        return memo[key]

    def step():
        tick[0] += 1
        mean([tick[0] * 1000 + i for i in range(4500)])

    return step


def processes_in_a_list():
    """Popen objects kept after the end, their pipes open (intel/gprofiler #991)."""
    import subprocess

    started = []

    def step():
        process = subprocess.Popen(["true"], stdout=subprocess.PIPE)  # LEAK
        process.wait()
        started.append(process)

    def after():
        for process in started:
            process.stdout.close()

    step.after = after
    return step


def samples_of_a_monitor():
    """A monitor's thread takes a sample whenever it is asked, and keeps all (profilers)."""
    import queue
    import threading

    asked, answered = queue.Queue(), queue.Queue()
    samples = []

    def monitor():
        while asked.get():
            samples.append({f"cpu{i}": i * 0.5 for i in range(40)})  # LEAK
            answered.put(len(samples))

    threading.Thread(target=monitor, daemon=True).start()

    def step():
        asked.put(True)
        answered.get()

    step.after = lambda: asked.put(False)
    return step


def frames_that_know_their_parent():
    """Each frame's attrs name the frame it came from, and so on (pandas attrs)."""
    import numpy as np
    import pandas as pd

    last = {"frame": None}

    def derive(before):
        frame = pd.DataFrame({"a": np.arange(12_000.0), "b": np.ones(12_000)})  # LEAK
        frame.attrs["parent"] = before
        return frame

    def step():
        last["frame"] = derive(last["frame"])

    return step


def session_with_a_history():
    """The user's own session object records every response behind its back (HTTP clients)."""

    class Session:
        def __init__(self):
            self._history = []

        def get(self, number):
            body = f"{number:05d}" * 8000  # LEAK
            self._history.append({"url": f"/item/{number}", "body": body})
            return len(body)

    session, tick = Session(), [0]

    def step():
        tick[0] += 1
        session.get(tick[0])

    return step, lambda: {"session": session}


def spill_once_the_cache_is_full():
    """A cache of ten, and what it evicts is spilled to a list (late: after ten runs)."""
    from collections import OrderedDict

    class Cache:
        def __init__(self):
            self.entries, self.spilled = OrderedDict(), []

        def put(self, key, value):
            self.entries[key] = value
            if len(self.entries) > 10:
                self.spilled.append(self.entries.popitem(last=False))

    cache, tick = Cache(), [0]

    def step():
        tick[0] += 1
        cache.put(tick[0], bytearray(110_000))  # LEAK

    return step


def modules_under_new_names():
    """A plug-in loaded anew under a name of its own: sys.modules keeps it (pytest, streamlit)."""
    import sys
    import types

    tick = [0]
    code = compile(
        "TABLE = {f'key {i}': [i] * 3 for i in range(110)}\ndef run(): return TABLE\n",
        "<plugin>",
        "exec",
    )

    def step():
        tick[0] += 1
        module = types.ModuleType(f"corpus_plugin_{tick[0]}")  # LEAK
        exec(code, vars(module))  # LEAK
        sys.modules[module.__name__] = module

    return step


def recordings_of_five_megabytes():
    """A camera client keeps every frame for a replay that nobody asks for (opencv users)."""
    import numpy as np

    class Camera:
        def __init__(self):
            self.replay = []

        def grab(self, number):
            frame = np.full((1080, 1600, 3), number % 256, dtype="u1")  # LEAK
            self.replay.append(frame)
            return frame

    camera, tick = Camera(), [0]

    def step():
        tick[0] += 1
        return int(camera.grab(tick[0])[5, 5, 0])

    return step
