"""What the tests ask of the consumers, from inside the kernel; leaves no names behind."""

import sys

from pmat_nb.consumers.base import Watched
from pmat_nb.consumers.registry import default_consumers, history_holders


def shell():
    from IPython import get_ipython

    return get_ipython()


def consumer(name):
    return next(c for c in default_consumers(shell()) if c.name == name)


def names():
    return [(c.name, c.pool) for c in default_consumers(shell())]


def held(name):
    """name, detail, address and types of the roots of each entry."""
    return [
        [h.name, h.detail, h.address, [type(r).__name__ for r in h.roots], h.extra_bytes]
        for h in consumer(name).held()
    ]


def owners(variable):
    """Entries of all consumers that hand out the variable's object itself."""
    value = shell().user_ns[variable]
    return [
        [c.pool, h.name]
        for c in default_consumers(shell())
        for h in c.held()
        if any(root is value for root in h.roots)
    ]


def refused(name):
    """What the watching wrapper says of a consumer after one look."""
    watched = Watched(consumer(name))
    watched.held()
    return watched.failure


def unexplained(variable):
    """References to a variable's object that neither its name nor the history explains.

    Less the name here and getrefcount's argument.
    """
    value = shell().user_ns[variable]
    holders = history_holders(shell()).get(id(value), ())
    return [sys.getrefcount(value) - 2 - 1 - len(holders), list(holders)]


def reference_counts(name):
    """How far the counts of the roots are from before, after two looks at a consumer."""
    roots = [root for entry in consumer(name).held() for root in entry.roots]
    before = [sys.getrefcount(roots[i]) for i in range(len(roots))]
    for _ in range(2):
        for entry in consumer(name).held():
            del entry
    return [sys.getrefcount(roots[i]) - before[i] for i in range(len(roots))]


def snapshot():
    """Modules, and the namespace's names: what a look must not change."""
    return [sorted(sys.modules), list(shell().user_ns), list(shell().user_ns_hidden)]


def waste(name):
    found = consumer(name).waste(1.0)
    return found and [found.seen_bytes, found.unused_bytes]
