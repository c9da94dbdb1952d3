"""Visual entailment by a sequence-to-sequence model whose answer is constrained by a trie (the OFA role in
RiVEG)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from gmner_cli.entailment.entailer import Entailer, EntailerConfig
from gmner_cli.errors import UsageError
from gmner_cli.model import WeightSource
from gmner_cli.records import Entity, Post
from gmner_cli.vision.florence import SLOT, Florence, check_prompt

ANSWERS = ("yes", "no")


class FlorenceEntailerConfig(EntailerConfig, kw_only=True):
    checkpoint: str = "florence-community/Florence-2-large"
    """Hub id or folder of a Florence2ForConditionalGeneration."""
    prompt: str = 'Does the image show "{expression}"? yes or no?'
    caption: bool = False
    """Let the post's caption follow the prompt, where it has one."""
    text_length: int = 128
    """Sub-words that are read of prompt and caption."""


class FlorenceEntailer(Entailer):
    """Log-odds of the answer "yes" against "no".

    The trie of two answers forks once, and every other step is forced. So the probabilities of the answers
    under the trie are those of the two tokens at the fork; to train by them is RiVEG's (OFA's) loss over the
    words that the trie allows.

    Deviations from the paper: Florence-2 in OFA's place, and a question of our own (``prompt``); the paper
    names none.
    """

    Config = FlorenceEntailerConfig
    needs_training = False

    def __init__(self, config: FlorenceEntailerConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        check_prompt(config.prompt)
        self.florence = Florence(config.checkpoint, config.text_length, source)
        self.common, self.branches = fork([self.florence.tokenizer(answer, add_special_tokens=False).input_ids
                                           for answer in ANSWERS])

    def question(self, post: Post, entity: Entity) -> str:
        asked = self.config.prompt.replace(SLOT, super().question(post, entity))
        return f"{asked} {post.caption}" if self.config.caption and post.caption else asked

    def inputs(self, texts: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Any]:
        return self.florence.inputs(texts, images)

    def match(self, batch: dict[str, Any]) -> Tensor:
        states, mask = self.florence.read(batch)
        out, _ = self.florence.decode(self.florence.begin(len(states), *self.common), states, mask)
        yes, no = self.florence.score(out[:, -1], torch.tensor(self.branches, device=out.device)).unbind(-1)
        return yes - no

    def save_extras(self, folder: Path) -> None:
        self.florence.save(folder)


def fork(answers: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """What all the answers begin with, and the token of each with which they part.

    Raises UsageError when one is the beginning of the other, so that no token parts them.
    """
    at = 0
    while all(at < len(answer) for answer in answers) and len({answer[at] for answer in answers}) == 1:
        at += 1
    if any(at >= len(answer) for answer in answers):
        raise UsageError("the answers cannot be told apart by this tokenizer")
    return list(answers[0][:at]), [answer[at] for answer in answers]
