"""``gmner train-ner``: a tagger from posts with gold entities."""

from __future__ import annotations

from gmner_cli.commands.train_options import trains


@trains("ner")
def command() -> None:
    """Train a tagger: the `ner` section of a recipe, on the one loop that trains everything.

    The best epoch by the dev score is kept. Killed at any moment it goes on with
    --resume; MODEL_DIR appears (or changes) only when the model is whole. It holds
    model.safetensors, config.json, what the encoder needs, and run.json with the
    recipe, versions, data hashes and a row per epoch. A model that was there is kept
    in MODEL_DIR.before, the last one only, and both dev scores are said; a folder that
    holds anything else is not replaced. Posts without "entities" are left out, with a count.

    --resume refuses other values and names them; only the number of epochs may grow. A
    killed training then follows the learning rates of the larger number from there on;
    a finished one goes on from its best weights with a fresh optimiser.

    What the model could never be right about is said before training: types that stand
    in dev alone (with the --label-map that mends it), nested entities, spans inside words
    or in UTF-16 offsets. Where that is most of a file, or all of dev, nothing is trained.

    A recipe with LoRA trains the whole encoder by --set lora_rank=0 --set train_embeddings=true,
    which wants a lower rate (--set lr=2e-5). On GPUs that have it, it is trained in bfloat16.

    \b
    Examples:
      gmner train-ner train.jsonl --dev dev.jsonl -o tagger
      gmner train-ner train.jsonl --dev dev.jsonl -o tagger --set epochs=3 --set lr=1e-3
      gmner train-ner train.jsonl --dev dev.jsonl -o tagger --init mini
      gmner train-ner train.jsonl --dev dev.jsonl -o tagger --set encoder=FacebookAI/roberta-base
      gmner train-ner train.jsonl --dev dev.jsonl -o tagger --resume --set epochs=20
      gmner predict --texts test.jsonl --ner tagger | gmner score - test.jsonl
    """
