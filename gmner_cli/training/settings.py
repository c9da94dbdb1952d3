"""What a recipe's ``train`` section may hold."""

from __future__ import annotations

from typing import Any

import msgspec

from gmner_cli.errors import UsageError, did_you_mean, shown

TIES = ("first", "loss")


class TrainSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The same for every model; the recipe gives the values."""

    epochs: int = 10
    batch_size: int = 16
    """Examples per optimiser step on the device; ``accumulate`` multiplies it."""
    accumulate: int = 1
    lr: float = 5e-5
    """Peak rate of the pretrained part."""
    head_lr: float | None = None
    """Peak rate of what starts from scratch (tag scores, CRF); the model decides what that is. None:
    ``lr``."""
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Share of all steps in which the rate rises from 0; then it falls linearly to 0."""
    clip: float = 1.0
    """Largest gradient norm; 0 does not clip."""
    patience: int = 0
    """Stop after this many epochs without a better dev score; 0 trains all epochs."""
    metric: str | None = None
    """What picks the best epoch; None is the model's own choice. An entry of its ``evaluate``, of which more
    is better; or ``dev_loss``, its loss on the dev posts, of which less is; or ``dev_NAME``, the mean on them
    of a figure NAME that its ``loss`` gives to be watched, of which less is better where NAME ends in
    "loss"."""
    ties: str = "first"
    """Of epochs with the same score the best is the "first", or that of the lower dev "loss"."""
    precision: str = "auto"
    """auto, float32 or bfloat16 (autocast)."""


def parse_train(settings: dict[str, Any], where: str) -> TrainSettings:
    """A recipe's ``train`` section. Raises UsageError with "did you mean"."""
    fields = TrainSettings.__struct_fields__
    for key in settings:
        if key not in fields:
            raise UsageError(f"unknown training setting {key!r}", where=where, hint=did_you_mean(key, fields))
    try:
        parsed = msgspec.convert(settings, TrainSettings)
    except msgspec.ValidationError as problem:
        raise UsageError(str(problem).replace("`", ""), where=where) from None
    if min(parsed.epochs, parsed.batch_size, parsed.accumulate) < 1 or parsed.lr <= 0:
        raise UsageError("epochs, batch_size, accumulate and lr must be positive", where=where)
    if parsed.ties not in TIES:
        raise UsageError(f"unknown ties {shown(parsed.ties)!r}", where=where, hint=" or ".join(TIES))
    return parsed
