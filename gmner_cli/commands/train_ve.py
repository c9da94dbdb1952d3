"""``gmner train-ve``: visual entailment from posts with gold entities and their boxes."""

from __future__ import annotations

from gmner_cli.commands.train_options import trains


@trains("ve")
def command() -> None:
    """Train visual entailment: the `ve` section of a recipe, which says whether the picture shows an entity.

    It learns from gold entities that were assessed: "boxes": [] means not visible.
    They are asked for in the recipe's expressions; an entity with several expansions
    gives as many samples. The best epoch by dev accuracy is kept, with a calibration
    of its probabilities and a threshold that are chosen on dev too (--set
    ve.settings.threshold=P for `predict` overrides it). Otherwise as train-ner.

    \b
    Examples:
      gmner train-ve scenes/train.jsonl --dev scenes/dev.jsonl --init grounder -o entailer
      gmner train-ve train.jsonl --dev dev.jsonl --images photos/ --recipe zero-shot -o entailer
      gmner train-ve train.jsonl --dev dev.jsonl --images photos/ --recipe riveg --set epochs=2 -o entailer
      gmner predict --texts test.jsonl --images photos/ --recipe zero-shot --ve entailer -o found.jsonl
    """
