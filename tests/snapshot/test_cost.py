"""What a save and a restore cost in memory, and what importing the package loads."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import weakref

import pytest

from .support import ROOT, Folder, run

MB = 1024**2

MEASURE = """
    import gc, json, numpy, pandas
    def status(name):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024
    def reset_peak():
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        return status("VmRSS")
    base = numpy.random.default_rng(1).random(16_000_000)
    frame = pandas.DataFrame(base.reshape(-1, 16))
    words = pandas.Series(["a word %d" % i for i in range(100_000)])
    variables = {
        "array": base, "strided": base[::2], "frame": frame, "part": frame.iloc[5:-5],
        "dates": pandas.Series(base[:4_000_000].astype("M8[s]")),
        "codes": pandas.Series(pandas.Categorical.from_codes(
            numpy.arange(20_000_000) % 3, ["a", "b", "c"])),
    }
    if str(words.dtype) == "str":
        variables["text"] = pandas.concat([words] * 20)
    snapshot.save({"warm": numpy.arange(10)}, path, key_path=key)
    before = reset_peak()
    report = snapshot.save(variables, path, key_path=key)
    saving = status("VmHWM") - before
    del variables, base, frame, words
    before = reset_peak()
    back = {}
    snapshot.restore(path, into=back, key_path=key)
    print(json.dumps([report.total_bytes, saving, status("VmHWM") - before, report.skipped]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another platform: reads /proc")
def test_no_second_copy(folder: Folder) -> None:
    total, saving, restoring, skipped = json.loads(run(folder, MEASURE))
    assert not skipped
    assert total > 450 * MB
    assert saving < 64 * MB
    assert restoring < total + 64 * MB


def test_importing_the_package_loads_no_library() -> None:
    code = (
        "import sys, pmat_nb.engine.snapshot\n"
        "print([m for m in ('cloudpickle', 'numpy', 'pandas', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


class Thing:
    """Something a weak reference can watch."""


def test_nothing_is_kept_after_a_save_or_a_restore(folder: Folder) -> None:
    thing = Thing()
    watch = [weakref.ref(thing)]
    gc.disable()
    try:
        folder.save({"a": [thing], "bad": [thing, threading.Lock()], "b": thing})
        del thing
        back = folder.restore()
        assert back["a"][0] is back["b"]
        watch.append(weakref.ref(back.pop("b")))
        del back
        assert [ref() for ref in watch] == [None, None]
    finally:
        gc.enable()
