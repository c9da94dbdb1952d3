"""Small posts for the scoring tests, and hypothesis strategies that make crowded ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from pycocotools import mask as coco

from gmner_cli.records import Entity, Mask, Post
from gmner_cli.records.jsonl import write_posts

TEXT = "Allen and Kevin Durant met Allen in Oakland"
SPANS = ((0, 5), (10, 22), (27, 32), (36, 43))
BOX, FAR = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
HALF = (0.0, 0.0, 10.0, 5.0)
"""Has an IoU of exactly 0.5 with BOX."""


def entity(span=SPANS[0], type="PER", boxes=None, **more) -> Entity:
    return Entity(start=span[0], end=span[1], text=TEXT[span[0]:span[1]], type=type, boxes=boxes, **more)


def post(id, *entities, **more) -> Post:
    return Post(id=id, text=TEXT, entities=list(entities), **more)


def pixels(*box, size=(12, 16)):
    """uint8 [height, width], ones in x1..x2, y1..y2."""
    array = np.zeros(size, dtype=np.uint8)
    array[box[1]:box[3], box[0]:box[2]] = 1
    return array


def encoded(array) -> Mask:
    """The mask of an array [height, width], by pycocotools."""
    return Mask(size=array.shape, counts=coco.encode(np.asfortranarray(array))["counts"].decode())


def save(path: Path, *posts: Post) -> str:
    write_posts(path, posts)
    return str(path)


def wire(posts) -> str:
    """All that posts hold, to show that nothing in them changed."""
    return json.dumps([p.to_builtins() for p in posts], sort_keys=True)


corner = st.integers(0, 3)
boxes = st.builds(lambda x, y, w, h: (float(x), float(y), float(x + w), float(y + h)),
                  corner, corner, st.integers(1, 4), st.integers(1, 4))
entities = st.builds(entity, span=st.sampled_from(SPANS[:2]), type=st.sampled_from(["PER", "LOC"]),
                     boxes=st.lists(boxes, max_size=2), fine_type=st.sampled_from([None, "actor", "city"]))
crowds = st.lists(entities, max_size=5)
