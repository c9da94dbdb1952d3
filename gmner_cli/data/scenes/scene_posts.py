"""Posts of the scenes world: who is named, who is shown, and what is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from PIL import Image

from gmner_cli.data.scenes import sentences
from gmner_cli.data.scenes.drawing.looks import Look
from gmner_cli.data.scenes.knobs import Knobs
from gmner_cli.data.scenes.picture import Figure, compose
from gmner_cli.data.scenes.world import Being, beings, random_kind, random_look
from gmner_cli.data.scenes.world_knowledge import expansion
from gmner_cli.pictures.masks import encode
from gmner_cli.records import Entity, Expansion, Post

SMALL = 1 / 50
"""Share of the picture's area under which an object is small (GEM, section 4.3)."""

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass
class Mention:
    """A being that a text names, and from which character to which."""

    being: Being
    start: int
    end: int


def make(number: int, split: str, knobs: Knobs, rng: Random) -> tuple[Post, Image.Image]:
    """Post ``number`` of a split with its exact gold, and its picture (RGB, without effects)."""
    text, mentions = _write(split, knobs, rng)
    named = {m.being for m in mentions}
    shown = [m.being for m in mentions if m.being.shared]
    if shown or rng.random() >= _unrelated(knobs):
        shown += _shown([m.being for m in mentions if not m.being.shared], knobs, rng, bool(shown))
    looks: list[Look] = [b.look for b in shown]
    twice = [b for b in shown if b.group != "person" and rng.random() < knobs.two_boxes]
    looks += [b.look for b in twice]
    for being in shown or [rng.choice(mentions).being]:
        if rng.random() < knobs.rivals:
            looks.append(_rival(being, named, split, rng))
    for _ in range(rng.randint(0 if looks else 1, max(1, knobs.distractors))):
        looks.append(_stranger(random_kind(rng), named, split, rng))
    picture, figures, backdrop = compose(looks, knobs, rng)
    of_being: dict[Being, list[Figure]] = {b: [] for b in named}
    for being, figure in zip([*shown, *twice], figures, strict=False):
        if figure is not None:
            of_being[being].append(figure)
    entities = [_entity(m, of_being[m.being], figures, text, knobs, rng) for m in mentions]
    seen = [f for f in figures if f is not None]
    post = Post(id=f"{split}-{number:06d}", text=text, tokens=text.split(), image=f"{split}-{number:06d}.jpg",
                image_size=picture.size, caption=caption(seen, backdrop, rng), entities=entities,
                meta={"dataset": "scenes", "split": split})
    _set_tokens(post)
    return post, picture


def make_captioned(number: int, knobs: Knobs, rng: Random) -> tuple[Post, Image.Image]:
    """A picture with a caption for its text: no names, no boxes, no types. What image-text models are
    pre-trained on.

    Looks are drawn at random, so about one picture in 200 shows a figure that looks like a held-out being.
    """
    looks = [random_look(random_kind(rng), rng) for _ in range(rng.randint(1, 1 + knobs.distractors))]
    if rng.random() < knobs.rivals:
        looks.append(random_look(looks[0].kind, rng))
    picture, figures, backdrop = compose(looks, knobs, rng)
    seen = [f for f in figures if f is not None]
    post = Post(id=f"caption-{number:06d}", text=caption(seen, backdrop,
                                                         rng), image=f"caption-{number:06d}.jpg",
                image_size=picture.size, meta={"dataset": "scenes", "split": "captions"})
    post.extra["captions"] = [f.look.phrase(rng) for f in seen]
    return post, picture


def caption(figures: Sequence[Figure], backdrop: str, rng: Random) -> str:
    """What the picture shows, in words: its figures from left to right, and the place."""
    if not figures:
        return f"a {backdrop}"
    phrases = [f.look.phrase(rng) for f in sorted(figures, key=lambda f: f.box[0])]
    return f"{', '.join(phrases[:-1])}{' and ' if phrases[1:] else ''}{phrases[-1]}, in a {backdrop}"


def _write(split: str, knobs: Knobs, rng: Random) -> tuple[str, list[Mention]]:
    """A text of one or two sentences and the names in it, no being twice."""
    parts: list[str] = [rng.choice(sentences.OPENERS)]
    mentions: list[Mention] = []
    used: set[str] = set()
    kinds = [sentences.NEUTRAL if rng.random() < knobs.shared_names else sentences.SENTENCES]
    if rng.random() < 0.42:
        kinds.append(sentences.SENTENCES)
    for number, pool in enumerate(kinds):
        if number:
            parts.append(rng.choice(sentences.JOINTS))
        for piece, slot in _pieces(rng.choice(pool)):
            if slot:
                being = _choose(slot, split, knobs, used, rng)
                used.add(being.name)
                start = sum(map(len, parts))
                mentions.append(Mention(being, start, start + len(being.name)))
                piece = being.name
            parts.append(piece)
    parts.append(rng.choice(sentences.CLOSERS))
    return "".join(parts).rstrip(), mentions


