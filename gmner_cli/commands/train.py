"""``gmner train``: the model of any section of a recipe."""

from __future__ import annotations

from gmner_cli.commands.train_options import trains


@trains()
def command() -> None:
    """Train a model: any section of a recipe that has `train` values, on the one loop that trains everything.

    `gmner train ner` is `gmner train-ner`, and so are ve and vg; a recipe of your own may
    name its sections otherwise. What is said of train-ner holds for all. Give the model to
    predict with --weights SECTION=MODEL_DIR.

    \b
    Examples:
      gmner train ner train.jsonl --dev dev.jsonl -o tagger
      gmner train vg train.jsonl --dev dev.jsonl --images photos/ --recipe zero-shot -o grounder
      gmner train ner train.jsonl --dev dev.jsonl -o tagger --resume --set epochs=20
      gmner predict --texts test.jsonl --weights ner=tagger | gmner score - test.jsonl
    """
