"""A Hugging Face network with the processor and tokenizer that belong to it, from a checkpoint or from a trained model's folder."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from gmner_cli.errors import ModelError
from gmner_cli.hub import load, read_json, resolve, untrained
from gmner_cli.model import Site

FOLDER = "net"
"""Of a trained model's folder: the network's configuration, its processor and its tokenizer."""


@dataclass
class Backbone:
    """What ``Backbone.load`` found. ``net`` goes into the model, whose checkpoint holds its weights."""

    net: nn.Module
    processor: Any
    tokenizer: Any

    @classmethod
    def load(cls, classes: Mapping[str, str], checkpoint: str, site: Site) -> Backbone:
        """The network that ``checkpoint`` names, or the untrained frame of the one in ``site.folder``.

        ``classes``: module of every class that may be there, by the name that stands in
        ``architectures`` of its config.json. A trained model needs no other file than its
        own folder. Raises ModelError.
        """
        folder = resolve(checkpoint, offline=site.offline) if site.pretrained else site.folder / FOLDER
        kind = _kind(classes, folder)
        if site.pretrained:
            import torch

            net = load(kind, folder, use_safetensors=True, dtype=torch.float32)
        else:
            net = untrained(kind, load(kind.config_class, folder), folder)
        net.config.architectures = [kind.__name__]
        return cls(net, _processor(folder), _tokenizer(folder))

    def save(self, folder: Path) -> None:
        """Everything but the weights into ``folder/net``."""
        for part in (self.net.config, self.processor, self.tokenizer):
            part.save_pretrained(folder / FOLDER)


def _kind(classes: Mapping[str, str], folder: Path) -> type[nn.Module]:
    named = read_json(folder / "config.json").get("architectures") or ["(none)"]
    if named[0] not in classes:
        raise ModelError(f"holds a {named[0]}, and this model is built on {' or '.join(classes)}", where=str(folder))
    return getattr(importlib.import_module(classes[named[0]]), named[0])


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    # Where torchvision is installed it would be used, with slightly other pixels.
    return load(AutoImageProcessor, folder, backend="pil")


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return load(AutoTokenizer, folder)
