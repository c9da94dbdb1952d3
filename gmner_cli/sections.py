"""The known sections of recipes: what a user calls each, and how it is trained and given.

A recipe may have sections of any name, which `gmner train NAME` trains and `--weights NAME=DIR` gives. Those
below are what users meet; some have a command and an option of their own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A section that users meet.

    ``words``: what its model is called in a sentence. ``own``: whether there are a command ``train-NAME`` and
    an option ``--NAME`` for it. ``tags``: whether its model must find entities (True) or look for those that
    are there (False); None where the name does not say.
    """

    words: str
    own: bool = False
    tags: bool | None = None


TAGGER = "ner"
"""The section whose model finds entities in a text; others start from what it finds."""

KNOWN = {
    TAGGER: Known("the tagger", own=True, tags=True),
    "ve": Known("visual entailment", own=True, tags=False),
    "vg": Known("visual grounding", own=True, tags=False),
    "joint": Known("the joint model"),
    "rerank": Known("the re-ranking model"),
}
"""By name, in the order of the cascade."""

OWN = tuple(name for name, known in KNOWN.items() if known.own)
"""Sections with a command and an option of their own."""

_TRAIN = "train-"


def words(name: str) -> str:
    """What the model of a section is called in a sentence, as in "the tagger"."""
    return KNOWN[name].words if name in KNOWN else f"stage {name}"


def tags(name: str) -> bool | None:
    """Whether a section is for models that find entities; None where its name does not say."""
    return KNOWN[name].tags if name in KNOWN else None


def training(name: str) -> str:
    """The command that trains a section, as a user types it."""
    return f"gmner {_TRAIN}{name}" if name in OWN else f"gmner train {name}"


def giving(name: str) -> str:
    """The option of ``predict`` that gives a trained model for a section, as a user types it."""
    return f"--{name} DIR" if name in OWN else f"--weights {name}=DIR"


def run_name(name: str) -> str:
    """What run.json calls the training of a section, whichever command began it."""
    return f"{_TRAIN}{name}"


def of_run(command: str) -> str:
    """The section that a run.json is about; inverse of ``run_name``."""
    return command.removeprefix(_TRAIN)
