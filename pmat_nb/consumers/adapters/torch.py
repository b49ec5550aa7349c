"""torch tensors: their storages, on whatever device, gradients included."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from pmat_nb.engine.sizing import Buffer, Exploded

__all__ = ["TorchAdapter"]


class TorchAdapter:
    """Tensors and storages, with ``__torch_function__`` overrides switched off.

    Not covered: what the autograd graph saves for the backward pass.
    """

    name = "torch"
    exact_types = False

    def types(self) -> tuple[type, ...]:
        """``Tensor`` (with ``Parameter``) and ``UntypedStorage``."""
        torch = sys.modules.get("torch")
        names = ("Tensor", "UntypedStorage")
        return tuple(getattr(torch, name) for name in names if hasattr(torch, name))

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """The whole storage under each tensor."""
        torch = sys.modules["torch"]
        buffers: list[Buffer] = []
        exact = True
        with torch._C.DisableTorchFunctionSubclass():
            for obj in objs:
                try:
                    buffers += _blocks(torch, obj)
                except (RuntimeError, NotImplementedError):  # sparse, fake, freed
                    exact = False
        return Exploded(buffers=buffers, exact=exact)


def _blocks(torch: Any, obj: Any) -> Iterator[Buffer]:
    if isinstance(obj, torch.UntypedStorage):
        yield from _block(torch, obj)
        return
    base = torch._C.TensorBase
    yield from _block(torch, base.untyped_storage(obj))
    if base.is_leaf.__get__(obj):
        gradient = base.grad.__get__(obj)
        if gradient is not None:
            yield from _block(torch, base.untyped_storage(gradient))


def _block(torch: Any, storage: Any) -> Iterator[Buffer]:
    place = torch.UntypedStorage.device.__get__(storage).type
    nbytes = torch.UntypedStorage.nbytes(storage)
    if place != "meta" and nbytes:
        kind = "host" if place == "cpu" else "device"
        yield Buffer(torch.UntypedStorage.data_ptr(storage), nbytes, kind)
