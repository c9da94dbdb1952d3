"""The report of a prediction: every score of the tasks, counted in one pass over the posts.

The report is a plain dict that goes out as JSON. Its keys are stable; a part
that cannot be given is None, and ``notes`` says why. Ratios are percent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from gmner_cli.errors import RecordError
from gmner_cli.records import Entity, Post
from gmner_cli.scoring.audit import Audit
from gmner_cli.scoring.counts import Settings, TypeCounts, row
from gmner_cli.scoring.joining import join
from gmner_cli.scoring.matching import TASKS, Pairs, SpanGroup, right_pairs, span_groups
from gmner_cli.scoring.slices import Slices
from gmner_cli.scoring.visual_measures import SmallObjects, TopProposals, Visibility

SWEEP = tuple(step / 10 for step in range(3, 10))
"""IoU thresholds of RiVEG's Fig. 9."""


def score(predicted: Iterable[Post], gold: Iterable[Post],
          settings: Settings | None = None) -> dict[str, Any]:
    """Compare posts by id and entities by span; returns the report.

    Both streams are read once, in lock step, and nothing in them is changed. The
    result does not depend on the order of posts or of entities, apart from
    equally good pairs of several entities of one span in ``groundability``,
    ``grounding``, ``masks``, ``small_objects`` and ``slices``.

    Raises
    ------
    GmnerError: PRED has an id that GOLD has not (unless ``ignore_extra``), or GOLD is empty.
    RecordError: a record that cannot be read, a gold post with an error, a broken or ill-fitting mask,
        a slice without a name.
    """
    scorer = Scorer(settings or Settings())
    for ours, theirs in join(predicted, gold):
        if theirs is not None:
            scorer.add(ours, theirs)
        elif ours is not None:
            scorer.audit.add_surplus(ours.id)
    return scorer.report()


class Scorer:
    """Accumulates pairs of posts; memory does not grow with their number."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.audit = Audit(settings)
        self.correct: Counter[str] = Counter()
        self.swept: Counter[tuple[str, float]] = Counter()
        self.per_type = {name: TypeCounts() for name in ("MNER", "GMNER", "MNER-fine", "GMNER-fine")}
        self.visibility = Visibility(settings.iou)
        self.slices = Slices(settings.iou)
        self.small = SmallObjects(settings.small)
        self.top = TopProposals()

    def add(self, predicted: Post | None, gold: Post) -> None:
        """Count one gold post and its prediction (None: missing)."""
        theirs = self.audit.add_gold(gold)
        ours: list[Entity] = []
        if predicted is None:
            self.audit.add_missing(gold.id)
        else:
            ours = self.audit.add_predicted(predicted)
            self.audit.compare_posts(predicted, gold)
        try:
            groups = span_groups(theirs, ours, self.settings.renames)
            matches = right_pairs(groups, self.settings.iou)
            self.slices.add(theirs, groups, matches)
        except RecordError as problem:
            raise RecordError(problem.message, where=f"post {gold.id}", hint=problem.hint) from None
        for name, of_groups in matches.items():
            self.correct[name] += sum(map(len, of_groups))
        for name, counts in self.per_type.items():
            counts.add(self._labels(ours, name), self._labels(theirs, name))
            for group, pairs in zip(groups, matches[name], strict=True):
                counts.correct.update(self._labels([group.gold[g] for g, _ in pairs], name))
        self._sweep(groups)
        self.visibility.add(theirs, groups)
        self.small.add(gold, predicted, ours, groups, {name: matches[name] for name in ("EEG", "GMNER")})
        self.top.add(gold, predicted)

    def report(self) -> dict[str, Any]:
        """All rows. Raises GmnerError when the files do not fit each other."""
        audit = self.audit
        audit.check()
        boxes, masks, given = audit.boxes_assessed, audit.masks_assessed, audit.rows()
        swept = [name for name in ("GMNER", "SMNER") if given[name]]
        small = self.small.report() if boxes else None
        notes = audit.notes()
        left_out = self.small.reason()
        if boxes and left_out:
            notes.append(left_out)
        return {
            **audit.heading(),
            "match": "span",
            "iou": self.settings.iou,
            "rows": {name: self._row(self.correct[name]) for name in TASKS if given[name]},
            "per_type": {name: counts.rows() for name, counts in self.per_type.items() if given[name]},
            "sweep": {
                name: {f"{iou:.1f}": self._row(self.swept[name, iou]) for iou in SWEEP} for name in swept
            } or None,
            "groundability": self.visibility.groundability() if boxes else None,
            "grounding": self.visibility.grounding() if boxes else None,
            "masks": self.visibility.masks() if masks else None,
            "slices": self.slices.report([name for name in TASKS if given[name]], boxes, masks),
            "small_objects": small,
            "proposals": self.top.report(),
            "warnings": audit.warnings(),
            "notes": notes,
        }

    def _sweep(self, groups: list[SpanGroup]) -> None:
        for group in groups:
            for name in ("GMNER", "SMNER"):
                for iou in SWEEP:
                    right: Pairs = group.matches(TASKS[name], iou)
                    if not right:
                        break  # what is wrong at a threshold is wrong above it
                    self.swept[name, iou] += len(right)

    def _labels(self, entities: Iterable[Entity], task: str) -> list[str]:
        if TASKS[task].label == "fine_type":
            return [entity.fine_type for entity in entities if entity.fine_type is not None]
        return [self.settings.renames.get(entity.type, entity.type) for entity in entities]

    def _row(self, correct: int) -> dict[str, Any]:
        return row(self.audit.entities["PRED"], self.audit.entities["GOLD"], correct)
