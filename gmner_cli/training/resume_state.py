"""What a killed training goes on from: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from gmner_cli.errors import ModelError
from gmner_cli.records.jsonl import write_atomic

FILE = "resume.safetensors"


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], optimizer: torch.optim.Optimizer | None,
                    progress: dict[str, Any]) -> None:
    """Write weights, optimiser state (None: that of a fresh one) and progress (JSON-able) into
    ``folder/resume.safetensors``."""
    content = {f"weights/{name}": value.detach().cpu().contiguous() for name, value in tensors.items()}
    for index, state in (optimizer.state_dict()["state"] if optimizer else {}).items():
        for key, value in state.items():
            content[f"optimizer/{index}/{key}"] = torch.as_tensor(value).detach().cpu().contiguous()
    write_atomic(folder / FILE, save(content, metadata={"progress": json.dumps(progress)}))


def read_progress(folder: Path) -> dict[str, Any] | None:
    """The progress of an interrupted training, or None when there is none."""
    if not (folder / FILE).exists():
        return None
    try:
        with safe_open(folder / FILE, "pt") as file:
            return json.loads(file.metadata()["progress"])
    except (SafetensorError, KeyError, ValueError, TypeError) as problem:
        raise ModelError(f"is damaged: {problem}", where=str(folder / FILE),
                         hint="train again without --resume") from None


def load_checkpoint(folder: Path, tensors: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Put the saved values into ``tensors`` (in place) and into the optimiser."""
    state: dict[int, dict[str, Tensor]] = {}
    with safe_open(folder / FILE, "pt") as file:
        names = list(file.keys())
        if {n.removeprefix("weights/") for n in names if n.startswith("weights/")} != set(tensors):
            raise ModelError("holds other weights than this model's", where=str(folder / FILE),
                             hint="train again without --resume")
        for name in names:
            kind, rest = name.split("/", 1)
            if kind == "weights":
                with torch.no_grad():
                    tensors[rest].copy_(file.get_tensor(name))
            else:
                index, key = rest.split("/")
                state.setdefault(int(index), {})[key] = file.get_tensor(name)
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    for index, values in state.items():
        if index >= len(trained) or any(v.ndim and v.shape != trained[index].shape for v in values.values()):
            raise ModelError("holds the optimiser's state of weights in another order than this model's",
                             where=str(folder / FILE), hint="train again without --resume")
    full = optimizer.state_dict()
    full["state"] = state
    optimizer.load_state_dict(full)


def resumable_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Everything that training changes: trained parameters and all buffers."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return {**trained, **{f"buffer:{name}": b for name, b in model.named_buffers()}}
