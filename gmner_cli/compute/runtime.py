"""Device, precision, seed and threads: decided once, passed to whoever computes."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gmner_cli.compute.cpu import this_cpu
from gmner_cli.compute.memory import keep_freed
from gmner_cli.errors import UsageError, say

if TYPE_CHECKING:  # what computes without torch has its threads from here too
    import torch

_threads: int | None = None


@dataclass(frozen=True)
class Runtime:
    """Where and how models run. ``precision``: "float32" or "bfloat16" (autocast, weights stay float32).

    ``onednn``: whether linear layers in float32 go through oneDNN on a CPU, instead of torch's own choice.
    """

    device: torch.device
    precision: str = "float32"
    onednn: bool = False

    def autocast(self) -> AbstractContextManager:
        """The context that forward passes run in."""
        if self.precision == "bfloat16":
            import torch

            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()


def start(device: str = "auto", *, precision: str = "auto", seed: int = 0, threads: int | None = None,
          onednn: bool | None = None, tell: Callable[[str], None] = say) -> Runtime:
    """Choose the device, set threads and seed everything.

    ``precision`` "auto" is bfloat16 on CUDA devices that have it, float32 elsewhere; bfloat16 on a CPU
    without it becomes float32, and ``tell`` says so. ``onednn`` None follows from the CPU; True and False are
    for those who compare. Raises UsageError when a CUDA device is asked for and there is none.
    """
    import torch

    from gmner_cli.compute.linear import available

    keep_freed()
    seed_everything(seed)
    torch.set_num_threads(use_threads(threads))
    chosen = _device(device)
    precision = precision_on(chosen, precision, tell)
    if onednn is None:
        onednn = this_cpu().slow_in_mkl and torch.backends.mkl.is_available()
    return Runtime(chosen, precision, onednn and chosen.type == "cpu" and available())


def precision_on(device: torch.device, precision: str, tell: Callable[[str], None] = say) -> str:
    """What ``precision`` comes to on a device: "float32" or "bfloat16"; see ``start``. Raises UsageError."""
    import torch

    if precision not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"unknown precision {precision!r}", hint="auto, float32 or bfloat16")
    if precision == "auto":
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()
        precision = "bfloat16" if half else "float32"
    if precision == "bfloat16" and device.type == "cpu" and not this_cpu().bfloat16:
        tell("this CPU has no instructions for bfloat16, so that it would be slower; computing in float32")
        precision = "float32"
    return precision


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Within it random numbers may be drawn, or seeded anew: after it Python, NumPy and torch, on all
    devices, go on as if none had been. Torch is not imported for it."""
    torch = sys.modules.get("torch")
    python, arrays = random.getstate(), np.random.get_state()
    tensors = torch.get_rng_state() if torch else None
    devices = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)
        if torch is not None:
            torch.set_rng_state(tensors)
            if devices is not None:
                torch.cuda.set_rng_state_all(devices)
            elif torch.cuda.is_initialized():  # within; it would have begun with the seed of all
                torch.cuda.manual_seed_all(torch.initial_seed())


def use_threads(count: int | None = None) -> int:
    """Decide how many threads compute, by default one for each core that this process may use; ``start`` does
    it too."""
    global _threads
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    _threads = count or cores or 1
    return _threads


def threads() -> int:
    """How many threads compute: what was decided last."""
    return _threads or use_threads()


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on all devices."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _device(name: str) -> torch.device:
    import torch

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
