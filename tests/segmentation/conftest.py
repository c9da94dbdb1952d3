"""Small random SAMs in both layouts, and posts with drawn pictures to segment."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from tests import tiny
from tests.conftest import write_jsonl


@pytest.fixture(scope="session")
def hf_sam(tmp_path_factory) -> Path:
    """A folder as the Hugging Face hub has them."""
    return tiny.save_sam(tmp_path_factory.mktemp("hf") / "sam")


@pytest.fixture(scope="session")
def pth_sam(tmp_path_factory) -> Path:
    """A .pth file as segment-anything has them: 2 layers of which the second sees everything, pictures of 64
    pixels."""
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    torch.manual_seed(3)
    net = Sam(
        ImageEncoderViT(img_size=64, patch_size=8, embed_dim=32, depth=2, num_heads=2, out_chans=32,
                        qkv_bias=True, norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), use_rel_pos=True,
                        window_size=4, global_attn_indexes=(1, )),
        PromptEncoder(embed_dim=32, image_embedding_size=(8, 8), input_image_size=(64, 64), mask_in_chans=16),
        MaskDecoder(transformer_dim=32, transformer=TwoWayTransformer(depth=2, embedding_dim=32, num_heads=8,
                                                                      mlp_dim=48), num_multimask_outputs=3,
                    iou_head_depth=3, iou_head_hidden_dim=24))
    path = tmp_path_factory.mktemp("pth") / "small.pth"
    torch.save(net.state_dict(), path)
    return path


class Evil:
    """Its pickle makes a folder when it is read by an unpickler that runs what it is told."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture of textured ground: smooth blotches of green and brown."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(40, 120, (9, 9, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC)
    grain = draw.integers(-12, 13, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(coarse).astype(int) + grain, 0, 255).astype(np.uint8))


def painted(corners: list[tuple[float, float]], size: tuple[int, int] = (160, 120),
            seed: int = 0) -> tuple[Image.Image, np.ndarray]:
    """Ground with one red polygon on it, and where the polygon is, bool [height, width]."""
    ground = noise(*size, seed=seed)
    stencil = Image.new("1", size)
    ImageDraw.Draw(stencil).polygon(corners, fill=1)
    paint = Image.eval(noise(*size, seed=seed + 1), lambda v: v // 3).convert("RGB")
    red = np.asarray(paint).astype(int) + (150, 20, 20)
    inside = np.asarray(stencil)
    return Image.fromarray(
        np.where(inside[..., None], red, np.asarray(ground)).clip(0, 255).astype(np.uint8)), inside


@pytest.fixture
def posts(tmp_path) -> Path:
    """Five posts: two boxes and an unseen entity; one not assessed; no picture; nothing found; points."""
    picture, _ = painted([(20, 20), (90, 30), (60, 100)])
    picture.save(tmp_path / "a.png")
    picture.resize((50, 90)).save(tmp_path / "b.jpg")
    return write_jsonl(tmp_path / "posts.jsonl", [
        {
            "id": "1", "text": "Allen swims in London with NASA", "image": "a.png", "mood": "glad",
            "entities": [{
                "start": 0, "end": 5, "type": "PER", "boxes": [[20, 20, 90, 100], [-30, -30, 30, 40]],
                "box_scores": [0.9, 0.4]
            }, {"start": 15, "end": 21, "type": "LOC", "boxes": []},
                         {"start": 27, "end": 31, "type": "ORG", "boxes": [[200, 200, 300, 300]]}]
        },
        {
            "id": "2", "text": "NASA flies", "image": "b.jpg",
            "entities": [{"start": 0, "end": 4, "type": "ORG", "note": 7}]
        },
        {
            "id": "3", "text": "Maria without",
            "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": []}]
        },
        {"id": "4", "text": "nobody here", "image": "not there.png"},
        {
            "id": "5", "text": "Rome", "image": "a.png",
            "entities": [{"start": 0, "end": 4, "type": "LOC", "points": [[60, 50]]}]
        },
    ])
