"""What was compared with what: posts missing or failed, types that cannot match, regions never assessed.

Without this a score says little, so every way of counting keeps an audit and prints what it found.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from gmner_cli.errors import GmnerError, RecordError
from gmner_cli.records import ABSTAINED, Box, Entity, Post
from gmner_cli.scoring.counts import Settings
from gmner_cli.scoring.picture_sizes import PictureSizes


class Audit:
    """Counts over all posts, filled by the ``add_`` methods and read by ``heading``, ``warnings`` and
    ``notes``."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.posts = 0
        self.missing: list[str] = []
        self.extra: list[str] = []
        self.failed = 0
        self.abstained = 0
        self.other_text: list[str] = []
        self.pictures = PictureSizes()
        self.types: dict[str, Counter[str]] = {"PRED": Counter(), "GOLD": Counter()}
        self.entities: Counter[str] = Counter()
        self.without_boxes: Counter[str] = Counter()
        self.with_masks: Counter[str] = Counter()
        self.without_masks: Counter[str] = Counter()
        self.with_fine: Counter[str] = Counter()
        self._gold_parents: defaultdict[str, set[str]] = defaultdict(set)
        self._predicted_parents: Counter[tuple[str, str]] = Counter()

    def add_gold(self, post: Post) -> list[Entity]:
        """Count a gold post and return its entities. Raises RecordError when it carries an error."""
        if post.error is not None:
            raise RecordError(f"the gold post carries an error: {post.error}", where=post.id,
                              hint="mend or remove it; a failed record cannot be gold")
        self.posts += 1
        entities = post.entities or []
        self.count("GOLD", entities)
        for entity in entities:
            if entity.fine_type is not None:
                self._gold_parents[entity.fine_type].add(self._read(entity.type))
        return entities

    def add_predicted(self, post: Post) -> list[Entity]:
        """Count a predicted post and return its entities: none when it failed, or was skipped and so holds
        what came in."""
        if post.set_aside:
            self.failed += 1
            return []
        entities = post.entities or []
        self.abstained += post.grounding == ABSTAINED
        self.count("PRED", entities)
        self._predicted_parents.update(
            (e.fine_type, self._read(e.type)) for e in entities if e.fine_type is not None)
        return entities

    def compare_posts(self, predicted: Post, gold: Post) -> None:
        """Note a pair of posts whose spans count in different texts, or whose boxes in different pictures."""
        if predicted.set_aside:
            return
        if predicted.text != gold.text:
            self.other_text.append(gold.id)
        self.pictures.add(gold.id, all_boxes(predicted), predicted.image_size, all_boxes(gold),
                          gold.image_size)

    def add_missing(self, post_id: str) -> None:
        """Note a gold post that PRED has not."""
        self.missing.append(post_id)

    def add_surplus(self, post_id: str) -> None:
        """Note a predicted post that GOLD has not; its entities do not count."""
        self.extra.append(post_id)

    def check(self) -> None:
        """Raise GmnerError when the two files cannot be files of the same posts."""
        if self.extra and not self.settings.ignore_extra:
            raise GmnerError(f"{len(self.extra)} post(s) of PRED are not in GOLD; the first is id "
                             f"{self.extra[0]!r}",
                             hint="is this the gold file of the same split? If so, leave them out with "
                                  "--ignore-extra")
        if not self.posts:
            raise GmnerError("GOLD holds no posts, so there is nothing to score")

    @property
    def boxes_assessed(self) -> bool:
        return all(self.without_boxes[side] < self.entities[side] for side in ("PRED", "GOLD"))

    @property
    def masks_assessed(self) -> bool:
        return self.boxes_assessed and all(self.with_masks[side] for side in ("PRED", "GOLD"))

    @property
    def fine_types(self) -> bool:
        return all(self.with_fine[side] for side in ("PRED", "GOLD"))

    def rows(self) -> dict[str, bool]:
        """Of every task (``matching.TASKS``) whether both sides hold what its row needs."""
        boxes, masks, fine = self.boxes_assessed, self.masks_assessed, self.fine_types
        return {"span": True, "MNER": True, "EEG": boxes, "GMNER": boxes, "EES": masks, "SMNER": masks,
                "MNER-fine": fine, "GMNER-fine": fine and boxes}

    def heading(self) -> dict[str, Any]:
        """The counts that open a report."""
        return {
            "posts": self.posts, "missing": len(self.missing), "failed": self.failed,
            "ignored": len(self.extra), "abstained": self.abstained,
            "not_assessed": {"predicted": self.without_boxes["PRED"], "gold": self.without_boxes["GOLD"]}
        }

    def warnings(self) -> list[str]:
        """What probably is a mistake of the user's, with the next step."""
        found = []
        if self.missing:
            found.append(f"{len(self.missing)} of {self.posts} gold posts are not in PRED (first: "
                         f"{self.missing[0]}); "
                         "their entities count as not found")
        if self.other_text:
            found.append(f"{len(self.other_text)} post(s) have another text in PRED than in GOLD "
                         f"(first: {self.other_text[0]}), so their spans may not mean the same characters")
        found += self.pictures.warnings()
        for old in self.settings.renames:
            if not any(types[old] for types in self.types.values()):
                found.append(renames_nothing(old, self.settings.renames[old]))
        return found + self._unknown_types()

    def notes(self) -> list[str]:
        """What a reader of the numbers has to know."""
        found = []
        if self.failed:
            found.append(f"{self.failed} predicted post(s) carry an error and count as having no entities")
        if self.extra:
            found.append(f"{len(self.extra)} predicted post(s) are not in GOLD and are left out")
        if self.abstained:
            found.append(f"PRED abstained from grounding in {self.abstained} of {self.posts} posts, "
                         "so the entities of these have no boxes assessed")
        if not self.boxes_assessed:
            side = "PRED" if self.without_boxes["PRED"] == self.entities["PRED"] else "GOLD"
            found.append(f"no entity of {side} has boxes assessed, so only span and MNER rows are given")
            return found + self._fine_notes()
        for side in ("PRED", "GOLD"):
            if self.without_boxes[side]:
                found.append(f"{self.without_boxes[side]} of {self.entities[side]} entities of {side} "
                             "have no boxes assessed and count as not visible")
        if self.with_masks["GOLD"] and not self.masks_assessed:
            found.append("GOLD has masks but PRED has none, so EES and SMNER are not given; run `gmner "
                         "segment` on PRED")
        if self.masks_assessed:
            for side in ("PRED", "GOLD"):
                if self.without_masks[side]:
                    found.append(f"{self.without_masks[side]} entities of {side} have boxes but no masks "
                                 "and count as not visible in EES and SMNER")
        return found + self._fine_notes()

    def count(self, side: str, entities: Sequence[Entity]) -> None:
        """Count entities of ``side``, "PRED" or "GOLD"."""
        self.entities[side] += len(entities)
        for entity in entities:
            self.types[side][entity.type] += 1
            self.without_boxes[side] += entity.boxes is None
            # `"masks": []` beside `"boxes": []` shows that a segmenter ran, even where nothing is visible.
            self.with_masks[side] += entity.masks is not None
            self.without_masks[side] += bool(entity.boxes) and not entity.masks
            self.with_fine[side] += entity.fine_type is not None

    def _fine_notes(self) -> list[str]:
        if self.with_fine["GOLD"] and not self.with_fine["PRED"]:
            return ["GOLD has fine types but PRED has none, so fine rows are not given"]
        strays = sum(count for (fine, coarse), count in self._predicted_parents.items()
                     if fine in self._gold_parents and coarse not in self._gold_parents[fine])
        return [f"{strays} predicted entities report a coarse type that is not the parent, "
                "in GOLD, of their fine type"] if strays else []

    def _unknown_types(self) -> list[str]:
        gold = {self._read(name) for name in self.types["GOLD"]}
        if not gold:
            return []
        predicted = {self._read(name) for name in self.types["PRED"]}
        free = sorted(gold - predicted)
        found = []
        for name in sorted(predicted - gold):
            close = {g.casefold(): g for g in sorted(gold)}
            near = difflib.get_close_matches(name.casefold(), close, n=1, cutoff=0.6)
            new = close[near[0]] if near else free[0] if len(free) == 1 else "NEW"
            found.append(f"PRED has the type {name}, which GOLD never has ({', '.join(sorted(gold))}); "
                         f"if it is only another name, use --label-map {name}={new}")
        return found

    def _read(self, name: str) -> str:
        return self.settings.renames.get(name, name)


def renames_nothing(old: str, new: str) -> str:
    """The warning about a ``--label-map`` for a type that no entity has."""
    return f"--label-map {old}={new} renames nothing: no entity has the type {old}"


def all_boxes(post: Post) -> list[Box]:
    """Every box of every entity of a post."""
    return [box for entity in post.entities or [] for box in entity.boxes or []]
