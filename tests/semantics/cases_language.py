"""Values, output, names, strings and await: what the language means in a cell."""

from __future__ import annotations

from .case import Case

_VALUES = (
    Case("last value", "x = 20\nx + 1"),
    Case("no value", "x = 20"),
    Case("None is not shown", "None"),
    Case("semicolon", "x = 20\nx + 1;"),
    Case("semicolon and comment", "20 + 1;  # quiet"),
    Case("string with a semicolon", "'a;'"),
    Case("several on a line", "a = 1; b = 2; a + b"),
    Case("only the last is shown", "1\n2\n3"),
    Case("value inside a block is not shown", "for i in range(3):\n    i"),
    Case("value of an if", "if True:\n    40 + 2"),
    Case("last statement assigns", "1\nx = 2"),
    Case("long value", "list(range(2000))"),
    Case("pretty printing", "{i: 'x' * 30 for i in range(10)}"),
    Case("value with a failing repr", "Bad()", setup="class Bad:\n    def __repr__(self): 1 / 0"),
    Case(
        "value with HTML",
        "Rich()",
        setup="class Rich:\n    def _repr_html_(self): return '<b>r</b>'",
    ),
    Case(
        "value with a MIME bundle",
        "Rich()",
        setup="class Rich:\n"
        "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': 'r', 'application/json': {'a': [1]}}",
    ),
    Case(
        "value that displays itself",
        "Shows()",
        setup="class Shows:\n    def _ipython_display_(self): print('shown')",
    ),
)

_OUTPUT = (
    Case("stdout", "print('one')\nprint('two', end='')"),
    Case("stderr", "import sys\nprint('oops', file=sys.stderr)"),
    Case("both streams", "import sys\nprint('o')\nprint('e', file=sys.stderr)\nprint('p')\n'v'"),
    Case("binary writes", "import sys\nsys.stdout.write('abc\\n')\nsys.stdout.flush()"),
    Case("print across displays", "print('a')\ndisplay(1)\nprint('b')\ndisplay(2)\n3"),
    Case("display with metadata", "display({'text/plain': 'd'}, raw=True, metadata={'m': 1})"),
    Case(
        "display objects",
        "from IPython.display import HTML, Markdown\ndisplay(HTML('<i>h</i>'))\nMarkdown('**m**')",
    ),
    Case(
        "updated display",
        "h = display('first', display_id='case')\nh.update('second')",
    ),
    Case(
        "clear output",
        "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('kept')",
    ),
    Case("warnings", "import warnings\nwarnings.warn('careful')"),
    Case("logging", "import logging\nlogging.getLogger('case').warning('logged')"),
    Case("publish", "get_ipython().display_pub.publish({'text/plain': 'published'})"),
    Case("a figure of plain text", "print('█▋ ' * 5)"),
    Case(
        "output of a child process",
        "import subprocess\nsubprocess.run(['echo', 'child'], capture_output=True).stdout",
    ),
    Case(
        "redirected",
        "import contextlib, io\nb = io.StringIO()\n"
        "with contextlib.redirect_stdout(b):\n    print('in')\nb.getvalue()",
    ),
)

_NAMES = (
    Case("same namespace", "y = x + 1\nx = 5", setup="x = 1", after=("x, y",)),
    Case("augmented assignment", "x += 1\nx", setup="x = 1"),
    Case("augmented in place", "kept = l\nl += [2]\nkept is l", setup="l = [1]"),
    Case("import star", "from math import *\ncos(0)", after=("sin(0)",)),
    Case("import as", "import os.path as p, json\np.basename('/a/b')"),
    Case("del", "del x", setup="x = 1", after=("'x' in globals()",)),
    Case("del of an unknown name", "del nothing_here"),
    Case("global in a function", "def f():\n    global g\n    g = 7\nf()\ng", after=("g",)),
    Case(
        "nonlocal",
        "def f():\n    n = 1\n    def g():\n        nonlocal n\n        n += 1\n"
        "        return n\n    return g()\nf()",
    ),
    Case("walrus", "[y := 3, y ** 2]", after=("y",)),
    Case("walrus in a comprehension", "[last := i for i in range(4)]\nlast"),
    Case("comprehension sees globals", "k = 3\n[k * i for i in range(3)]"),
    Case(
        "class body",
        "class A:\n    size = 3\n    double = size * 2\n"
        "    def get(self): return __class__.double\nA().get()",
    ),
    Case(
        "class module and qualname", "class A:\n    class B: pass\n(A.__module__, A.B.__qualname__)"
    ),
    Case(
        "dataclass", "from dataclasses import dataclass\n@dataclass\nclass P:\n    a: int = 1\nP()"
    ),
    Case(
        "decorator",
        "def twice(f):\n    return lambda *a: 2 * f(*a)\n@twice\ndef g(a): return a\ng(4)",
    ),
    Case("annotations", "a: int = 1\n__annotations__ if '__annotations__' in globals() else None"),
    Case("loop variable stays", "for i in range(3): pass", after=("i",)),
    Case("with statement", "with open('f.txt', 'w') as f:\n    f.write('x')\nf.closed"),
    Case(
        "except clears its name",
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    kept = str(e)\n"
        "kept, 'e' in globals()",
    ),
    Case("match statement", "match [1, 2]:\n    case [a, b]:\n        r = a + b\nr"),
    Case("lambda closes over a global", "f = lambda: later", after=("later = 9\nf()",)),
    Case("exec and eval", "exec('made = 1')\neval('made + 1')"),
    Case(
        "globals is the namespace",
        "globals()['by_key'] = 1\nby_key, globals() is get_ipython().user_ns",
    ),
    Case("locals is globals", "locals() is globals()"),
    Case("__name__ and __file__", "__name__, '__file__' in globals()"),
    Case("dir", "[n for n in dir() if not n.startswith('_')]", setup="only = 1"),
    Case("unpacking", "a, *b = range(4)\nb"),
    Case("nothing left by an empty statement", "pass"),
    Case(
        "pickled function keeps its module",
        "import pickle\ndef f(): return 1\npickle.loads(pickle.dumps(f)) is f",
    ),
    Case(
        "source of a function",
        "import inspect\ndef f():\n    return 'source'  # kept\nprint(inspect.getsource(f))",
    ),
)