def _pieces(sentence: str) -> list[tuple[str, str]]:
    """The sentence as (words, "") and ("", slot)."""
    cut = _SLOT.split(sentence)
    return [("", part) if number % 2 else (part, "") for number, part in enumerate(cut) if part or number % 2]


@cache
def _pool(slot: str, held_out: bool) -> tuple[Being, ...]:
    return tuple(b for b in beings() if b.held_out == held_out
                 and (b.shared if slot == "any" else b.group == slot and not b.shared))


def _choose(slot: str, split: str, knobs: Knobs, used: set[str], rng: Random) -> Being:
    held_out = slot != "any" and split == "test" and rng.random() < knobs.held_out
    fresh = [b for b in _pool(slot, held_out) if b.name not in used]
    return rng.choice(fresh or [b for b in _pool(slot, False) if b.name not in used])


def _shown(candidates: Sequence[Being], knobs: Knobs, rng: Random, any_shown: bool) -> list[Being]:
    """Who of the candidates the related picture shows; at least one, unless ``any_shown`` already is."""
    if not candidates:
        return []
    chance = _chance(knobs)
    while True:
        shown = [b for b in candidates if rng.random() < chance]
        if shown or any_shown:
            return shown


_SHARE_BY_COUNT = ((1, 0.25), (2, 0.37), (3, 0.25), (4, 0.11), (5, 0.02))
"""How many entities posts have, counted on 3000 of them."""
_BESIDE_SHARED = 0.8
"""How many entities stand beside a shared name, on average."""


def _unrelated(knobs: Knobs) -> float:
    """The chance that a post's picture shows none of its entities; a shared name is always shown."""
    return min(1.0, knobs.unrelated / max(1e-6, 1 - knobs.shared_names))


@cache
def _chance(knobs: Knobs) -> float:
    """The chance of one entity of a related picture that makes ``knobs.visible`` of all entities visible.

    A related picture shows at least one, so the chance is found by bisection.
    """
    total = sum(n * share for n, share in _SHARE_BY_COUNT)
    low, high = 1e-6, 1.0
    for _ in range(40):
        chance = (low + high) / 2
        shown = sum(share * n * chance / (1 - (1 - chance) ** n) for n, share in _SHARE_BY_COUNT)
        with_shared = knobs.shared_names * (1 + _BESIDE_SHARED * chance)
        if (1 - knobs.shared_names) * (1 - _unrelated(knobs)) * shown + with_shared < knobs.visible * total:
            low = chance
        else:
            high = chance
    return high


def _rival(being: Being, named: set[Being], split: str, rng: Random) -> Look:
    """Another figure of the being's kind (for people: of either kind)."""
    kind = rng.choice(("woman", "man")) if being.group == "person" and rng.random() < 0.3 else being.look.kind
    return _stranger(kind, named, split, rng)


def _stranger(kind: str, named: set[Being], split: str, rng: Random) -> Look:
    """A look of the kind that no named being has: another being's, or nobody's."""
    taken = {b.look for b in named}
    others = [b.look for b in beings() if b.look.kind == kind and b.look not in taken
              and (split == "test" or not b.held_out)]
    while True:
        look = rng.choice(others) if others and rng.random() < 0.4 else random_look(kind, rng)
        if look not in taken:
            return look


def _entity(mention: Mention, own: Sequence[Figure], figures: Sequence[Figure | None], text: str,
            knobs: Knobs, rng: Random) -> Entity:
    being = mention.being
    own = sorted(own, key=lambda f: -f.mask.sum())
    rivals = [f for f in figures if f is not None and f.look != being.look and f.look.kind == being.look.kind]
    slices = ["shared-name" if being.shared else "held-out" if being.held_out else "seen"]
    if own and rivals:
        slices.append("same-class")
    if own and (own[0].box[2] - own[0].box[0]) * (own[0].box[3] - own[0].box[1]) < SMALL * knobs.size**2:
        slices.append("small")
    explained = not (knobs.unexplained and rng.random() < knobs.unexplained)
    return Entity(start=mention.start, end=mention.end, text=text[mention.start:mention.end], type=being.type,
                  fine_type=being.fine_type, boxes=[f.box for f in own], masks=[encode(f.mask) for f in own],
                  expansions=[Expansion(text=expansion(being, knobs.knowledge, rng), source="world")
                              for _ in range(knobs.wordings)] if explained else None,
                  slices=slices)


def _set_tokens(post: Post) -> None:
    """``token_start`` and ``token_end`` of every entity; names are whole tokens by the way texts are
    written."""
    offsets = post.offsets()
    first, last = {s: n for n, (s, _) in enumerate(offsets)}, {e: n + 1 for n, (_, e) in enumerate(offsets)}
    for entity in post.entities or []:
        entity.token_start, entity.token_end = first[entity.start], last[entity.end]
