"""A contact sheet of scenes: pictures with the gold boxes, their names, and the text below."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from gmner_cli.pictures.images import open_image
from gmner_cli.records import Post
from gmner_cli.records.jsonl import write_atomic

COLUMNS, CELL, LINES, GAP = 5, 256, 4, 12
INKS = {"PER": (214, 94, 0), "LOC": (0, 158, 115), "ORG": (0, 114, 178), "OTHER": (120, 94, 74)}
"""Colours by type that people who do not tell red from green can tell apart."""


def write(posts: Sequence[Post], images: Path, path: Path) -> None:
    """A PNG of the posts, COLUMNS to a row."""
    font = ImageFont.load_default(11)
    height = CELL + 14 * LINES + GAP
    rows = -(-len(posts) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (CELL + GAP) + GAP, max(1, rows) * height + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for number, post in enumerate(posts):
        if post.image is None:  # then its place stays white
            continue
        x, y = GAP + number % COLUMNS * (CELL + GAP), GAP + number // COLUMNS * height
        picture = open_image(images, post.image)
        scale = CELL / max(picture.size)
        sheet.paste(picture.resize((round(picture.width * scale), round(picture.height * scale))), (x, y))
        for entity in post.entities or []:
            ink = INKS.get(entity.type, (60, 60, 60))
            for box in entity.boxes or []:
                x1, y1, x2, y2 = (v * scale for v in box)
                pen.rectangle([x + x1, y + y1, x + x2 - 1, y + y2 - 1], outline=ink, width=2)
                pen.text((x + x1 + 3, max(y, y + y1 - 13)), entity.text or "", fill=ink, font=font,
                         stroke_width=2, stroke_fill="white")
        for line, words in enumerate(textwrap.wrap(_latin(post.text), 46)[:LINES]):
            pen.text((x, y + CELL + 2 + 14 * line), words, fill="black", font=font)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    write_atomic(path, file.getvalue())


def _latin(text: str) -> str:
    """The built-in font has no pictographs."""
    return "".join(c if ord(c) < 0x2000 else "·" for c in text)