_STRINGS = (
    Case("multi-line string", 's = """first\n  second\n\n    third"""\ns'),
    Case(
        "string with what looks like magics",
        's = """\n%time x\n%%bash\n!ls\n?help\n%%pmat_limit 1GB\n"""\ns',
    ),
    Case("string with indentation", "def f():\n    return '''\n    kept\n\tindent'''\nf()"),
    Case("string with trailing backslashes", 's = """a\\\nb\\\\\nc"""\ns'),
    Case("string with trailing blanks", 's = """a   \n   \nb"""\ns'),
    Case("raw string", "r'\\d+\\n'"),
    Case("joined lines", "x = 1 + \\\n    2\nx"),
    Case("f-string", "x = 3\nf'{x=} {x!r:>5} {\"q\"}'"),
    Case("byte string", "b'\\x00\\xff'"),
    Case("string with an escape", "'\\x1b[31mred\\x1b[0m'"),
    Case("string with carriage returns", "s = 'a\\r\\nb'\nlen(s)"),
    Case("docstring of the cell", '"""a docstring"""'),
    Case("non-ASCII", "größe = 'ß→∑😀'\nprint(größe)\ngröße"),
    Case("non-ASCII error", "raise ValueError('größe ∑')"),
    Case("tab indentation", "if True:\n\tx = 1\n\tx"),
    Case("form feed and blank lines", "\n\nx = 1\n\n\nx\n\n"),
    Case("leading indentation", "    x = 1\n    x + 1"),
    Case("prompts pasted in", ">>> x = 3\n>>> x\n"),
    Case("IPython prompts pasted in", "In [1]: x = 3\n   ...: x\n"),
    Case("comment only", "# nothing here"),
    Case("comment first", "# a comment\nx = 2\nx"),
    Case("empty", "", counted=False),
    Case("blank", "   \n\n  ", counted=False),
    Case("a thousand lines", "\n".join(f"v{i} = {i}" for i in range(999)) + "\nsum([v0, v998])"),
    Case("a very long line", "x = [" + ", ".join(map(str, range(5000))) + "]\nlen(x)"),
)

_FUTURE = (
    Case(
        "future annotations",
        "from __future__ import annotations\ndef f(a: NoSuchType): pass\nf.__annotations__",
        after=("def g(a: NoneSuch): pass\ng.__annotations__",),
    ),
    Case(
        "future after a docstring",
        '"""doc"""\nfrom __future__ import annotations\nx: Missing = 1\nx',
    ),
    Case("future too late", "x = 1\nfrom __future__ import annotations"),
)

_ASYNC = """\
import asyncio

async def answer():
    await asyncio.sleep(0)
    return 42

async def numbers():
    for number in range(3):
        await asyncio.sleep(0)
        yield number

class Door:
    async def __aenter__(self):
        print("in")
        return self
    async def __aexit__(self, *error):
        print("out", error[0])
        return False
"""

_ASYNC_CASES = (
    Case("await", "await answer()", setup=_ASYNC),
    Case("await and assign", "x = await answer()\nx + 1", setup=_ASYNC, after=("x",)),
    Case("await in a comprehension", "[await answer() for _ in range(2)]", setup=_ASYNC),
    Case("async for", "got = []\nasync for n in numbers():\n    got.append(n)\ngot", setup=_ASYNC),
    Case("async comprehension", "[n async for n in numbers()]", setup=_ASYNC),
    Case("async with", "async with Door() as d:\n    print('inside')", setup=_ASYNC),
    Case("async with and error", "async with Door():\n    1 / 0", setup=_ASYNC),
    Case("await error", "async def bad():\n    raise LookupError('awaited')\nawait bad()"),
    Case("await gather", "await asyncio.gather(answer(), answer())", setup=_ASYNC),
    Case("await keeps quiet", "await answer();", setup=_ASYNC),
    Case("await in a block", "if True:\n    x = await answer()\nx", setup=_ASYNC),
    Case("running loop", "asyncio.get_running_loop().is_running()", setup=_ASYNC),
    Case(
        "task that goes on", "t = asyncio.ensure_future(answer())", setup=_ASYNC, after=("await t",)
    ),
    Case(
        "await cancelled",
        "t = asyncio.ensure_future(asyncio.sleep(9))\nt.cancel()\nawait t",
        setup=_ASYNC,
    ),
    Case(
        "await with prints", "print('a')\nawait asyncio.sleep(0.01)\nprint('b')\n'c'", setup=_ASYNC
    ),
    Case("async definition alone", "async def later(): return 1", after=("await later()",)),
)

LANGUAGE = _VALUES + _OUTPUT + _NAMES + _STRINGS + _FUTURE + _ASYNC_CASES
