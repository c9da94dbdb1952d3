"""Whether what a model's config.json promises stands in proportion to the weights beside it.

A config of a few hundred bytes can ask for a million layers, which would be built before the first weight is
looked at. So its numbers are bounded first: some for themselves, the others by the tensors that are there.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gmner_cli.errors import ModelError, shown
from gmner_cli.files.bounded import open_regular, read_regular, refuse_special

MOST_CONFIG_BYTES = 10_000_000
MOST_HEADER_BYTES = 32_000_000
"""Of a safetensors file: its list of tensors. A model of 1,000 layers has one of 2 MB."""
MOST_TENSORS = 50_000
"""Of a safetensors file; models with hundreds of experts have some thousand in each."""
MOST_LAYERS = 1_000
"""The deepest published models have some 200."""
MOST_UNSEEN = 16_384
"""A size may always be as large as this, whatever the tensors' shapes are; beyond it, 16 times the largest of
them (quantised weights are packed)."""
MOST_UNSEEN_WEIGHTS = 100_000_000
"""A table (positions, vocabulary) may always hold as many numbers as this; beyond it, no more than there are
bytes."""
MOST_UNSEEN_LAYERS = 20_000_000
"""Likewise all layers together, at one square matrix each, of which they have four and more."""

_USUAL_WIDTH = 768
"""Of a network that does not say how wide it is."""

# By the last word of a key: how many parts there are, how large one is, how many rows a table has.
_COUNTS = {"layer", "layers", "depth", "depths", "blocks", "stages", "levels", "experts"}
_SIZES = {
    "size", "sizes", "labels", "dim", "dims", "rank", "width", "channels", "embd", "inner", "model", "ff",
    "heads", "queries"
}
_TABLES = {"embeddings", "positions", "length", "len", "ctx", "tokens"}
_WIDTHS = ("hidden_size", "hidden_sizes", "hidden_dim", "d_model", "n_embd", "embed_dim", "width", "dim",
           "encoder_hidden_size")
_DEPTHS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers", "encoder_layers", "decoder_layers",
           "text_layers", "fusion_layers")


def check_folder(folder: Path) -> None:
    """Raise ModelError where a config.json in ``folder``, or in one right in it, is out of proportion to the
    safetensors of ``folder``.

    Also for a FIFO or a device among the files, which a library would wait for.
    """
    try:
        refuse_special(folder)
        configs = [
            path for path in (folder / "config.json", *sorted(folder.glob("*/config.json")))
            if path.is_file()
        ]
        contents = {path: read_regular(path, MOST_CONFIG_BYTES) for path in configs}
        weights = [path for path in sorted(folder.glob("*.safetensors")) if path.is_file()]
        total, largest = sum(path.stat().st_size for path in weights), max(
            (_largest(path) for path in weights), default=0)
    except OSError as problem:
        raise ModelError(f"cannot be read: {problem.strerror}", where=shown(str(problem.filename
                                                                                or folder))) from None
    _refuse_detours(folder)
    for path, content in contents.items():
        try:
            config = json.loads(content)
        except (ValueError, RecursionError):
            continue  # whoever reads it next says so
        for name, oddity in _oddities(config, total, largest):
            raise ModelError(f"{shown(name)} is {oddity}", where=str(path),
                             hint="the file is damaged, made to do harm, or belongs to other weights")


def _refuse_detours(folder: Path) -> None:
    """Raise ModelError where the files of ``folder`` would have others loaded in their place, or pickles
    among them."""
    if os.path.lexists(adapter := folder / "adapter_config.json"):
        raise ModelError("holds an adapter, which has another model loaded", where=str(folder),
                         hint="merge them where you trust both (merge_and_unload, save_pretrained), or "
                              f"remove {adapter.name}")
    for path in folder.glob("*.index.json"):
        try:
            names = set(json.loads(read_regular(path, MOST_CONFIG_BYTES))["weight_map"].values())
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue  # whoever reads it next says so
        for name in names:
            if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
                raise ModelError(f"names {shown(str(name))}, which is no safetensors file beside it",
                                 where=str(path),
                                 hint="the file is damaged, made to do harm, or belongs to other weights")


def _largest(path: Path) -> int:
    """The longest side of any tensor of a safetensors file; 0 when it is damaged. Raises ModelError for too
    long a list of them."""
    with open_regular(path) as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if length > path.stat().st_size:
            return 0
        if length > MOST_HEADER_BYTES:
            raise ModelError(f"its list of tensors takes {length} bytes, more than {MOST_HEADER_BYTES}",
                             where=str(path))
        try:
            tensors = json.loads(stream.read(length))
            if len(tensors) > MOST_TENSORS:
                raise ModelError(f"holds {len(tensors)} tensors, more than {MOST_TENSORS}", where=str(path))
            return max(
                (max(entry["shape"], default=0) for name, entry in tensors.items() if name != "__metadata__"),
                default=0)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return 0


def _oddities(config: Any, total: int, largest: int) -> Iterator[tuple[str, str]]:
    """``(key, what is wrong)`` of every number, at any depth of ``config``, that the weights cannot be of.

    ``total``: bytes of all weights. ``largest``: longest side of a tensor.
    """
    rest: list[tuple[str, Any]] = [("", config)]
    while rest:
        path, value = rest.pop()
        if isinstance(value, list):
            if len(value) > max(MOST_LAYERS, largest) and path.startswith("facts."):
                yield path, f"a list of {len(value)} things, but no weight is larger than {largest}"
            rest += [(path, item) for item in value if isinstance(item, (dict, list))]
        if not isinstance(value, dict):
            continue
        width = max(_numbers(value, *_WIDTHS), default=_USUAL_WIDTH)
        depth = sum(_numbers(value, *_DEPTHS))
        for key, inner in value.items():
            name = f"{path}.{key}".lstrip(".")
            # fetched from the hub and run by transformers
            if key.endswith("_implementation") and "/" in str(inner):
                yield name, f"{shown(str(inner))}, code that does not come with the tool"
            if isinstance(inner, (dict, list)):
                rest.append((name, inner))
            for number in _numbers(value, key):
                if problem := _too_much(key.rpartition("_")[2], key, number, width, total, largest):
                    yield name, problem
        if any(key in value for key in _WIDTHS) and depth * width * width > max(MOST_UNSEEN_LAYERS, total):
            yield (path or "the model",
                   f"of {depth} layers, {width} wide, but the weights take only {total} bytes")
        for side in _numbers(value, "image_size"):
            pixels = min(_numbers(value, "patch_size"), default=16)
            if (side // max(1, pixels)) ** 2 * width > max(MOST_UNSEEN_WEIGHTS, total):
                yield f"{path}.image_size".lstrip(
                    "."), f"{side} in patches of {pixels}, but the weights take only {total} bytes"


def _too_much(kind: str, key: str, number: int, width: int, total: int, largest: int) -> str | None:
    if kind in _COUNTS and number > MOST_LAYERS:
        return f"{number}, more than {MOST_LAYERS}"
    if (kind in _TABLES or key.endswith("vocab_size")) and number * width > max(MOST_UNSEEN_WEIGHTS, total):
        return f"{number}, but the weights take only {total} bytes"
    if kind in _SIZES and not key.endswith("vocab_size") and number > max(MOST_UNSEEN, 16 * largest):
        return f"{number}, but no weight is larger than {largest}"
    return None


def _numbers(config: Mapping[str, Any], *keys: str) -> list[int]:
    """The whole numbers above 0 that stand under ``keys``, alone or in lists."""
    values = [config.get(key) for key in keys]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [item for item in flat if isinstance(item, int) and not isinstance(item, bool) and item > 0]
