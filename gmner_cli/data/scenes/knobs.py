"""The settings of a scenes data set. The defaults give the shares that the papers report of real tweets."""

from __future__ import annotations

from typing import Any

import msgspec

from gmner_cli.errors import UsageError, did_you_mean


class Knobs(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a data set of scenes is like; shares are between 0 and 1."""

    visible: float = 0.40
    """Share of the entities that the picture shows (RiVEG: 60% are not visible)."""
    unrelated: float = 0.34
    """Share of the posts whose picture shows none of their entities."""
    shared_names: float = 0.15
    """Share of the posts with a name that two things of different types have, so that only the picture
    tells."""
    held_out: float = 0.30
    """Share of held-out names among the entities of test posts; train and dev posts have none."""
    rivals: float = 0.55
    """Chance that a shown entity has another figure of its kind beside it, and that an unrelated picture
    shows a figure of an entity's kind."""
    distractors: int = 2
    """At most this many further figures, of any kind."""
    two_boxes: float = 0.06
    """Chance that a shown thing is there twice."""
    small_logos: float = 0.75
    """Share of the logos that are under 1/50 of the picture's area."""
    noise: float = 7.0
    """Largest standard deviation of the pixel noise, in grey levels of 255."""
    blur: float = 0.8
    """Largest radius of the blur, in pixels."""
    jpeg: int = 45
    """Lowest JPEG quality."""
    size: int = 256
    """Sides of the pictures, in pixels."""
    wordings: int = 1
    """How many expansions an entity gets, each in other words (RiVEG trains on five)."""
    unexplained: float = 0.0
    """Share of the entities that get no expansion, so that only the name says what to look for."""
    knowledge: str = "right"
    """What the world's knowledge says: right, vague (the kind alone) or wrong (about another of the kind)."""


def parse(settings: dict[str, Any]) -> Knobs:
    """Raises UsageError for an unknown name ("did you mean") or a value out of range."""
    for key in settings:
        if key not in Knobs.__struct_fields__:
            raise UsageError(f"scenes have no setting {key!r}",
                             hint=did_you_mean(key, Knobs.__struct_fields__))
    try:
        knobs = msgspec.convert(settings, Knobs)
    except msgspec.ValidationError as problem:
        raise UsageError(str(problem).replace("`", "")) from None
    for name in ("visible", "unrelated", "shared_names", "held_out", "rivals", "two_boxes", "small_logos",
                 "unexplained"):
        if not 0 <= getattr(knobs, name) <= 1:
            raise UsageError(f"{name} is a share between 0 and 1, not {getattr(knobs, name)}")
    if not 1 <= knobs.wordings <= 10:
        raise UsageError("wordings must be 1 to 10")
    if not 0 <= knobs.distractors <= 8 or not 64 <= knobs.size <= 2048 or not 5 <= knobs.jpeg <= 95:
        raise UsageError("distractors must be 0 to 8, size 64 to 2048, jpeg 5 to 95")
    if min(knobs.noise, knobs.blur) < 0 or max(knobs.noise, 8 * knobs.blur) > 64:
        raise UsageError("noise must be 0 to 64, blur 0 to 8")
    if knobs.knowledge not in ("right", "vague", "wrong"):
        raise UsageError(f"knowledge is right, vague or wrong, not {knobs.knowledge!r}")
    if knobs.visible > 1 - knobs.unrelated:
        raise UsageError("visible cannot be above 1 - unrelated: entities of unrelated pictures are not "
                         "visible")
    return knobs
