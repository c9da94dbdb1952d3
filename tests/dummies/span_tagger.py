"""A span tagger in one file: every short span of words gets a score for every type, and one for none.

A word is a hash and a way of writing, read by a GRU from both sides; a span is its two ends and its width, as
in SpERT. There is no CRF: the base keeps the surest of spans that share words, and joins the windows of long
posts.
"""

from __future__ import annotations

import zlib

import msgspec
import torch
from torch import nn
from torch.nn import functional

from gmner_cli.ner.encoder import CASES, case_of
from gmner_cli.ner.tagger import Found, Tagger, padded
from gmner_cli.ner.words import Frame


class Config(msgspec.Struct, forbid_unknown_fields=True):
    buckets: int = 2048
    width: int = 32
    widest: int = 6
    """Words of the longest span that is scored."""
    max_length: int = 24
    """Words of a window."""
    dropout: float = 0.1
    negatives: float = 0.5
    """Weight of a span that is no entity."""


class SpanTagger(Tagger):
    """Cross-entropy over the types and "none" of all spans of up to ``widest`` words."""

    Config = Config
    label_weights = ("kinds.",)

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.frame = Frame(longest=config.max_length)
        self.words = nn.Embedding(config.buckets, config.width)
        self.looks = nn.Embedding(len(CASES), config.width)
        self.reader = nn.GRU(config.width, config.width, batch_first=True, bidirectional=True)
        self.sizes = nn.Embedding(config.widest, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.mix = nn.Linear(5 * config.width, config.width)
        self.kinds = nn.Linear(config.width, 1 + len(self.types))

    def pieces(self, texts):
        return [[[zlib.crc32(word.encode()) % self.config.buckets] for word in words] for words in texts]

    def collate(self, examples, images):
        """Also looks: int64 [B, W]; while training gold: int64 [B, W, widest], 0 for none, 1 + type else."""
        batch = super().collate(examples, images)
        batch["looks"] = padded([torch.tensor([case_of(word) for word in e.data.words]) for e in examples])
        if examples[0].data.gold is not None:
            batch["gold"] = torch.zeros(*batch["ids"].shape, self.config.widest, dtype=torch.long)
            for row, example in enumerate(examples):
                for first, end, entity in example.data.gold:
                    if end - first <= self.config.widest:
                        batch["gold"][row, first, end - first - 1] = 1 + self.types.index(entity.type)
        return batch

    def word_states(self, batch):
        """Float [B, W, 2 width]. Padding comes after the words, and the way back begins behind it."""
        read = self.dropout(self.words(batch["ids"]) + self.looks(batch["looks"]))
        lengths = batch["word_mask"].sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.reader(packed)[0], batch_first=True)[0]

    def scores(self, batch):
        """Logits float [B, W, widest, 1 + types] of the spans that begin at a word; and which exist, bool."""
        states, mask, widest = self.word_states(batch), batch["word_mask"], self.config.widest
        ends = functional.pad(states, (0, 0, 0, widest - 1)).unfold(1, widest, 1).transpose(2, 3)
        there = functional.pad(mask, (0, widest - 1)).unfold(1, widest, 1)
        starts = states[:, :, None].expand_as(ends)
        sizes = self.sizes.weight.expand(*ends.shape[:2], -1, -1)
        hidden = torch.relu(self.mix(self.dropout(torch.cat([starts, ends, sizes], -1))))
        return self.kinds(hidden), there & mask[:, :, None]

    def loss(self, batch):
        logits, there = self.scores(batch)
        weights = torch.ones(logits.shape[-1], device=logits.device)
        weights[0] = self.config.negatives
        return functional.cross_entropy(logits[there], batch["gold"][there], weights)

    def predict(self, batch):
        logits, there = self.scores(batch)
        chances = logits.float().softmax(-1)
        sure, kind = chances.max(-1)
        found = [[] for _ in range(len(kind))]
        for row, first, size in ((kind > 0) & there).nonzero().tolist():
            place = row, first, size
            found[row].append(Found(first, first + size + 1, self.types[kind[place] - 1], sure[place].item()))
        return found
