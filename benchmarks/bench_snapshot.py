"""Saving and restoring 1 GB of arrays and frames, beside plain ``file.write``.

One child process holds the variables. It takes turns between saving them and writing
the bytes of the very same buffers with ``file.write``, each to a new file in the same
folder, with the same fsync (or none) at the end.
"""

from __future__ import annotations

import tempfile

from .children import ask
from .rows import Row, median

__all__ = ["run"]

CODE = """
import gc, io, json, os, pickle, sys, time
from pathlib import Path
import numpy, pandas
from pmat_nb.engine import snapshot

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024

def reset_peak():
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
rng = numpy.random.default_rng(1)
words = pandas.Series(["a word of text %d" % i for i in range(250_000)])
variables = {
    "array": rng.random(25_000_000),
    "image": rng.random((5000, 3000)).astype("f4"),
    "frame": pandas.DataFrame(rng.random((1_000_000, 40))),
    "orders": pandas.DataFrame({
        "when": pandas.date_range("2020", periods=4_000_000, freq="s"),
        "who": pandas.Categorical(rng.integers(0, 50, 4_000_000)),
        "amount": rng.random(4_000_000),
        "text": pandas.concat([words] * 16, ignore_index=True),
    }),
}
variables["part"] = variables["frame"].iloc[1000:300_000]
variables["alias"] = variables["array"]
path, key = folder / "state.pmat", folder / "key"
snapshot.save({"warm": 1}, path, key_path=key)

class Null(io.RawIOBase):
    def write(self, data):
        return len(data)

def same_bytes():
    buffers = []
    pickle.Pickler(Null(), 5, buffer_callback=buffers.append).dump(
        {name: value for name, value in variables.items() if name != "part"})
    views = [buffer.raw() for buffer in buffers]
    return views + views[:1]

def write_plainly(views, total, durable):
    rest = total
    started = time.perf_counter()
    with open(folder / "plain.bin", "wb") as file:
        while rest > 0:
            for view in views:
                rest -= file.write(view[:rest])
                if rest <= 0:
                    break
        if durable:
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - started

result = {"save": [], "plain": [], "extra": [], "restore": []}
durable = sys.argv[3] == "durable"
views = same_bytes()
for turn in range(rounds + 1):
    path.unlink()
    (folder / "plain.bin").unlink(missing_ok=True)
    os.sync()
    before = reset_peak()
    report = snapshot.save(variables, path, key_path=key, durable=durable)
    extra = status("VmHWM") - before
    os.sync()
    plain = write_plainly(views, report.total_bytes, durable)
    if turn:
        result["save"].append(report.duration_s)
        result["plain"].append(plain)
        result["extra"].append(extra)
result["bytes"], result["skipped"] = report.total_bytes, report.skipped
for _ in range(3):
    back = {}
    gc.collect()
    result["restore"].append(snapshot.restore(path, into=back, key_path=key).duration_s)
pandas.testing.assert_frame_equal(back["orders"], variables["orders"])
pandas.testing.assert_frame_equal(back["part"], variables["part"])
pandas.testing.assert_frame_equal(back["frame"], variables["frame"])
assert (back["array"] == variables["array"]).all() and back["alias"] is back["array"]
assert (back["image"] == variables["image"]).all()
print(json.dumps(result))
"""
ROUNDS = 7


def measure(durable: bool) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        policy = "durable" if durable else "cached"
        figures: dict[str, list[float]] = ask(CODE, folder, str(ROUNDS), policy, timeout_s=600)
    return figures


def _speed(figures: dict[str, list[float]], policy: str, goal: float) -> Row:
    """The best of the rounds, as other work on the machine only ever adds time."""
    save, plain = figures["save"], figures["plain"]
    size = figures["bytes"] / 1e9
    ratio = min(plain) / min(save)
    return Row(
        f"save {size:.2f} GB, {policy}",
        f"{size / min(save):.2f} GB/s, {ratio:.2f} times `file.write`",
        f"`file.write` {size / min(plain):.2f} GB/s",
        f"{goal} times `file.write`",
        ratio >= goal,
        f"best of {ROUNDS}; medians {median(plain) / median(save):.2f} times",
    )


def run() -> list[Row]:
    durable, cached = measure(durable=True), measure(durable=False)
    assert not durable["skipped"]
    extra = max(durable["extra"] + cached["extra"]) / 2**20
    size = durable["bytes"] / 1e9
    return [
        _speed(durable, "with fsync", 0.7),
        _speed(cached, "into the page cache", 0.7),
        Row("extra RSS while saving it", f"{extra:.1f} MB", "", "under 64 MB", extra < 64),
        Row("restore it", f"{size / min(durable['restore']):.2f} GB/s", note="verified, equal"),
    ]
