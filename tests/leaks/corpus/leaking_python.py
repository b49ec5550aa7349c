"""Leaks in plain Python. A line marked LEAK allocates what stays; one is enough to find."""

from __future__ import annotations

import random


def registry_list():
    """A module's registry to which each call appends what it loaded."""
    registry = []

    def step():
        data = [str(i) * 3 for i in range(2000)]  # LEAK
        registry.append(data)

    return step


def module_cache_by_path():
    """A cache by file name that nobody bounds, each run with a new name."""
    cache, number = {}, [0]

    def load(path):
        if path not in cache:
            cache[path] = bytes(150_000)  # LEAK
        return len(cache[path])

    def step():
        number[0] += 1
        load(f"part-{number[0]}.csv")

    return step


def lru_cache_unbounded():
    """functools.cache on a function whose arguments never repeat."""
    import functools

    counter = iter(range(10**9))

    @functools.cache
    def features(seed):
        return [seed * i for i in range(400)]  # LEAK

    def step():
        features(next(counter))

    return step


def small_leak_in_jitter():
    """Two kilobytes a run while the last result, megabytes of it, changes in size."""
    rng, log, last = random.Random(1), [], {}

    def step():
        last["result"] = bytearray(rng.randrange(1_000_000, 5_000_000))
        log.append("".join(map(str, range(rng.randrange(600, 700)))))  # LEAK

    return step


def leak_after_warm_up():
    """A pool that is reused at first, and grows once it has been used up."""
    pool, used, runs = [bytearray(100_000) for _ in range(5)], [], [0]

    def step():
        runs[0] += 1
        used.append(pool.pop() if pool else bytearray(100_000))  # LEAK

    return step


def dict_of_counts():
    """Counting by a key that is unique (a time stamp): the dict doubles now and then."""
    counts, tick = {}, [0]

    def step():
        for _ in range(60):
            tick[0] += 1
            counts[f"2024-01-01T{tick[0]:012d}"] = 1  # LEAK

    return step


def seen_set_of_numbers():
    """A set of identifiers already seen, never emptied: resized in large steps."""
    seen, tick = set(), [10**9]

    def step():
        for _ in range(200):
            tick[0] += 7  # LEAK
            seen.add(tick[0])  # LEAK

    return step


def undo_stack():
    """An editor's undo list that keeps a deep copy of the state before each change."""
    import copy

    state, undo = {"cells": [[i, str(i)] for i in range(300)]}, []

    def step():
        undo.append(copy.deepcopy(state))  # LEAK
        state["cells"][0][0] += 1

    return step


def linked_chain():
    """Each version of a tree points to the one before it."""

    class Version:
        def __init__(self, before):
            self.before = before
            self.rows = [i * 1.5 for i in range(1500)]  # LEAK

    head = [None]

    def step():
        head[0] = Version(head[0])

    return step


def closures_as_callbacks():
    """A callback registered on every run; its closure keeps the run's data."""
    callbacks = []

    def step():
        data = bytearray(60_000)  # LEAK
        callbacks.append(lambda: len(data))

    return step


def logging_handlers():
    """A handler added to a logger on every run; loggers live for ever."""
    import io
    import logging

    logger = logging.getLogger("corpus.leaky")
    logger.propagate = False

    def step():
        stream = io.StringIO("x" * 20_000)  # LEAK
        logger.addHandler(logging.StreamHandler(stream))  # LEAK

    return step


def logger_per_run():
    """A logger with a name of its own for each run: the manager keeps all of them."""
    import logging

    tick = [0]

    def step():
        for _ in range(5):
            tick[0] += 1
            logging.getLogger(f"job-{tick[0]}")  # LEAK

    return step


def suspended_generators():
    """Generators stopped half-way and kept in a list; their frames keep the data."""
    pending = []

    def rows(number):
        data = [str(i) for i in range(number)]  # LEAK
        yield from data

    def step():
        generator = rows(1200)
        next(generator)
        pending.append(generator)

    return step


def kept_exceptions():
    """Errors collected for later: their tracebacks keep the frames and all their locals."""
    errors = []

    def work():
        payload = bytearray(300_000)  # LEAK
        raise ValueError(len(payload))

    def step():
        try:
            work()
        except ValueError as error:
            errors.append(error)

    return step


