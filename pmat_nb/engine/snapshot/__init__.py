"""Variables to disk and back: save, inspect, restore.

One file holds one moment of a namespace. Its layout, in order:

- a header of 16 bytes: magic, format version;
- the body: one run of bytes per *group* of variables. Variables that share a
  mutable object form a group, so that two names for one array stay one array and
  an unrelated variable can be restored without reading the rest. A group is a
  pickle stream (protocol 5, one dump per variable, one memo) interleaved with its
  large buffers, which are written straight from the memory they live in;
- the manifest (JSON): names, types, what was skipped and why, the groups with a
  digest for every 8 MiB of them;
- a footer: where the manifest is, the key's fingerprint, and an HMAC-SHA256 over
  header, manifest and footer under the user's key.

Nothing is unpickled before the manifest's signature and every digest of the groups
asked for have been checked. The digests are taken from the bytes read, and it is
those bytes that are unpickled.

What comes back is what pickle allows: an array and a view of it come back as two
arrays; a strided array as a contiguous one; a read-only array read-only. A notebook
function is bound to the namespace it is restored into and looks up its globals
there. An object whose ``__reduce__`` never returns holds up the save until it is
interrupted, which leaves the previous file as it was.
"""

from __future__ import annotations

from .manifest import RestoreReport, SavedVariable, SaveReport, Snapshot
from .reader import inspect, restore
from .signing import load_key
from .writer import save

__all__ = [
    "RestoreReport",
    "SaveReport",
    "SavedVariable",
    "Snapshot",
    "inspect",
    "load_key",
    "restore",
    "save",
]
