"""Ours, of whichever checkout PYTHONPATH names: this one, or the one that it is compared with."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import torch
from serving import read, serve, settings

import gmner_cli
from gmner_cli import recipes
from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute import runtime
from gmner_cli.flow.build import build
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post
from gmner_cli.training.loop import Watcher, fit
from gmner_cli.training.settings import parse_train

ASKED = settings()
WHOLE = ["lora_rank=0", "train_embeddings=true", f"ner.train.lr={ASKED['lr']}"]
TEXT, TRAIN = ([Post.from_builtins(r)
                for r in read(ASKED[name], ASKED[f"{name}_posts"])]
               for name in ("test", "train"))
SCENES = [Post.from_builtins(r) for r in read(ASKED["scenes"], ASKED["scene_posts"])]
NEW = "onednn" in signature(runtime.start).parameters


def start(**other: object) -> runtime.Runtime:
    return runtime.start("cpu", threads=ASKED["threads"], seed=1, **other)


def train(*overrides: str, **other: object) -> Callable[[], float | None]:
    section = recipes.load("mini", overrides, within="ner").section("ner")
    planned = parse_train({**section.train, "epochs": 1, "batch_size": ASKED["train_batch"]}, "bench")

    def work() -> float:
        """From the posts to the last step: the model is there before, and checkpoints come after (a second or
        two an epoch)."""
        where, ends = start(**other), []
        model = new_model(section.model, {**section.settings, "max_length": ASKED["max_length"]}, TRAIN,
                          recipe="bench", offline=True)
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            fit(model, TRAIN, TRAIN[:1], planned, Path(folder), where,
                watcher=Watcher(step=lambda *_: ends.append(time.process_time())))
        return ends[-1] - began

    return work


def predict(stages: list[str], posts: list[Post], images: str | None = None, gold: str | None = None,
            **other: object) -> Callable[[], float | None]:
    """All stages over windows of 256 posts, as ``gmner predict`` takes them; models are loaded once,
    before."""
    loaded: list = []

    def work() -> None:
        if not loaded:
            recipe = recipes.load("mini")
            recipe.values["stages"] = stages
            loaded.extend(
                build(recipe, start(**other), Pictures(Path(images) if images else None, "text-only"),
                      gold=gold, batch_size=ASKED["batch"] if stages == ["ner"] else None, offline=True))
        for first in range(0, len(posts), 256):
            window = [Post.from_builtins(post.to_builtins()) for post in posts[first:first + 256]]
            for stage in loaded:
                window = stage(window)

    return work


def tokenise() -> None:
    from gmner_cli.model import WeightSource
    from gmner_cli.ner.encoder import EncoderConfig, TextEncoder

    if not KEPT:
        KEPT["encoder"] = TextEncoder(EncoderConfig(), WeightSource(offline=True))
    KEPT["encoder"].pieces([post.tokens for post in TEXT])


def look_at_textures() -> None:
    from gmner_cli.vision.textures import textures

    textures(NOISE)


def cut_out() -> None:
    """GrabCut over the boxes of the scenes."""
    from gmner_cli.segmentation.grabcut import segment_box

    pictures = Pictures(Path(ASKED["images"]), "error")
    for post in SCENES[:30]:
        image = pictures.load(post)
        for entity in post.entities or []:
            for box in entity.boxes or []:
                segment_box(image, box)


KEPT: dict = {}
NOISE = torch.rand(64, 3, 128, 128, generator=torch.Generator().manual_seed(0))

if __name__ == "__main__":
    tasks = {
        "train whole": train(*WHOLE), "train LoRA": train(), "predict": predict(["ner"], TEXT),
        "scenes, VE and VG": predict(["ner", "expressions", "ve", "vg"], SCENES, ASKED["images"],
                                     gold="spans"),
        "scenes, all stages": predict(["ner", "expressions", "ve", "vg", "segment"], SCENES, ASKED["images"]),
        "tokenise": tokenise, "textures": look_at_textures, "GrabCut": cut_out
    }
    if NEW:
        half = {"precision": "bfloat16"}
        tasks |= {"predict, oneDNN forced": predict(["ner"], TEXT, onednn=True),
                  "train whole, oneDNN forced": train(*WHOLE, onednn=True)}
        if start(precision="bfloat16").precision == "bfloat16":
            tasks |= {"train whole, bfloat16": train(*WHOLE, **half), "train LoRA, bfloat16": train(**half),
                      "predict, bfloat16": predict(["ner"], TEXT, **half)}
    import transformers

    serve(
        {
            "gmner": gmner_cli.__version__, "torch": torch.__version__,
            "transformers": transformers.__version__
        }, tasks)
