"""A tagger in one file that looks, with two heads and CRFs: a word is a hash, a picture its mean colour."""

from __future__ import annotations

import zlib

import msgspec
import torch
from torch import nn

from gmner_cli.ner.crf import TagCrf
from gmner_cli.ner.tag_path import TagPathTagger
from gmner_cli.ner.words import bio_labels


class Config(msgspec.Struct, forbid_unknown_fields=True):
    buckets: int = 512
    width: int = 16
    coarse_share: float = 0.5


class ColourTagger(TagPathTagger):
    """Loss = share of the span path (is it an entity at all?) + rest of the type path; both are watched."""

    Config = Config
    reads_images = True

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.words, self.picture = nn.Embedding(config.buckets, config.width), nn.Linear(3, config.width)
        self.end_in_crf(config.width)
        self.coarse_head, self.coarse_crf = nn.Linear(config.width, 3), TagCrf(bio_labels(["any"]))

    def pieces(self, texts):
        return [[[zlib.crc32(word.encode()) % self.config.buckets] for word in words] for words in texts]

    def collate(self, examples, images):
        colours = [image.resize((1, 1)).getpixel((0, 0)) if image else (0, 0, 0) for image in images]
        return {**super().collate(examples, images), "colour": torch.tensor(colours) / 255}

    def word_states(self, batch):
        return self.words(batch["ids"]) * (1 + self.picture(batch["colour"])[:, None])

    def loss(self, batch):
        fine, share, tags = super().loss(batch), self.config.coarse_share, batch["tags"]
        coarse = self.coarse_crf.loss(self.coarse_head(self.word_states(batch)),
                                      torch.where(tags > 0, 2 - tags % 2, 0), batch["word_mask"])
        return share * coarse + (1 - share) * fine, {"coarse_loss": coarse.item(), "fine_loss": fine.item()}
