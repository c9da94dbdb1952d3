"""``--model``: which segmentation backend a name or a path stands for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import UsageError, did_you_mean
from gmner_cli.files.digest import sha256
from gmner_cli.flow.compose import Stage
from gmner_cli.flow.model_stage import ModelStage
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post
from gmner_cli.segmentation.checkpoints import OFFICIAL
from gmner_cli.segmentation.grabcut_stage import GrabCut
from gmner_cli.segmentation.mask_prompts import prompts_of
from gmner_cli.weights.hub import weights_sha256

BATCH_SIZE = 4
"""Pictures that SAM gets at a time, unless asked otherwise; each is 1024 pixels high and wide."""

GRABCUT = "grabcut"
_NAMES = (GRABCUT, *(f"sam:{name}" for name in OFFICIAL))


def segmenter(model: str, runtime: Runtime | None, pictures: Pictures, *, batch_size: int | None = None,
              offline: bool = False) -> Stage:
    """The stage that ``model`` names, loaded.

    ``model``: "grabcut"; "sam:vit_b", "sam:vit_l" or "sam:vit_h" for the authors'
    checkpoints; the path of such a .pth file; or a hub id or folder with a
    Hugging Face SAM. ``runtime``: None will do for grabcut, which has no use of it, nor of torch.
    Raises UsageError or ModelError.
    """
    if model == GRABCUT:
        return GrabCut(pictures=pictures)
    if re.fullmatch(r"[\w:]+", model) and model not in _NAMES and not Path(model).exists():
        raise UsageError(f"unknown --model {model!r}", hint=f"{did_you_mean(model, _NAMES)} It may also be a "
                                                            "hub id such as "
                                                            "facebook/sam-vit-base, a folder, or a .pth file")
    if model in _NAMES or _is_file(model):
        kind, checkpoint = "gmner_cli.segmentation.segment_anything:SegmentAnything", model.removeprefix(
            "sam:")
    else:
        kind, checkpoint = "gmner_cli.segmentation.sam:Sam", model
    from gmner_cli.classes.class_paths import new_model

    net = new_model(kind, {"checkpoint": checkpoint}, [], recipe="segment", offline=offline).eval()
    return ModelStage("segment", net, cast("Runtime", runtime), batch_size or BATCH_SIZE, pictures)


def asked(post: Post) -> bool:
    """Whether anything in the post's picture is to be segmented."""
    return bool(post.image and prompts_of(post))


def identity(model: str) -> str:
    """What tells a model from another under the same path: the digest of its weights; of a name, the name."""
    path = Path(model).expanduser()
    if path.is_file():
        return sha256(path)
    return weights_sha256(path) if path.is_dir() else model


def _is_file(model: str) -> bool:
    path = Path(model).expanduser()
    return path.is_file() or path.suffix in (".pth", ".pt")
