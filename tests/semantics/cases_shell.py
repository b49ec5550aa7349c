"""Magics, the shell, history: what IPython adds to a cell."""

from __future__ import annotations

from .case import Case

_SCRIPT = """\
from pathlib import Path
text = "import sys\\nmade = 6 * 7\\nprint('script', __name__, sys.argv[1:])\\n"
Path("script.py").write_text(text)
Path("failing.py").write_text("def deep():\\n    raise KeyError('script')\\ndeep()\\n")
"""

_MAGICS = (
    Case("%time", "%time x = sum(range(10))\nx", timed=True),
    Case("%time of a value", "%time 6 * 7", timed=True),
    Case("%%time", "%%time\nx = 6 * 7\nx", timed=True, after=("x",)),
    Case("%%time with an error", "%%time\nx = 1\n1 / 0", timed=True),
    Case("%timeit", "%timeit -n 2 -r 2 x = 1", timed=True),
    Case("%%timeit", "%%timeit -n 2 -r 2 y = 1\ny + 1", timed=True),
    Case("%%capture", "%%capture got\nprint('caught')\n5", after=("got.stdout", "got.outputs")),
    Case("%%capture with an error", "%%capture got\nprint('caught')\n1 / 0"),
    Case(
        "%%writefile", "%%writefile made.txt\nline 1\n%line 2\n", after=("open('made.txt').read()",)
    ),
    Case("%%bash", "%%bash\necho from bash"),
    Case("%%sh failing", "%%sh\nexit 3"),
    Case("%%html", "%%html\n<b>html</b>"),
    Case("cell magic unknown", "%%no_such_cell_magic\nx = 1"),
    Case("cell magic after a line", "x = 1\n%%time\ny = 2"),
    Case("line magic", "%pwd"),
    Case("line magic assigned", "here = %pwd\nisinstance(here, str)"),
    Case("line magic unknown", "%no_such_line_magic"),
    Case("line magic in a block", "if True:\n    %time z = 1\nz", timed=True),
    Case("%who", "%who", setup="only_this = 1"),
    Case("%who_ls", "%who_ls", setup="only_this = 1"),
    Case("%precision", "%precision 3\n3.14159"),
    Case("%xdel", "%xdel x", setup="x = [1]", after=("'x' in globals()",)),
    Case("%reset_selective", "%reset_selective -f ^drop", setup="drop_me = 1; keep_me = 2"),
    Case("%run", "%run script.py a b\nmade", setup=_SCRIPT),
    Case("%run -i", "%run -i script.py\nmade", setup=_SCRIPT),
    Case("%run failing", "%run failing.py", setup=_SCRIPT),
    Case("%load_ext twice", "%load_ext autoreload\n%autoreload 0"),
    Case("%%prun", "%%prun -q -D stats.prof\nx = 1", after=("x",)),
    Case("%%javascript", "%%javascript\n1;"),
    Case("automagic", "pwd"),
    Case("shell", "!echo hello"),
    Case("shell with a variable", "name = 'world'\n!echo hello {name} $name"),
    Case("shell assigned", "lines = !echo a; echo b\nlines"),
    Case("shell failing", "!exit 3\n_exit_code"),
    Case("shell in a block", "for n in range(2):\n    !echo $n"),
    Case("help", "len?"),
    Case("help before", "?len"),
    Case("help in full", "f??", setup="def f():\n    'doc of f'\n    return 1"),
    Case("help wildcard", "onl*?", setup="only_one = 1"),
    Case("help of an unknown name", "no_such_name_here?"),
    Case("run_line_magic", "get_ipython().run_line_magic('pwd', '') == __import__('os').getcwd()"),
    Case("run_cell_magic", "get_ipython().run_cell_magic('capture', 'c', 'print(1)')\nc.stdout"),
    Case("nested run_cell", "r = get_ipython().run_cell('inner = 5\\ninner')\nr.result, inner"),
    Case(
        "nested run_cell with an error",
        "r = get_ipython().run_cell('1 / 0')\ntype(r.error_in_exec).__name__",
    ),
    Case(
        "nested run_cell in history",
        "r = get_ipython().run_cell('inner = 6\\ninner', store_history=True)\nr.result",
    ),
    Case("system", "get_ipython().system('echo sys')"),
    Case("getoutput", "get_ipython().getoutput('echo one; echo two')"),
    Case("set_next_input", "get_ipython().set_next_input('x = 1')"),
    Case("ex", "get_ipython().ex('made = 3')\nmade"),
    Case("push", "get_ipython().push({'pushed': 4})\npushed"),
    Case(
        "user's input transformer",
        "SHOUT hello",
        setup="def shout(lines):\n"
        "    return [l.replace('SHOUT hello', \"print('HELLO')\") for l in lines]\n"
        "get_ipython().input_transformers_cleanup.append(shout)",
        after=("get_ipython().input_transformers_cleanup.remove(shout)",),
    ),
    Case(
        "user's AST transformer",
        "answer = 41\nanswer",
        setup="import ast\n"
        "class Up(ast.NodeTransformer):\n"
        "    def visit_Constant(self, node):\n"
        "        return ast.Constant(42) if node.value == 41 else node\n"
        "up = Up()\nget_ipython().ast_transformers.append(up)",
        after=("get_ipython().ast_transformers.remove(up)",),
    ),
    Case(
        "user's events",
        "print('cell')",
        setup="seen = []\n"
        "def before(info): seen.append(('pre', info.store_history))\n"
        "def after(result): seen.append(('post', result.success))\n"
        "ip = get_ipython()\n"
        "ip.events.register('pre_run_cell', before); ip.events.register('post_run_cell', after)",
        after=(
            "seen",
            "ip.events.unregister('pre_run_cell', before)\n"
            "ip.events.unregister('post_run_cell', after)",
        ),
    ),
    Case(
        "user's magic",
        "%greet me\n",
        setup="get_ipython().register_magic_function(lambda line: 'hi ' + line, 'line', 'greet')",
    ),
    Case(
        "user's cell magic",
        "%%echo it\nbody 1\nbody 2",
        setup="echo = lambda line, cell: (line, cell)\n"
        "get_ipython().register_magic_function(echo, 'cell', 'echo')",
    ),
    Case(
        "last expression shown for all",
        "1\n2",
        setup="get_ipython().ast_node_interactivity = 'all'",
        after=("get_ipython().ast_node_interactivity = 'last_expr'",),
    ),
)