def only_when_it_fails():
    """Clean-up that is skipped when the run raises, which it does each time."""
    open_items = {}
    tick = [0]

    def step():
        tick[0] += 1
        open_items[tick[0]] = [i * 1000 for i in range(500)]  # LEAK
        raise RuntimeError("failed before open_items.pop()")

    return step


def threads_that_wait():
    """A worker thread per run that waits for an event nobody sets."""
    import threading

    done = threading.Event()

    def worker(data):
        done.wait()
        return data

    def step():
        data = bytearray(50_000)  # LEAK
        thread = threading.Thread(target=worker, args=(data,), daemon=True)
        thread.start()  # LEAK

    step.after = done.set
    return step


def queue_without_consumer():
    """A queue that a thread fills and nobody empties."""
    import queue
    import threading

    jobs = queue.Queue()

    def produce():
        jobs.put([float(i) for i in range(2000)])  # LEAK

    def step():
        thread = threading.Thread(target=produce)
        thread.start()
        thread.join()

    return step


def context_variable_chain():
    """A context variable whose value links back to the one before."""
    import contextvars

    scope = contextvars.ContextVar("scope", default=None)

    def step():
        scope.set({"parent": scope.get(), "data": bytearray(20_000)})  # LEAK

    return step


def atexit_functions():
    """A clean-up function registered with atexit on every run."""
    import atexit
    import functools

    def step():
        buffer = bytearray(40_000)  # LEAK
        atexit.register(functools.partial(len, buffer))

    return step


def class_attribute_list():
    """Instances that register themselves in a list of their class."""

    class Session:
        instances = []  # noqa: RUF012

        def __init__(self):
            self.cookies = {f"k{i}": f"value {i}" for i in range(100)}  # LEAK
            Session.instances.append(self)  # LEAK

    def step():
        Session()  # LEAK

    return step


def mutable_default():
    """A list as a default argument that collects from call to call."""

    def parse(text, found=[]):  # noqa: B006 - the mistake that this is about
        found.extend(text.split())  # LEAK
        return len(found)

    text = " ".join(str(i) for i in range(5000))

    def step():
        parse(text)

    return step


def observers_of_a_model():
    """A view made anew for each run that observes a model which lives on."""

    class Model:
        def __init__(self):
            self.observers = []

    class View:
        def __init__(self, model):
            self.pixels = bytearray(200_000)  # LEAK
            model.observers.append(self.update)

        def update(self):
            return len(self.pixels)

    model = Model()

    def step():
        View(model)

    return step


def finaliser_that_revives():
    """__del__ puts the object back into a list, in a cycle besides."""
    revived = []

    class Connection:
        def __init__(self):
            self.me = self
            self.buffer = bytearray(30_000)  # LEAK

        def __del__(self):
            revived.append(self)

    def step():
        Connection()  # LEAK

    return step


def classes_made_per_run():
    """A class created in every run and registered by its base (a plug-in registry)."""
    plugins = []

    class Base:
        def __init_subclass__(cls):
            plugins.append(cls)

    def step():
        type("Plugin", (Base,), {"table": bytes(10_000)})  # LEAK

    return step


def futures_kept():
    """Futures of an executor kept in a list after their results were used."""
    from concurrent.futures import ThreadPoolExecutor

    executor = ThreadPoolExecutor(1)
    futures = []

    def work(number):
        return [number + i for i in range(1000)]  # LEAK

    def step():
        future = executor.submit(work, 10**6)
        futures.append(future)
        future.result()

    step.after = executor.shutdown
    return step


def weak_keys_that_hold_themselves():
    """A WeakKeyDictionary whose values refer to their keys, so that no key ever goes."""
    import weakref

    class Node:
        pass

    notes = weakref.WeakKeyDictionary()

    def step():
        node = Node()
        notes[node] = (node, bytearray(15_000))  # LEAK

    return step


def string_builder():
    """A log in one growing bytearray behind a module's function."""

    class Recorder:
        def __init__(self):
            self.buffer = []

        def write(self, number):
            self.buffer.append(f"{number:>08d}" * 500)  # LEAK

    recorder, tick = Recorder(), [0]

    def step():
        tick[0] += 1
        recorder.write(tick[0])

    return step
