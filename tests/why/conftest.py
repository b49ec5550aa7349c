from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.kernel import Kernel

Why = Callable[..., dict[str, str]]


@pytest.fixture
def why(kernel: Kernel) -> Why:
    """Texts and kinds of what holds a variable: ``why("df") == {"registry['k']": "variable"}``."""

    def asked(name: str, budget_s: float = 20.0) -> dict[str, str]:
        call = (
            "print(__import__('json').dumps({h.text: h.kind for h in "
            "__import__('pmat_nb.consumers.why', fromlist=['why'])"
            f".why(get_ipython(), {name!r}, budget_s={budget_s})}}))"
        )
        result = kernel.run(call, silent=True)
        assert result.ok, result.error
        found: dict[str, str] = json.loads(result.stdout)
        return found

    return asked


@pytest.fixture
def empty(kernel: Kernel) -> None:
    kernel.reset()
    kernel.run("class Big:\n    pass\no = Big()")
