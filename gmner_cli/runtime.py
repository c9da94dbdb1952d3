"""Device, precision, seed and threads: decided once, passed to whoever computes."""

from __future__ import annotations

import os
import random
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from gmner_cli.errors import UsageError


@dataclass(frozen=True)
class Runtime:
    """Where and how models run. ``precision``: "float32" or "bfloat16" (autocast, weights stay float32)."""

    device: torch.device
    precision: str = "float32"

    def autocast(self) -> AbstractContextManager:
        """The context that forward passes run in."""
        if self.precision == "bfloat16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()


def start(device: str = "auto", *, precision: str = "auto", seed: int = 0, threads: int | None = None) -> Runtime:
    """Choose the device, set threads and seed everything.

    ``precision`` "auto" is bfloat16 on CUDA devices that have it, float32 elsewhere.
    Raises UsageError when a CUDA device is asked for and there is none.
    """
    seed_everything(seed)
    torch.set_num_threads(threads or max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
                                         else os.cpu_count() or 1))
    chosen = _device(device)
    if precision not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"unknown precision {precision!r}", hint="auto, float32 or bfloat16")
    if precision == "auto":
        half = chosen.type == "cuda" and torch.cuda.is_bf16_supported()
        precision = "bfloat16" if half else "float32"
    return Runtime(chosen, precision)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on all devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device {name!r}", hint="auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"device {name!r} is not supported", hint="auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is available", hint="use --device cpu, or auto")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"there is no {name}; this machine has {torch.cuda.device_count()} CUDA devices")
    return device
