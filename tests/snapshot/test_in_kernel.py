"""A notebook's variables outlive the kernel that held them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORK = """
import numpy as np, pandas as pd, threading
df = pd.DataFrame({"id": range(5), "s": list("abcde")})
weights = np.arange(1_000_000.0)
alias = weights
scale = 2
def predict(x):
    return x * scale + weights[1]
class Model:
    def fit(self):
        self.value = predict(3)
        return self
model = Model().fit()
lock = threading.Lock()
df
"""
SAVE = """
from pathlib import Path
from pmat_nb.engine import snapshot
shell = get_ipython()
names = [n for n in shell.user_ns if n not in shell.user_ns_hidden and n[0] != "_"]
mine = {n: shell.user_ns[n] for n in names if n != "shell"}
report = snapshot.save(mine, Path(PATH), key_path=Path(KEY), namespace=get_ipython().user_ns)
"""
RESTORE = """
from pathlib import Path
from pmat_nb.engine import snapshot
done = snapshot.restore(Path(PATH), into=get_ipython().user_ns, key_path=Path(KEY))
"""


def test_save_die_restore(fresh_kernel: Any, tmp_path: Path) -> None:
    kernel = fresh_kernel
    places = f"PATH, KEY = {str(tmp_path / 'state.pmat')!r}, {str(tmp_path / 'key')!r}\n"
    assert kernel.run(WORK).ok
    assert kernel.run(places + SAVE).ok
    assert kernel.value("report.skipped") == [
        ["lock", "TypeError: cannot pickle '_thread.lock' object"]
    ]
    first = kernel.pid
    kernel.kill()
    kernel.restart()
    assert kernel.pid != first
    assert kernel.run(places + RESTORE).ok
    assert kernel.value("done.unbound") == []
    assert kernel.value("alias is weights and len(weights)") == 1_000_000
    assert kernel.value("[model.value, type(model) is Model, np.__name__]") == [7, True, "numpy"]
    assert kernel.value("df.s.tolist()") == list("abcde")
    kernel.run("scale = 10")
    assert kernel.value("predict(1)") == 11
    assert kernel.run("class Model2(Model): pass\nModel2().fit().value").ok
