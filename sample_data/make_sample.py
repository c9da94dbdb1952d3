"""Draw the sample pictures and write the sample records; the same bytes every time.

    python sample_data/make_sample.py              into sample_data/ itself
    python sample_data/make_sample.py OTHER_DIR

Writes images/, posts.jsonl (the minimum: id, text, image), gold.jsonl (full
records), train.jsonl and dev.jsonl (tokenised, without images). Everything is
drawn and written by this project.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from canvas import Canvas
from PIL import Image
from pycocotools import mask as rle
from sentences import sentences
from texts import DRAFTS, Draft

MARK = re.compile(r"\[\[(?P<words>[^|\]]+)\|(?P<type>\w+)\|(?P<things>[^|\]]*)\|(?P<plain>[^\]]+)\]\]")
EXIF_ROTATED = "s11.jpg"
PNG_IN_DISGUISE = "s12.jpg"


def main(folder: Path) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    posts, gold = [], []
    for identity, draft in DRAFTS.items():
        canvas = draft.draw() if draft.draw else None
        if canvas is not None:
            save(canvas.image(), folder / "images" / draft.saved)
        record = full_record(identity, draft, canvas)
        gold.append(record)
        posts.append({key: record[key] for key in ("id", "text", "image") if key in record})
    write(folder / "posts.jsonl", posts)
    write(folder / "gold.jsonl", gold)
    write(folder / "train.jsonl", sentences("train", rounds=3))
    write(folder / "dev.jsonl", sentences("dev", rounds=2))


def full_record(identity: str, draft: Draft, canvas: Canvas | None) -> dict:
    """Text without its marks, and the marked entities with spans, boxes and masks.

    Paths are relative to the JSONL file's folder, boxes x1, y1, x2, y2 in pixels.
    """
    text, entities = "", []
    at = 0
    for mark in MARK.finditer(draft.marked):
        text += draft.marked[at:mark.start()]
        entities.append({"start": len(text), "end": len(text) + len(mark["words"]), "text": mark["words"],
                         "type": mark["type"], "expansions": [{"text": mark["plain"], "source": "hand"}],
                         **_visual(canvas, [name for name in mark["things"].split("+") if name])})
        text += mark["words"]
        at = mark.end()
    text += draft.marked[at:]
    record: dict = {"id": identity, "text": text}
    if canvas is not None:
        record |= {"image": draft.saved, "image_size": [canvas.width, canvas.height]}
    return record | {"entities": entities, "meta": {"dataset": "sample"}}


def _visual(canvas: Canvas | None, things: list[str]) -> dict:
    """Boxes (largest first, as the training label is the largest) and masks of the visible parts."""
    masks = sorted((canvas.mask(name) for name in things), key=lambda m: -int(m.sum())) if canvas else []
    boxes = []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        boxes.append([float(v) for v in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)])
    found: dict = {"boxes": boxes}
    if boxes:
        found["masks"] = [{"size": list(m.shape),
                           "counts": rle.encode(np.asfortranarray(m, dtype=np.uint8))["counts"].decode("ascii")}
                          for m in masks]
    return found


def save(picture: Image.Image, path: Path) -> None:
    """By the name's ending, but for two files that every loader of tweets meets sooner or later:

    a photo that lies on its side and says so in its EXIF, and a PNG that is called .jpg.
    """
    sheet = io.BytesIO()
    if path.name == EXIF_ROTATED:
        exif = Image.Exif()
        exif[0x0112] = 6  # "rotate by 90 degrees clockwise to show"
        picture.transpose(Image.Transpose.ROTATE_90).save(sheet, "JPEG", quality=88, exif=exif)
    elif path.suffix == ".png" or path.name == PNG_IN_DISGUISE:
        picture.save(sheet, "PNG", optimize=True)
    else:
        picture.save(sheet, "JPEG", quality=88, optimize=True)
    path.write_bytes(sheet.getvalue())


def write(path: Path, records: Iterable[dict]) -> None:
    lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records]
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
