"""Draw the sample posts again: some of the scenes world as it makes them, some by hand for what real posts
do.

    python sample_data/make_sample.py              into sample_data/ itself
    python sample_data/make_sample.py OTHER_DIR

Writes images/, posts.jsonl (the minimum: id, text, image) and gold.jsonl (full records).
"""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from random import Random

from PIL import Image

from gmner_cli.data.scenes import Knobs, draw
from gmner_cli.data.scenes.picture import compose, spoil
from gmner_cli.data.scenes.world import beings, random_look
from gmner_cli.pictures.masks import encode
from gmner_cli.records import Entity, Expansion, Post

SEED, DRAWN = 2026, 22
KNOBS = Knobs(noise=4.0, blur=0.4, jpeg=70, two_boxes=0.4)
BY_HAND = (
    # Names in brackets are entities; a star says that the picture shows it.
    "[[Biscuit*]] meets [[Biscuit*]] in the mirror 😂 every single morning",
    "👩‍👩‍👧 day out at [[Kestrel Tower*]] with [[Emily Carrow*]] !!",
    "no picture today , just me missing [[Nora Whitfield]] and [[Calder Park]]",
    "nothing to report , carry on 🙃",
    "RT @dailyscene: [[Lakeside Comets*]] fly to [[Gull Point]] <b>tomorrow</b> & come back \"on Sunday\"",
    "old photo , turned on its side : [[Jack Turner*]] with [[Silver Dancer*]]",
)
WITHOUT_PICTURE, ON_ITS_SIDE, PNG_IN_DISGUISE = "s25", "s28", "s24"
_MARK = re.compile(r"\[\[(?P<name>[^\]*]+)(?P<shown>\*?)\]\]")


def main(folder: Path) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    made = [draw(SEED, "dev", number, KNOBS) for number in range(DRAWN)]
    made += [by_hand(marked, Random(f"{SEED} {marked}")) for marked in BY_HAND]
    gold = []
    for number, (post, file) in enumerate(made, 1):
        post.id, post.image, post.meta = f"s{number:02d}", f"s{number:02d}.jpg", {"dataset": "sample"}
        if post.id == WITHOUT_PICTURE:
            post.image = post.image_size = post.caption = None
        else:
            (folder / "images" / post.image).write_bytes(as_found(post.id, file))
        gold.append(post.to_builtins())
    write(folder / "gold.jsonl", gold)
    write(folder / "posts.jsonl", [{k: r[k] for k in ("id", "text", "image") if k in r} for r in gold])


def by_hand(marked: str, rng: Random) -> tuple[Post, bytes]:
    """A post from a marked text, and its picture; a being that is named twice is the same figure both
    times."""
    world = {b.name: b for b in beings()}
    shown = {m["name"]: world[m["name"]] for m in _MARK.finditer(marked) if m["shown"]}
    looks = [b.look for b in shown.values()]
    picture, figures, _ = compose([*looks, random_look(looks[0].kind if looks else "woman", rng)], KNOBS, rng)
    figure_of = dict(zip(shown, figures, strict=False))
    text, entities, at = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[at:mark.start()]
        being, figure = world[mark["name"]], figure_of.get(mark["name"])
        entities.append(
            Entity(start=len(text), end=len(text) + len(being.name), text=being.name, type=being.type,
                   fine_type=being.fine_type,
                   expansions=[Expansion(text=being.look.phrase(rng), source="world")],
                   boxes=[figure.box] if figure else [], masks=[encode(figure.mask)] if figure else []))
        text, at = text + being.name, mark.end()
    return Post(id="-", text=text + marked[at:], entities=entities,
                image_size=picture.size), spoil(picture, KNOBS, rng)


def as_found(identity: str, file: bytes) -> bytes:
    """The picture's file, but for two kinds that every loader of posts meets sooner or later:

    a photo that lies on its side and says so in its EXIF, and a PNG that is called .jpg.
    """
    sheet = io.BytesIO()
    picture = Image.open(io.BytesIO(file))
    if identity == ON_ITS_SIDE:
        exif = Image.Exif()
        exif[0x0112] = 6  # "rotate by 90 degrees clockwise to show"
        picture.transpose(Image.Transpose.ROTATE_90).save(sheet, "JPEG", quality=88, exif=exif)
    elif identity == PNG_IN_DISGUISE:
        picture.save(sheet, "PNG", optimize=True)
    return sheet.getvalue() or file


def write(path: Path, records: list[dict]) -> None:
    lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records]
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
