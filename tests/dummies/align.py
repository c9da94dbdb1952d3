"""Contrastive pre-training in one file: pulls a post's words and its picture's colour together (InfoNCE)."""

from __future__ import annotations

import torch
from torch.nn import functional

from tests.dummies.colour_tagger import ColourTagger


class Align(ColourTagger):
    """The same modules under another objective; ``train-ner --init`` then goes on from them."""

    finds = ()
    metric = "dev_loss"

    def loss(self, batch):
        weights = batch["mask"][..., None].float()
        text = (self.words(batch["ids"]) * weights).sum(1) / weights.sum(1)
        seen = functional.normalize(self.picture(batch["colour"]), dim=-1)
        scores = functional.normalize(text, dim=-1) @ seen.T / 0.1
        right = torch.arange(len(scores), device=scores.device)
        accuracy = (scores.argmax(1) == right).float().mean().item()
        return functional.cross_entropy(scores, right), {"accuracy": accuracy}
