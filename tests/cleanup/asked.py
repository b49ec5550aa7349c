"""What the tests ask from inside the kernel; leaves no names behind."""

import linecache
import sys

from pmat_nb.consumers.base import Watched, Wish
from pmat_nb.consumers.registry import default_consumers
from pmat_nb.session import current


def _shell():
    from IPython import get_ipython

    return get_ipython()


def _consumer(name):
    return Watched(next(c for c in default_consumers(_shell()) if c.name == name))


def _wish(aggressive):
    return Wish(aggressive=aggressive, compact=aggressive)


def consumers():
    """Name, pool, and whether it reclaims, of every consumer of the session."""
    return [[s.name, s.pool, s.reclaims] for s in current().reporter().sources]


def plan(name, aggressive):
    """[target, what, left] of each step."""
    consumer = _consumer(name)
    steps = consumer.steps(_wish(aggressive))
    assert consumer.failure is None, consumer.failure
    return [[step.target, step.what, step.left] for step in steps]


def run(name, aggressive):
    """Run every step that is not left, twice; what the second plan would still do."""
    for _ in range(2):
        for step in _consumer(name).steps(_wish(aggressive)):
            if not step.left:
                assert isinstance(step.run(), str)
    return [step.what for step in _consumer(name).steps(_wish(aggressive)) if not step.left]


def run_stale(name):
    """Steps that were planned, run after others have done the same."""
    early = [s for s in _consumer(name).steps(_wish(True)) if not s.left]
    for _ in range(2):
        for step in early:
            step.run()
    return len(early)


def changed_by_planning(name, aggressive):
    """What of the kernel's state two plans have changed, and whether they differ."""
    before = _state()
    plans = [plan(name, aggressive) for _ in range(2)]
    after = _state()
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    return [changed, plans[0] == plans[1]]


def _state():
    shell = _shell()
    figures = sys.modules.get("matplotlib._pylab_helpers")
    tracer = shell.InteractiveTB
    return [
        sorted((name, id(value)) for name, value in shell.user_ns.items() if type(name) is str),
        sorted((name, id(value)) for name, value in shell.user_ns_hidden.items()),
        sorted((str(key), id(value)) for key, value in shell.user_ns["_oh"].items()),
        sorted(figures.Gcf.figs) if figures else [],
        sorted(linecache.cache),
        [id(getattr(sys, name, None)) for name in ("last_value", "last_traceback", "last_exc")],
        id(tracer.tb),
        len(sys.modules["re"]._cache),
        sorted(sys.modules),
        sorted(getattr(shell.history_manager, "outputs", {})),
    ]


def user_variables():
    """Name and value as text of what is the user's."""
    from pmat_nb.consumers.namespace import user_variables as found

    return [[list(v.names), repr(v.value)[:200]] for v in found(_shell())]