_HISTORY = (
    Case("underscore", "_ + 1", setup="41", after=("_", "__", "___")),
    Case("Out", "Out", setup="'first'", after=("len(Out)", "Out[max(Out)]")),
    Case("underscore of a number", "_1", setup="'first'"),
    Case("Out grows by the value", "'shown'", after=("sorted(Out)", "_")),
    Case("no Out for None", "None", after=("sorted(Out)",)),
    Case("no Out for a quiet value", "7;", after=("sorted(Out)",)),
    Case("In", "len(In)", setup="'first'", after=("len(In)", "In[1]")),
    Case("_i", "1 + 1", setup="'first'", after=("_ii",)),
    Case("In of itself", "len(In), In[-1].strip().splitlines()[-1]"),
    Case("%history", "%history", setup="'first'"),
    Case("%recall in a later cell", "x = 2", after=("%history -n",)),
    Case("%rerun", "x += 1", setup="x = 0", after=("%rerun 2", "x")),
    Case("underscore assigned by the user", "_ = 5\n_", after=("7", "_")),
    Case("last result", "[1, 2]", after=("get_ipython().last_execution_result is not None",)),
    Case(
        "execution count", "get_ipython().execution_count", after=("get_ipython().execution_count",)
    ),
    Case("Out deleted", "'shown'", after=("%reset -f out", "len(Out)")),
    Case("everything deleted", "%reset -f", setup="x = 1", after=("'x' in globals()",)),
)

SHELL = _MAGICS + _HISTORY
