"""Errors and interrupts: how a cell ends early, and what is shown and stopped."""

from __future__ import annotations

from .case import Case

_HELPER = """\
import sys
from pathlib import Path
Path("helper_module.py").write_text("def boom():\\n    return 1 / 0\\n")
sys.path.insert(0, "")
"""

_ERRORS = (
    Case("exception", "x = 1\n1 / 0\nx = 2", after=("x",)),
    Case("exception in a function", "def f(a):\n    b = a\n    return b / 0\n\nf(1)"),
    Case(
        "exception in a function of an earlier cell",
        "x = 1\nf(2)",
        setup="def f(a):\n    return a / 0",
    ),
    Case(
        "exception in a module",
        "import helper_module\nhelper_module.boom()",
        setup=_HELPER,
    ),
    Case("exception in a library", "import json\njson.loads('{')"),
    Case("exception in a class body", "class A:\n    x = 1\n    y = undefined_name"),
    Case("exception in a comprehension", "[1 / (i - 2) for i in range(5)]"),
    Case(
        "exception in a generator",
        "def g():\n    yield 1\n    raise RuntimeError('drained')\nlist(g())",
    ),
    Case(
        "exception in a decorator",
        "def bad(f):\n    raise TypeError('decorated')\n@bad\ndef g(): pass",
    ),
    Case("exception in lines spread", "value = (1 +\n         2 +\n         None)"),
    Case("exception after output", "print('before')\nraise ValueError('after')"),
    Case(
        "exception from a cause",
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e",
    ),
    Case("exception in a context", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}['missing']"),
    Case(
        "exception from None",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('k') from None",
    ),
    Case("exception of the user's own", "class Mine(Exception): pass\nraise Mine('own', 2)"),
    Case("exception without a message", "raise RuntimeError"),
    Case("exception of many lines", "raise ValueError('line 1\\nline 2')"),
    Case("exception with notes", "e = ValueError('noted')\ne.add_note('a note')\nraise e"),
    Case("exception group", "raise ExceptionGroup('many', [ValueError('a'), KeyError('b')])"),
    Case("MemoryError of the user's own", "raise MemoryError('mine')"),
    Case(
        "recursion",
        "def deep(n): return deep(n + 1)\n"
        "try:\n    deep(0)\nexcept RecursionError as e:\n    r = type(e).__name__\nr",
    ),
    Case("assertion", "x = 3\nassert x == 4, f'{x} is not 4'"),
    Case("name error", "nothing_like_this"),
    Case("attribute error", "import os\nos.no_such_thing"),
    Case("import error", "import no_such_module_at_all"),
    Case("handled", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    r = 'handled'\nr"),
    Case("finally runs", "try:\n    1 / 0\nfinally:\n    print('finally')"),
    Case("SystemExit", "raise SystemExit"),
    Case("SystemExit with a status", "import sys\nsys.exit(3)", after=("'alive'",)),
    Case("KeyboardInterrupt of the user's own", "raise KeyboardInterrupt"),
    Case("GeneratorExit", "raise GeneratorExit('g')"),
    Case("syntax error", "x = 1\ny = = 2"),
    Case("syntax error in a function", "def f():\n    return 1 +\nf()"),
    Case("unclosed bracket", "x = [1,\n     2"),
    Case("unclosed string", "x = 1\ns = 'open"),
    Case("indentation error", "def f():\nx = 1"),
    Case("unexpected indent", "x = 1\n  y = 2"),
    Case("return outside", "x = 1\nreturn x"),
    Case("break outside", "break"),
    Case("yield outside", "yield 1"),
    Case("duplicate argument", "def f(a, a): pass"),
    Case("%tb afterwards", "def f():\n    return 1 / 0\nf()", after=("%tb",)),
    Case(
        "sys.last_value afterwards",
        "raise LookupError('last')",
        after=("import sys\nrepr(sys.last_value)",),
    ),
    Case(
        "custom handler",
        "1 / 0",
        setup="def handler(self, etype, value, tb, tb_offset=None):\n"
        "    print('handled', etype.__name__)\n"
        "get_ipython().set_custom_exc((ZeroDivisionError,), handler)",
        after=("get_ipython().set_custom_exc((), None)",),
    ),
    Case(
        "showtraceback",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()",
    ),
    Case("input is refused", "input('name? ')"),
    Case(
        "run-all stops",
        "import time\ntime.sleep(0.3)\n1 / 0",
        queued=("ran = 1", "2"),
        after=("'ran' in globals()",),
    ),
    Case(
        "run-all stops at a syntax error",
        "import time\ntime.sleep(0.3)\nexec('x = = 1')",
        queued=("ran = 1",),
        after=("'ran' in globals()",),
    ),
    Case("run-all goes on", "import time\ntime.sleep(0.3)\n1", queued=("ran = 1", "ran + 1")),
    Case(
        "run-all stops in await",
        "import asyncio\nawait asyncio.sleep(0.3)\n1 / 0",
        queued=("ran = 1",),
        after=("'ran' in globals()",),
    ),
)

_INTERRUPTS = (
    Case(
        "interrupted sleep",
        "import time\nprint('running', flush=True)\ntime.sleep(30)",
        interrupt=True,
        after=("'alive'",),
    ),
    Case(
        "interrupted loop",
        "print('running', flush=True)\nwhile True: pass",
        interrupt=True,
        after=("'alive'",),
    ),
    Case(
        "interrupted in a function",
        "import time\ndef f():\n    print('running', flush=True)\n    time.sleep(30)\nf()",
        interrupt=True,
    ),
    Case(
        "interrupt handled",
        "import time\nprint('running', flush=True)\n"
        "try:\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    r = 'handled'\nr",
        interrupt=True,
    ),
    Case(
        "interrupted await",
        "import asyncio\nprint('running', flush=True)\nwhile True:\n    await asyncio.sleep(0.1)",
        interrupt=True,
        after=("'alive'",),
    ),
    Case(
        # ipykernel notices only when the sleep is over, or not at all.
        "interrupted in one long await",
        "import asyncio\nprint('running', flush=True)\nawait asyncio.sleep(0.5)",
        interrupt=True,
        after=("'alive'",),
    ),
    Case(
        "interrupted in a thread wait",
        "import threading\nprint('running', flush=True)\nthreading.Event().wait(30)",
        interrupt=True,
    ),
)

ERRORS = _ERRORS + _INTERRUPTS
