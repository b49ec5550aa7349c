"""``%pmat_save`` and ``%pmat_restore`` as a user reads them."""

import numpy as np
import pytest
from support.kernel import Kernel

WORK = """
import threading, math
import numpy as np
X = np.arange(1000.0)
view = X[:5]
lock = threading.Lock()
fn = lambda: (lock, math.pi)
"""


@pytest.fixture
def saved(fresh_kernel: Kernel) -> Kernel:
    """A new kernel in the folder where another one has saved its variables and died."""
    fresh_kernel.run("%load_ext pmat_nb")
    fresh_kernel.run(WORK)
    fresh_kernel.first = fresh_kernel.run("%pmat_save work.pmat").text.splitlines()  # type: ignore[attr-defined]
    fresh_kernel.restart()
    fresh_kernel.run("%load_ext pmat_nb")
    return fresh_kernel


def test_what_was_saved_and_what_became_of_it(saved: Kernel) -> None:
    first = saved.first  # type: ignore[attr-defined]
    assert first[0].startswith("3 saved to ")
    assert "  modules: threading, math, np" in first
    assert "  view was a view of X: it is saved as a copy of what it shows" in first
    assert [line for line in first if "left out" in line] == [
        "  left out: lock: TypeError: cannot pickle '_thread.lock' object"
    ]
    assert not [line for line in first if line.split()[:1] == ["np"]]

    then = saved.run("%pmat_restore work.pmat").text.splitlines()
    assert then[0].startswith("3 restored as of")
    assert "  fn is back, but uses lock, which is not: it fails when it gets there" in then
    assert sum("left out" in line for line in then) == 1
    assert saved.value("[np.shares_memory(X, view), view.tolist()]") == [False, list(range(5))]

    one = saved.run("r = %pmat_restore work.pmat --vars X\nr").text
    assert one.splitlines()[0].startswith("1 restored")
    assert "left out" not in one
    saved.run("r = %pmat_restore work.pmat")
    assert saved.value("[r.to_dict()['unbound'], list(r.to_dict()['skipped'])]") == [
        {"fn": "lock"},
        ["lock"],
    ]
    assert saved.value("r.to_frame().set_index('name').loc['fn', 'state']") == "restored"


def test_a_save_of_nothing_is_no_success(saved: Kernel) -> None:
    for line, words in (
        ("%pmat_save empty.pmat", "there are no variables"),
        ("import threading; lock = threading.Lock()", ""),
        ("%pmat_save empty.pmat", "nothing was saved: lock: TypeError"),
        ("%pmat_save empty.pmat --vars lock", "nothing was saved: lock: TypeError"),
    ):
        result = saved.run(line)
        assert result.ok if not words else words in result.stderr, (line, result.stderr)
        assert len(result.stderr.strip().splitlines()) <= 1
    assert saved.value("__import__('os').path.exists('empty.pmat')") is False


def test_views_are_told_from_aliases_and_whole_arrays() -> None:
    from pmat_nb.session.keeping import _views

    base = np.arange(12.0)
    shaped = np.arange(12.0).reshape(3, 4)
    wanted = {"a": base, "b": base, "v": base[2:4], "w": base[::2], "shaped": shaped, "n": 3}
    assert list(_views(wanted)) == [("v", "a"), ("w", "a")]
    assert list(_views({"row": shaped[0], "shaped": shaped})) == [("row", "shaped")]
    assert list(_views({"left": base[:3], "right": base[3:]})) == []
