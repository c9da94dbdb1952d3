"""Visual grounding by location tokens (Florence-2, Xiao et al. 2024; the OFA role in RiVEG)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gmner_cli.errors import ModelError
from gmner_cli.grounding.grounder import Grounder, GrounderConfig
from gmner_cli.model import Example, WeightSource
from gmner_cli.vision.florence import SLOT, Florence, check_prompt

BINS = 1000
"""Location tokens per axis: <loc_0> ... <loc_999>."""


class FlorenceGrounderConfig(GrounderConfig, kw_only=True):
    checkpoint: str = "florence-community/Florence-2-large"
    """Hub id or folder of a Florence2ForConditionalGeneration."""
    prompt: str = "Locate {expression} in the image."
    text_length: int = 64
    """Sub-words of the prompt that are read."""


class FlorenceGrounder(Grounder):
    """A box is exactly four location tokens: x1, y1, x2, y2, in shares of the picture, a thousand to an axis.

    Decoded greedily over the location tokens alone, x2 beyond x1 and y2 beyond y1.
    ``box_scores`` is exp of the mean log-probability of the four among what was allowed.
    Trained by cross-entropy over the location tokens, without label smoothing.

    Deviations from RiVEG's paper: Florence-2 in OFA's place, and a request of our own (``prompt``); the paper
    names none.
    """

    Config = FlorenceGrounderConfig
    needs_training = False
    places: Tensor
    """Numbers of the location tokens, int64 [BINS]."""

    def __init__(self, config: FlorenceGrounderConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        check_prompt(config.prompt)
        self.florence = Florence(config.checkpoint, config.text_length, source)
        vocabulary = self.florence.tokenizer.get_vocab()
        names = [f"<loc_{number}>" for number in range(BINS)]
        if missing := [name for name in names if name not in vocabulary]:
            raise ModelError(f"the tokenizer of {config.checkpoint} lacks {len(missing)} location tokens, "
                             f"such as {missing[0]}")
        self.register_buffer("places", torch.tensor([vocabulary[name] for name in names]), persistent=False)

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image]) -> dict[str, Any]:
        """``Florence.inputs``; owner int64 [N]; counts: entities per example; while training bins int64 [N,
        4]."""
        texts = [
            self.config.prompt.replace(SLOT, sought.text) for example in examples for sought in example.data
        ]
        batch = self.florence.inputs(texts, images)
        batch["owner"] = torch.tensor([row for row, example in enumerate(examples) for _ in example.data])
        batch["counts"] = [len(example.data) for example in examples]
        if examples[0].data[0].box is not None:
            batch["bins"] = bins_of(self.targets(examples, images))
        return batch

    def loss(self, batch: dict[str, Any]) -> Tensor:
        states, mask = self.florence.read(batch)
        given = torch.cat([self.florence.begin(len(states)), self.places[batch["bins"][:, :-1]]], 1)
        out, _ = self.florence.decode(given, states, mask)
        logits = self.florence.score(out[:, -4:], self.places)
        return F.cross_entropy(logits.flatten(0, 1), batch["bins"].flatten())

    def predict(self, batch: dict[str, Any]) -> list[list[tuple[list[float], float]]]:
        """Per example, per entity: a box in shares of the picture, and its score."""
        states, mask = self.florence.read(batch)
        ids, cache = self.florence.begin(len(states)), None
        bins: list[Tensor] = []
        sure = torch.zeros(len(states), device=states.device)
        numbers = torch.arange(BINS, device=states.device)
        for step in range(4):
            out, cache = self.florence.decode(ids, states, mask, cache)
            # The first corner leaves room for the second, which lies beyond it.
            forbidden = (numbers == BINS - 1)[None] if step < 2 else numbers[None] <= bins[step - 2][:, None]
            best, chosen = self.florence.score(out[:, -1], self.places).masked_fill(
                forbidden, float("-inf")).log_softmax(-1).max(-1)
            sure = sure + best / 4
            bins.append(chosen)
            ids = self.places[chosen][:, None]
        boxes, scores = shares_of(torch.stack(bins, 1)).tolist(), sure.exp().tolist()
        answers = iter(zip(boxes, scores, strict=True))
        return [[next(answers) for _ in range(count)] for count in batch["counts"]]

    def save_extras(self, folder: Path) -> None:
        self.florence.save(folder)


def bins_of(shares: Tensor) -> Tensor:
    """Numbers of the bins, int64, that shares of a side in [0, 1] fall into."""
    return (shares * BINS).floor().long().clamp(0, BINS - 1)


def shares_of(bins: Tensor) -> Tensor:
    """Middles of bins as shares of a side, float."""
    return (bins + 0.5) / BINS
