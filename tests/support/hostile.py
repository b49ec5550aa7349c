"""A class whose every hook refuses: what looks at objects must run no code of theirs.

Run in a kernel. Once ``hushed`` is cleared each hook notes itself in ``calls`` and raises.
"""

from __future__ import annotations

__all__ = ["HOSTILE"]

HOSTILE = """
calls, hushed = [], [True]
def called(what):
    if not hushed:
        calls.append(what)
        raise RuntimeError(what)
class Meta(type):
    def __getattribute__(cls, name): called("meta " + name); return type.__getattribute__(cls, name)
    def __eq__(cls, other): called("meta eq"); return cls is other
    def __hash__(cls): called("meta hash"); return 1
    def __instancecheck__(cls, other): called("instancecheck")
    def __subclasscheck__(cls, other): called("subclasscheck")
class Hostile(metaclass=Meta):
    def __getattribute__(self, name): called(name); return object.__getattribute__(self, name)
    def __eq__(self, other): called("eq"); return self is other
    def __hash__(self): called("hash"); return 1
    def __repr__(self): called("repr"); return "hostile"
    def __len__(self): called("len"); return 1
    def __bool__(self): called("bool"); return True
    def __iter__(self): called("iter"); return iter(())
    def __sizeof__(self): called("sizeof"); return 1
    def _repr_mimebundle_(self, **kw): return {"text/plain": "hostile"}
"""
