"""Drawn pictures of coloured shapes, and posts that name the colours: what a small visual model can learn in
seconds."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from gmner_cli.compute.runtime import Runtime
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.model import Model
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post
from tests.conftest import write_jsonl

COLOURS = ("red", "green", "blue", "gold")
SIDE = 64


def draw(folder: Path, count: int = 6, seed: int = 0, name: str = "posts.jsonl") -> Path:
    """``count`` pictures of two shapes each, left and right; every post names both colours and one that is
    not there."""
    draws = random.Random(seed)
    records = []
    for number in range(count):
        image = Image.new("RGB", (SIDE, SIDE), "grey")
        pen = ImageDraw.Draw(image)
        names = draws.sample(COLOURS, 3)
        text, entities = f"{names[0]} or {names[1]} or {names[2]}", []
        for place, colour in enumerate(names):
            start = text.index(colour)
            entity = {
                "start": start, "end": start + len(colour), "type": "PER" if place else "LOC", "boxes": []
            }
            if place < 2:
                size = draws.choice((20, 26))
                x, y = 32 * place + draws.randint(1, 30 - size), draws.randint(2, SIDE - size - 2)
                pen.rectangle((x, y, x + size - 1, y + size - 1), fill=colour)
                entity["boxes"] = [[x, y, x + size, y + size]]
            entities.append(entity)
        image.save(folder / f"{seed}-{number}.png")
        records.append(
            {"id": f"{seed}-{number}", "text": text, "image": f"{seed}-{number}.png", "entities": entities})
    return write_jsonl(folder / name, records)


WORDS = ("--set", "expressions.settings.without='{name}'")
"""Options that ask for an entity by its bare name, which is less to learn."""


def swapped(posts: list[Post], *entities: int) -> list[Post]:
    """Copies of the posts in which two entities are asked for in each other's words, all in their bare
    names."""
    copies = [post.clear() for post in posts]
    for post in copies:
        names = [post.text[e.start:e.end] for e in post.entities]
        if entities:
            a, b = entities
            names[a], names[b] = names[b], names[a]
        for entity, name in zip(post.entities, names, strict=True):
            entity.expression = name
    return copies


def answered(model: Model, posts: list[Post], folder: Path) -> list[Post]:
    """What a trained model says of the posts."""
    return predict_posts(model.eval(), posts, Runtime(torch.device("cpu")), 8, Pictures(folder))
