"""Counting as the script published with RiVEG does: by image, entity name and type.

Differences from the default way (``task_scores``): posts are joined by the image they
show, entities by their text wherever it stands, predictions take the first
gold entity that fits in file order, and an IoU equal to the threshold is right.
A prediction without a box is right only against a gold entity without one.

The script lets one gold entity be found by several predictions; here, as in
every other score of this tool, it counts once. ``reused`` in the report is how many more
GMNER predictions the script itself would call right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from gmner_cli.records import Box, Entity, Post
from gmner_cli.scoring.audit import Audit, all_boxes
from gmner_cli.scoring.counts import Settings, TypeCounts, row
from gmner_cli.scoring.judging import Held, Judgement
from gmner_cli.scoring.matching import Pairs
from gmner_cli.scoring.regions import ONE_NONE, agreement, box_iou

ROWS = {"span": (False, False), "MNER": (True, False), "EEG": (False, True), "GMNER": (True, True)}
"""Whether the type and the region must be right, besides the name."""


Place = tuple[str, int]
"""Where an entity stands: the id of its post, and its number in the post's list."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the script knows of an entity."""

    name: str
    type: str
    boxes: tuple[Box, ...]

    def agrees(self, gold: Named, iou: float, typed: bool, grounded: bool) -> bool:
        """Whether this prediction may count for ``gold``."""
        if self.name != gold.name or (typed and self.type != gold.type):
            return False
        if not grounded:
            return True
        overlap = agreement(self.boxes, gold.boxes, box_iou)
        return overlap != ONE_NONE and overlap >= iou


@dataclass(slots=True)
class Picture:
    """The gold posts that show one image, and all entities found or expected in it, in file order."""

    posts: list[str] = field(default_factory=list)
    size: tuple[int, int] | None = None
    predicted: list[Named] = field(default_factory=list)
    gold: list[Named] = field(default_factory=list)
    predicted_at: list[Place] = field(default_factory=list)
    gold_at: list[Place] = field(default_factory=list)


def image_key(post: Post) -> str:
    """The stem of the post's image (``a/17_06_1.jpg`` is ``17_06_1``), or its id when it has no image."""
    return PurePosixPath(post.image).stem if post.image else post.id


def greedy(picture: Picture, iou: float, typed: bool, grounded: bool,
           first: Sequence[tuple[int, int]] = ()) -> Pairs:
    """Pairs (gold, predicted): each prediction in order takes the first free gold entity that it agrees with.

    ``first``: pairs that are settled.
    """
    pairs = list(first)
    found, settled = {g for g, _ in pairs}, {p for _, p in pairs}
    free = [g for g in range(len(picture.gold)) if g not in found]
    for p, ours in enumerate(picture.predicted):
        at = None if p in settled else next(
            (g for g in free if ours.agrees(picture.gold[g], iou, typed, grounded)), None)
        if at is not None:
            free.remove(at)
            pairs.append((at, p))
    return pairs


def judge_picture(picture: Picture, iou: float) -> Judgement:
    """The judgement of a picture's entities, by their numbers in ``picture``.

    Held against each other are GMNER's pairs, then of the rest those of one type, then those of one name.
    """
    held: Pairs = []
    for name in ("GMNER", "MNER", "span"):
        held = greedy(picture, iou, *ROWS[name], first=held)

    def right(g: int, p: int, **more: bool) -> bool:
        return picture.predicted[p].agrees(picture.gold[g], iou, **more)

    return Judgement.of(
        [Held(g, p, type=right(g, p, typed=True, grounded=False), box=right(g, p, typed=False, grounded=True))
         for g, p in held], {name: greedy(picture, iou, *row) for name, row in ROWS.items()})


def score_by_text(predicted: Iterable[Post], gold: Iterable[Post],
                  settings: Settings | None = None) -> dict[str, Any]:
    """The report of ``task_scores.score`` with the rows that this way of counting knows; the others are None.

    Holds the names, types and boxes of all entities in memory, because posts of one
    image may stand anywhere. Changes nothing in the posts and raises what ``task_scores.score`` raises.
    """
    settings = settings or Settings()
    audit = Audit(settings)
    pictures = gather(predicted, gold, audit)
    audit.check()
    correct = dict.fromkeys(ROWS, 0)
    per_type = {"MNER": TypeCounts(), "GMNER": TypeCounts()}
    reused = 0
    for picture in pictures.values():
        for name, (typed, grounded) in ROWS.items():
            found = [picture.gold[g] for g, _ in greedy(picture, settings.iou, typed, grounded)]
            correct[name] += len(found)
            if name in per_type:
                per_type[name].add((e.type for e in picture.predicted), (e.type for e in picture.gold))
                per_type[name].correct.update(e.type for e in found)
        reused += sum(any(ours.agrees(theirs, settings.iou, True, True) for theirs in picture.gold)
                      for ours in picture.predicted)
    given = [name for name, (_, grounded) in ROWS.items() if audit.boxes_assessed or not grounded]
    missing_parts = ("sweep", "groundability", "grounding", "masks", "slices", "small_objects", "proposals")
    return {
        **audit.heading(), "match": "text", "iou": settings.iou,
        "rows": {name: row(audit.entities["PRED"], audit.entities["GOLD"], correct[name]) for name in given},
        "per_type": {name: counts.rows() for name, counts in per_type.items() if name in given},
        **dict.fromkeys(missing_parts),
        "reused": reused - correct["GMNER"] if audit.boxes_assessed else None,
        "warnings": audit.warnings(),
        "notes": [*audit.notes(), "--match text counts by image, name and type, as the script published with "
                                  "RiVEG; "
                  "the other measures need --match span"],
    }


def gather(predicted: Iterable[Post], gold: Iterable[Post], audit: Audit) -> dict[str, Picture]:
    """Entities by image. A predicted post is surplus when no gold post shows its image."""
    pictures: dict[str, Picture] = {}
    for post in gold:
        picture = pictures.setdefault(image_key(post), Picture())
        picture.posts.append(post.id)
        picture.size = picture.size or post.image_size
        entities = audit.add_gold(post)
        picture.gold += [_named(entity, post, audit.settings) for entity in entities]
        picture.gold_at += [(post.id, number) for number in range(len(entities))]
    seen = set()
    for post in predicted:
        key = image_key(post)
        if key not in pictures:
            audit.add_surplus(post.id)
            continue
        seen.add(key)
        picture = pictures[key]
        entities = audit.add_predicted(post)
        picture.predicted += [_named(entity, post, audit.settings) for entity in entities]
        picture.predicted_at += [(post.id, number) for number in range(len(entities))]
        if not post.set_aside:
            audit.pictures.add(post.id, all_boxes(post), post.image_size,
                               [b for e in picture.gold for b in e.boxes], picture.size)
    for key, picture in pictures.items():
        if key not in seen:
            for post_id in picture.posts:
                audit.add_missing(post_id)
    return pictures


def _named(entity: Entity, post: Post, settings: Settings) -> Named:
    name = entity.text if entity.text is not None else post.text[entity.start:entity.end]
    return Named(name, settings.renames.get(entity.type, entity.type), tuple(entity.boxes or ()))
