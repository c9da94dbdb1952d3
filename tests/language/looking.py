"""A tagger that looks, for telling which posts are alike."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml
from PIL import Image

from gmner_cli.classes.class_paths import new_model
from gmner_cli.records import Entity, Post
from gmner_cli.weights.model_folder import save_model
from tests.conftest import DUMMIES


def save_looking(folder: Path) -> None:
    """In ``folder``: tagger, for which all words are alike and the red, green and blue of a picture have
    directions of their own; colour.yaml, its recipe; red.png and blue.png."""
    name = f"{DUMMIES / 'colour_tagger.py'}:ColourTagger"
    model = new_model(name, {"width": 3},
                      [Post(id="1", text="Allen", entities=[Entity(start=0, end=5, type="PER")])],
                      recipe="colour", offline=True)
    with torch.no_grad():
        model.words.weight.fill_(1)
        model.picture.weight.copy_(9 * torch.eye(3))
        model.picture.bias.zero_()
    save_model(model, folder / "tagger")
    (folder / "colour.yaml").write_text(
        yaml.safe_dump({"name": "colour", "about": "x", "stages": ["ner"], "ner": {"model": name}}))
    for colour in ("red", "blue"):
        Image.new("RGB", (4, 4), colour).save(folder / f"{colour}.png")
