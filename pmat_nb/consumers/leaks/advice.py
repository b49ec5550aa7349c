"""What to do about a leak, by what retains it. One sentence, in the user's own names."""

from __future__ import annotations

import re

__all__ = ["recommend"]

_CLOSE_FIGURE = "close the figure: plt.close(fig), or plt.close('all') after each run"
# (part of the path's text, what to do); the first that fits counts.
_BY_TEXT = (
    ("Gcf.figs", _CLOSE_FIGURE),
    ("backend_inline.show", _CLOSE_FIGURE),
    ("functools cache", "give the cache a maxsize, or call its cache_clear() between runs"),
    ("handlers", "add the handler once, or remove it with removeHandler() after each run"),
    ("atexit", "unregister it with atexit.unregister()"),
    ("signal", "disconnect the receiver after each run, or connect it weakly"),
    ("callback", "remove the callback after each run, or hold it weakly"),
    ("listener", "remove the listener after each run, or hold it weakly"),
    ("observer", "remove the observer after each run, or hold it weakly"),
    ("subscriber", "remove the subscriber after each run, or hold it weakly"),
    ("linecache", "call linecache.clearcache() after each run"),
    ("warnings", "reset the registry, or warn with a text that does not change"),
    ("thread", "join the thread, or let it go through its queue and end"),
    ("_threads", "shut the executor down"),
    ("Out[", "end the line with ; or clear with %reset -f out"),
)
_BY_KIND = {
    "figure": _CLOSE_FIGURE,
    "widget": "close the widget: widget.close()",
    "traceback": "let go of the error: del it, or %pmat_cleanup --target temp:traceback",
    "thread": "end the function or thread that still runs, or del its local",
    "context": "reset the context variable with its token after each run",
    "task": "await or cancel the task, and do not keep finished ones",
    "ipython": "end the line with ; or clear with %reset -f out",
}

# A list of functions may be called handlers as well.
_LOGGING = re.compile("[lL]ogg(?:ing|er)|(?:Stream|File|Memory|Queue|Socket|Null)Handler")
_CONTAINER = re.compile("(list|dict|set|deque|tuple|OrderedDict|defaultdict)( of |\\[|$)")
_ENTRY = re.compile("(?:list|dict|deque|tuple|OrderedDict|defaultdict)(\\[.*)")
_OF_MANY = re.compile("(list|dict|set|deque|OrderedDict|defaultdict|Counter) of ")


def recommend(path: str, kind: str, container: str, *, kept_by: str = "") -> str:
    """A recommendation that fits the retainer.

    ``path`` leads to the ``container`` that grew (its type's name, empty where objects
    live on by themselves); ``kind`` is the path's root.
    """
    if kept_by:
        return f"none if you want {kept_by}; else del {kept_by} or keep less in it"
    lowered = path.lower()
    for part, words in _BY_TEXT:
        if part.lower() in lowered and (part != "handlers" or _LOGGING.search(path)):
            return words
    # A local of the code that waits for this report is not what retains it.
    if kind in _BY_KIND and not path.startswith("running "):
        return _BY_KIND[kind]
    if "suspended generator" in path or "suspended coroutine" in path:
        return "run the generator to its end, or close() it"
    if _is_in_a_kept_function(path) and not container:
        return "do not keep the function, or pass what it needs as arguments"
    if not container:
        path, container = _up_to_a_container(path)
    name = _holder(path) or f"the {container}"
    if container in ("dict", "OrderedDict", "defaultdict", "Counter"):
        return f"bound {name} (maxsize, or remove what is done), or hold weak references"
    if container in ("list", "set", "deque"):
        return f"bound {name}, empty it after use, or hold weak references"
    name = _holder(path)
    return f"cut the reference from {name} when it is no longer needed" if name else ""


def _is_in_a_kept_function(path: str) -> bool:
    """Whether a function that a container keeps has it in its closure.

    One that a name or another function's closure leads to is there to be called.
    """
    steps = path.split(" → ")
    return any(
        step.startswith("function ")
        and after.startswith("closure cell ")
        and _CONTAINER.match(before)
        for before, step, after in zip(steps, steps[1:], steps[2:], strict=False)
    )


def _up_to_a_container(path: str) -> tuple[str, str]:
    """The path to the first container of many on it, and its type; all of it if there is none."""
    steps = path.split(" → ")
    for at, step in enumerate(steps):
        if (found := _OF_MANY.match(step)) is not None:
            return " → ".join(steps[: at + 1]), found[1]
    return path, ""


def _holder(path: str) -> str:
    """What is named last before the container: ``Loader.loaded``."""
    steps = path.split(" → ")
    named = steps[-2] if len(steps) > 1 else ""
    entry = _ENTRY.match(named)
    if entry is not None and len(steps) > 2 and not _OF_MANY.match(steps[-3]):
        named = steps[-3] + entry[1]
    return named.removeprefix("closure cell ").rpartition(" local ")[2].strip()
