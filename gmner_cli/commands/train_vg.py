"""``gmner train-vg``: visual grounding from posts with gold entities and their boxes."""

from __future__ import annotations

from gmner_cli.commands.train_options import trains


@trains("vg")
def command() -> None:
    """Train visual grounding: the `vg` section of a recipe, which says where in the picture an entity is.

    It learns from gold entities with boxes, each with its largest one. They are asked
    for in the recipe's expressions; an entity with several expansions gives as many
    samples. The best epoch by Prec@0.5 over the visible dev entities is kept.
    Otherwise as train-ner.

    \b
    Examples:
      gmner train-vg scenes/train.jsonl --dev scenes/dev.jsonl -o grounder
      gmner train-vg train.jsonl --dev dev.jsonl --images photos/ --recipe zero-shot -o grounder
      gmner train-vg train.jsonl --dev dev.jsonl --images photos/ --recipe riveg --set epochs=2 -o grounder
      gmner predict --texts test.jsonl --images photos/ --recipe zero-shot --vg grounder -o found.jsonl
    """
