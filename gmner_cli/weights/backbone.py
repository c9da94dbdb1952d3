"""A Hugging Face network with its processor and tokenizer, from a checkpoint or a trained model's folder.

A model may have several, such as a text encoder and one for pictures: each is saved in a folder of its own.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from gmner_cli.errors import ModelError
from gmner_cli.model import WeightSource
from gmner_cli.weights.hub import load, read_json, resolve, untrained

FOLDER = "net"
"""In a trained model's folder: the network's configuration, its processor and its tokenizer."""


@dataclass
class Backbone:
    """What ``Backbone.load`` found. ``net`` goes into the model, whose checkpoint holds its weights."""

    net: Any
    """An ``nn.Module`` with what transformers adds to one, such as ``config`` and ``generate``."""
    processor: Any
    """The image processor; None of a network that reads no pixels, such as BART."""
    tokenizer: Any
    """None of a network that reads no text, such as ViT."""
    part: str = FOLDER

    @classmethod
    def load(cls, classes: Mapping[str, str], checkpoint: str, source: WeightSource,
             part: str = FOLDER) -> Backbone:
        """The network that ``checkpoint`` names, or the untrained frame of the one in ``source.folder``.

        ``classes``: module of every class that may be there, by the name that stands in
        ``architectures`` of its config.json. ``part``: the folder of this network in a trained model's, which
        needs no other file. Raises ModelError.
        """
        folder = resolve(checkpoint, offline=source.offline) if source.pretrained else source.folder / part
        kind = _kind(classes, folder)
        if source.pretrained:
            import torch

            net = load(kind, folder, use_safetensors=True, dtype=torch.float32)
        else:
            net = untrained(kind, load(kind.config_class, folder), folder)
            _as_it_generates(net, folder)
        net.config.architectures = [kind.__name__]
        return cls(net, _processor(folder) if _reads(kind, "pixel_values") else None,
                   _tokenizer(folder) if _reads(kind, "input_ids") else None, part)

    def save(self, folder: Path) -> None:
        """Everything but the weights into a folder of ``folder`` called as ``part`` says."""
        generation = self.net.generation_config if self.net.can_generate() else None
        for thing in (self.net.config, self.processor, self.tokenizer, generation):
            if thing is not None:
                thing.save_pretrained(folder / self.part)


def _reads(kind: type[nn.Module], name: str) -> bool:
    return name in inspect.signature(kind.forward).parameters


def _as_it_generates(net: nn.Module, folder: Path) -> None:
    """Give the network its checkpoint's settings of ``generate``, which its config does not hold."""
    from transformers import GenerationConfig

    if net.can_generate() and (folder / "generation_config.json").is_file():
        net.generation_config = load(GenerationConfig, folder)


def _kind(classes: Mapping[str, str], folder: Path) -> type[nn.Module]:
    named = read_json(folder / "config.json").get("architectures") or ["(none)"]
    if named[0] not in classes:
        raise ModelError(f"holds a {named[0]}, and this model is built on {' or '.join(classes)}",
                         where=str(folder))
    return getattr(importlib.import_module(classes[named[0]]), named[0])


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    # Where torchvision is installed it would be used, with slightly other pixels.
    return load(AutoImageProcessor, folder, backend="pil")


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return load(AutoTokenizer, folder)
