"""Contrastive pre-training in one file: pulls a post's words and its picture's colour together (InfoNCE)."""

from __future__ import annotations

import torch
from torch.nn import functional

from tests.dummies.colour_tagger import ColourTagger


class Align(ColourTagger):
    """The same modules under another objective; ``train-ner --init`` then goes on from them."""

    metric = "agreement"

    def similarity(self, batch):
        weights = batch["mask"][..., None].float()
        text = (self.words(batch["ids"]) * weights).sum(1) / weights.sum(1)
        return functional.normalize(text, dim=-1) @ functional.normalize(self.picture(batch["colour"]), dim=-1).T

    def loss(self, batch):
        scores = self.similarity(batch) / 0.1
        return functional.cross_entropy(scores, torch.arange(len(scores), device=scores.device))

    def predict(self, batch):
        return self.similarity(batch).diagonal().tolist()

    def write(self, posts, examples, outputs):
        for example, value in zip(examples, outputs, strict=True):
            posts[example.post].extra["agreement"] = value

    def evaluate(self, predicted, gold):
        return {"agreement": sum(p.extra["agreement"] for p in predicted) / len(predicted)}
