"""Taggers that end in a CRF: what the words' states score is a path of IOB2 tags through the whole post."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from PIL import Image
from torch import Tensor, nn

from gmner_cli.model import Example, WeightSource
from gmner_cli.ner.crf import TagCrf
from gmner_cli.ner.tagger import Found, Tagger, Words, padded
from gmner_cli.ner.words import bio_labels, spans_of


class TagPathTagger(Tagger):
    """A linear layer and a CRF over the states of words.

    A subclass has ``word_states``, and calls ``end_in_crf`` when the rest of its network stands. Windows are
    joined before tags become entities, so that no entity is cut by a window.
    """

    label_weights = ("head.", "crf.")

    def __init__(self, config: msgspec.Struct, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.labels = bio_labels(self.types)

    def end_in_crf(self, width: int) -> None:
        """Make ``head`` and ``crf`` for states of ``width`` numbers."""
        self.head = nn.Linear(width, len(self.labels))
        self.crf = TagCrf(self.labels)

    def emissions(self, batch: dict[str, Any]) -> Tensor:
        """Tag scores of every word, float [B, W, labels]."""
        return self.head(self.word_states(batch))

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """As every tagger; while training also tags: int64 [B, W], numbers of ``labels``."""
        batch = super().collate(examples, images)
        if examples[0].data.gold is not None:
            batch["tags"] = padded([torch.tensor(self._tags(example.data)) for example in examples])
        return batch

    def _tags(self, words: Words) -> list[int]:
        tags = [0] * len(words.words)
        for first, end, entity in words.gold or []:
            begin = 1 + 2 * self.types.index(entity.type)  # as bio_labels puts them
            tags[first:end] = [begin] + [begin + 1] * (end - first - 1)
        return tags

    def loss(self, batch: dict[str, Any]) -> Tensor | tuple[Tensor, dict[str, float]]:
        return self.crf.loss(self.emissions(batch), batch["tags"], batch["word_mask"])

    def predict(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        """Per window: ``tags`` and ``sure``, the marginal probability of each chosen tag."""
        emissions = self.emissions(batch)
        paths = self.crf.decode(emissions, batch["word_mask"])
        marginals = self.crf.marginals(emissions, batch["word_mask"]).cpu()
        return [{"tags": [self.labels[t] for t in path],
                 "sure": marginals[row, range(len(path)), path].clamp(0, 1).tolist()}
                for row, path in enumerate(paths)]

    def join(self, parts: Sequence[tuple[Words, Any]]) -> list[Found]:
        """Entities on the path of the windows' kept words; an entity is as sure as its least sure tag."""
        tags, sure = [], []
        for words, output in parts:
            offset, (a, b) = words.window.words[0], words.window.keep
            tags += output["tags"][a - offset:b - offset]
            sure += output["sure"][a - offset:b - offset]
        return [Found(first, end, kind, min(sure[first:end])) for first, end, kind in spans_of(tags)]
