"""What a training run was: enough to repeat it, and to tell two runs apart."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from gmner_cli import __version__
from gmner_cli.hub import sha256
from gmner_cli.jsonl import write_atomic

FILE = "run.json"
_PACKAGES = ("torch", "transformers", "peft", "pytorch-crf", "numpy", "pillow", "safetensors")


def describe(command: str, recipe: dict[str, Any], data: dict[str, Path | str], seed: int,
             device: torch.device, precision: str) -> dict[str, Any]:
    """The run's inputs. ``data``: files by role; each gets its sha256 and size."""
    return {
        "gmner": __version__, "command": command, "arguments": sys.argv[1:], "recipe": recipe, "seed": seed,
        "data": {role: _describe_file(path) for role, path in data.items()},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "precision": precision, "threads": torch.get_num_threads(), "cores": os.cpu_count(),
        "python": platform.python_version(), "versions": {name: _version(name) for name in _PACKAGES},
    }


def _describe_file(path: Path | str) -> dict[str, Any]:
    path = Path(path)
    if not path.is_file():
        return {"path": str(path)}
    return {"path": str(path), "sha256": sha256(path), "bytes": path.stat().st_size}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write ``folder/run.json`` atomically."""
    write_atomic(folder / FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder, or None."""
    path = folder / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
