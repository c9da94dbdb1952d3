"""A world of coloured squares: names of colours in the text, some of which the picture shows."""

from __future__ import annotations

import json
import random
from pathlib import Path

from PIL import Image, ImageDraw

COLOURS = {"Red": "PER", "Blue": "PER", "Lime": "LOC", "Black": "LOC", "Cyan": "PER"}
SENTENCES = ("{} met {} today", "see {} and {}", "so {} said to {}")
SIDE, CORNERS = 48, [(2, 2), (28, 4), (4, 28), (30, 30)]


def world(folder: Path, count: int, seed: int, proposals: bool) -> Path:
    """``SEED.jsonl`` and its pictures in ``folder``; with ``proposals`` posts bring their squares' boxes."""
    rng, lines = random.Random(seed), []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        named, shown = rng.sample(sorted(COLOURS), 2), rng.sample(sorted(COLOURS), 2)
        boxes = {colour: (x, y, x + rng.choice([12, 16]), y + rng.choice([12, 16]))
                 for colour, (x, y) in zip(shown, rng.sample(CORNERS, 2), strict=True)}
        picture = Image.new("RGB", (SIDE, SIDE), "white")
        for colour, (x1, y1, x2, y2) in boxes.items():
            ImageDraw.Draw(picture).rectangle((x1, y1, x2 - 1, y2 - 1), fill=colour.lower())
        picture.save(folder / f"{seed}-{number}.png")
        text = rng.choice(SENTENCES).format(*named) + f" {number}"
        lines.append({"id": f"{seed}-{number}", "text": text, "image": f"{seed}-{number}.png", "entities": [
            {"start": text.index(name), "end": text.index(name) + len(name), "type": COLOURS[name],
             "boxes": [boxes[name]] if name in boxes else []} for name in named]})
        if proposals:
            lines[-1]["proposals"] = [{"box": box, "score": 1.0} for box in boxes.values()]
    path = folder / f"{seed}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
