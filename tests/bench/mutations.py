"""Lines, files and pictures that are damaged at random, for ``bench_fuzz``."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator

from PIL import Image

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
BOM = b"\xef\xbb\xbf"

TEXT = "Allen met Zoë 👩‍👧 in Zürich's \u200fנמל"
BASE = {
    "id": "1", "text": TEXT, "tokens": TEXT.split(" "), "image": "a.png", "image_size": [40, 32],
    "caption": "a red square", "knowledge": [{"text": "a swimmer", "source": "llm:x"}],
    "proposals": [{"box": [1, 2, 3, 4.5], "score": 0.5, "label": "x"}], "entities": [{
        "start": 0, "end": 5, "token_start": 0, "token_end": 1, "text": "Allen", "type": "PER",
        "fine_type": "actor", "score": 0.9, "expansions": [{"text": "an actor", "source": "s"}],
        "expression": "Allen", "groundable": 0.8, "boxes": [[1, 2, 20.5, 30]], "box_scores": [0.7],
        "masks": [{"size": [32, 40], "counts": "^4"}], "slices": ["small"]
    }, {"start": 10, "end": 13, "type": "PER",
        "boxes": []}], "grounding": None, "meta": {"dataset": "x", "split": "test", "deep": [[[{"a": [1]}]]]}
}
CONLL = "IMGID:1\nAllen\tB-PER\nmet\tO\nZoë\tB-PER\nSilva\tI-PER\n\nIMGID:2\nOslo\tB-LOC\n👩\tO\n\n"
ODD = [
    None, True, False, 0, -1, 1, 3.5, -0.0, 1e308, -1e308, 2 ** 31, 2 ** 63, 2 ** 64, 10 ** 40, "", " ",
    "\0", "\x1b[31m", "\ud800", "\u202e", "ß" * 999, "../../etc/passwd", "/dev/zero", "a.png", "nan", [], {},
    [None], [[]], [[1, 2, 3, 4]], [[4, 3, 2, 1]], [[0, 0, 1e300, 1e300]], {"a": 1}, ["x"] * 50, [0] * 4,
    [10 ** 9, 10 ** 9]
]


def mutated_line(rng: random.Random) -> bytes:
    """One line of a JSONL file, without its end, that is not blank."""
    record = json.loads(json.dumps(BASE))
    record["id"] = str(rng.randrange(10**9))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        _mutate_value(record, rng)
    line = json.dumps(record, ensure_ascii=rng.random() < 0.4).encode("utf-8", "surrogatepass")
    way = rng.random()
    if way < 0.03:  # nested more deeply than any reader likes
        depth = rng.choice((50, 500, 5_000, 100_000))
        line = line[:-1] + b', "more": ' + b"[" * depth + b"]" * depth + b"}"
    elif way < 0.06:
        line = rng.choice((b"", BOM, b" ", b"\xff\xfe")) + line + rng.choice(
            (b"\r", b" ", b"\0", line[:40], b"]"))
    elif way < 0.4:
        line = mutated_bytes(line, rng)
    line = line.replace(b"\n", b" ")
    return line if line.removeprefix(BOM).strip() else b"{"


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Bits turned, parts cut out, doubled or replaced, in one to four places."""
    data = bytearray(content)
    for _ in range(rng.randrange(1, 5)):
        at, long = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 4, 30))
        way = rng.randrange(5)
        if way == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            del data[at:at + long]
        elif way == 2:
            data[at:at] = data[at:at + long]
        elif way == 3:
            data[at:at + long] = rng.randbytes(long)
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


def mutated_picture(rng: random.Random, kind: str) -> bytes:
    """A small picture that Pillow drew, damaged, more often near its beginning, where the sizes stand."""
    mode = rng.choice({
        "JPEG": ("RGB", "L", "CMYK"), "GIF": ("P", "L"), "BMP": ("RGB", "L", "1"), "WEBP": ("RGB", "RGBA"),
        "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"), "TIFF": ("RGB", "L", "CMYK", "F", "I;16")
    }[kind])
    source = Image.effect_mandelbrot((rng.randrange(1, 40), rng.randrange(1, 40)), (-2, -1, 1, 1), 20)
    picture = source.convert("I").convert("I;16") if mode == "I;16" else source.convert("RGB").convert(mode)
    sheet, more = io.BytesIO(), {}
    if kind in ("GIF", "WEBP", "TIFF") and rng.random() < 0.3:
        more = {"save_all": True, "append_images": [picture.copy()]}
    if kind == "JPEG" and rng.random() < 0.5:
        exif = Image.Exif()
        exif[0x0112] = rng.randrange(10)
        more["exif"] = exif
    picture.save(sheet, kind, **more)
    content, way = sheet.getvalue(), rng.random()
    if way < 0.1:
        return content
    if way < 0.5:
        return mutated_bytes(content[:64], rng) + content[64:]
    return mutated_bytes(content, rng)


def _mutate_value(record: dict, rng: random.Random) -> None:
    """Replace, remove, rename or double one value, anywhere in the record."""
    places = list(_places(record))
    holder, key = rng.choice(places)
    way = rng.random()
    if way < 0.6:
        holder[key] = json.loads(json.dumps(rng.choice(ODD)))
    elif way < 0.75:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, json.loads(json.dumps(holder[key])))
    else:
        holder[rng.choice(
            ("error", "skipped", "image_problem", "unreadable", "extra", "é", "", "generated"))] = holder[key]


def _places(value: object) -> Iterator[tuple[dict | list, object]]:
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in rows:
        yield value, key
        yield from _places(below)
