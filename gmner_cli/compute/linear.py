"""Linear layers on a CPU: multiplied by oneDNN where that is faster, with weights packed once for prediction.

Only layers of exactly torch's own class change, and only their class: names, parameters and checkpoints stay.
float32 stays float32; its last digits may differ, because sums are taken in another order.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gmner_cli.compute.runtime import Runtime

MOST_PACKED = 512 * 2**20
"""Bytes of weights that are packed, beside the weights themselves; those of a larger model are read as they
are."""
ROWS = 512
"""Sub-words of a batch that weights are laid out for; others work too."""


def route(model: nn.Module, runtime: Runtime) -> None:
    """Let the linear layers of a model that is trained, or asked, compute as ``runtime`` says."""
    if runtime.onednn:
        for layer in _layers(model):
            layer.__class__ = OneDnnLinear


def pack(model: nn.Module, runtime: Runtime) -> None:
    """As ``route``, for a model whose weights will not change any more: they are laid out once, in its
    precision."""
    half = runtime.device.type == "cpu" and runtime.precision == "bfloat16" and available()
    if not (runtime.onednn or half):
        return None
    layers = _layers(model)
    dtype = torch.bfloat16 if half else torch.float32
    if sum(layer.weight.numel() for layer in layers) * dtype.itemsize > MOST_PACKED:
        return route(model, runtime)
    for layer in layers:
        layer.__class__ = PackedLinear
        cast(PackedLinear, layer).lay_out(dtype)
    return None


def available() -> bool:
    """Whether this build of torch has oneDNN and the two operators that are used of it."""
    operators = torch.ops.mkldnn
    return torch.backends.mkldnn.is_available() and hasattr(operators, "_linear_pointwise") and hasattr(
        operators, "_reorder_linear_weight")


class OneDnnLinear(nn.Linear):
    """``nn.Linear`` through oneDNN, forward and backward. Under autocast torch takes oneDNN by itself."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float32 or not x.numel() or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        if torch.is_grad_enabled():
            return _Multiply.apply(x, self.weight, self.bias)
        return multiply(x, self.weight, self.bias)


class PackedLinear(nn.Linear):
    """``nn.Linear`` with its weight in oneDNN's own layout, float32 or bfloat16; for float32 input outside of
    training."""

    def lay_out(self, dtype: torch.dtype) -> None:
        weight, bias = self.weight.detach().to(dtype), self.bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS)
        self.packed_bias = None if bias is None else bias.detach().to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        dtype = self.packed.dtype
        wanted = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        # Of nothing oneDNN makes an error; and gradients are asked for by models that explain themselves.
        if wanted != dtype or not x.numel() or torch.is_grad_enabled():
            return super().forward(x)
        return multiply(x.to(dtype), self.packed, self.packed_bias)


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x [..., in] times the transpose of weight [out, in], plus bias [out]: [..., out]."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Multiply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return multiply(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias = ctx.needs_input_grad
        rows = grad.reshape(-1, grad.shape[-1])
        return (multiply(grad, weight.t(), None) if to_x else None,
                multiply(rows.t(), x.reshape(-1, x.shape[-1]).t(), None) if to_weight else None,
                rows.sum(0) if to_bias else None)


def _layers(model: nn.Module) -> list[nn.Linear]:
    return [
        layer for layer in model.modules()
        if isinstance(layer, nn.Linear) and type(layer) in (nn.Linear, OneDnnLinear)
        and layer.weight.dtype == torch.float32 and layer.weight.device.type == "cpu"
    ]
