"""Drawn pictures of coloured shapes, and posts that name the colours: what a small visual model can learn in seconds."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw

from tests.conftest import write_jsonl

COLOURS = ("red", "green", "blue", "gold")
SIDE = 64


def draw(folder: Path, count: int = 6, seed: int = 0, name: str = "posts.jsonl") -> Path:
    """``count`` pictures of two shapes each, left and right; every post names both colours and one that is not there."""
    draws = random.Random(seed)
    records = []
    for number in range(count):
        image = Image.new("RGB", (SIDE, SIDE), "grey")
        pen = ImageDraw.Draw(image)
        names = draws.sample(COLOURS, 3)
        text, entities = f"{names[0]} or {names[1]} or {names[2]}", []
        for place, colour in enumerate(names):
            start = text.index(colour)
            entity = {"start": start, "end": start + len(colour), "type": "PER" if place else "LOC", "boxes": []}
            if place < 2:
                size = draws.choice((20, 26))
                x, y = 32 * place + draws.randint(1, 30 - size), draws.randint(2, SIDE - size - 2)
                pen.rectangle((x, y, x + size - 1, y + size - 1), fill=colour)
                entity["boxes"] = [[x, y, x + size, y + size]]
            entities.append(entity)
        image.save(folder / f"{seed}-{number}.png")
        records.append({"id": f"{seed}-{number}", "text": text, "image": f"{seed}-{number}.png", "entities": entities})
    return write_jsonl(folder / name, records)
