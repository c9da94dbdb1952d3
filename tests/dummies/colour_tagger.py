"""A tagger in one file that looks at pictures and has two heads with a CRF each: a word is a hash, a picture its mean colour."""

from __future__ import annotations

import zlib

import msgspec
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from gmner_cli.model import Example, Model
from gmner_cli.ner.crf import TagCrf
from gmner_cli.ner.words import bio_labels, spans_of, tags_of, words_of
from gmner_cli.records import Entity
from gmner_cli.scoring.report import score


class Config(msgspec.Struct, forbid_unknown_fields=True):
    buckets: int = 512
    width: int = 16
    coarse_share: float = 0.5


class ColourTagger(Model):
    """Loss = share of the span path (is it an entity at all?) + rest of the type path; both are watched."""

    Config = Config
    finds = ("entities",)
    reads_images = True

    def __init__(self, config, facts, site):
        super().__init__(config, facts, site)
        self.fine, self.coarse = bio_labels(facts["types"]), bio_labels(["any"])
        self.words = nn.Embedding(config.buckets, config.width)
        self.picture = nn.Linear(3, config.width)
        self.heads = nn.ModuleList(nn.Linear(config.width, len(labels)) for labels in (self.fine, self.coarse))
        self.crfs = nn.ModuleList(TagCrf(labels) for labels in (self.fine, self.coarse))

    @classmethod
    def learn_facts(cls, config, posts):
        return {"types": sorted({e.type for p in posts for e in p.entities or []})}

    def examples(self, posts, training):
        found = []
        for index, post in enumerate(posts):
            words, spans = words_of(post)
            if words:
                tags = tags_of(post, spans) if training else None
                found.append(Example(index, len(words), (words, spans, tags)))
        return found

    def collate(self, examples, images):
        ids = [torch.tensor([zlib.crc32(w.encode()) % self.config.buckets for w in e.data[0]]) for e in examples]
        colours = [torch.zeros(3) if i is None else torch.tensor(i.resize((1, 1)).getpixel((0, 0))) / 255 for i in images]
        batch = {"ids": pad_sequence(ids, batch_first=True), "colour": torch.stack(colours),
                 "mask": pad_sequence([torch.ones(len(i), dtype=torch.bool) for i in ids], batch_first=True)}
        if examples[0].data[2] is not None:
            for name, labels in (("fine", self.fine), ("coarse", self.coarse)):
                tags = [[t if name == "fine" or t == "O" else f"{t[0]}-any" for t in e.data[2]] for e in examples]
                batch[name] = pad_sequence([torch.tensor([labels.index(t) for t in row]) for row in tags], batch_first=True)
        return batch

    def hidden(self, batch):
        return self.words(batch["ids"]) * (1 + self.picture(batch["colour"])[:, None])

    def loss(self, batch):
        hidden, share = self.hidden(batch), self.config.coarse_share
        fine, coarse = (crf.loss(head(hidden), batch[name], batch["mask"])
                        for crf, head, name in zip(self.crfs, self.heads, ("fine", "coarse"), strict=True))
        return share * coarse + (1 - share) * fine, {"coarse_loss": coarse.item(), "fine_loss": fine.item()}

    def predict(self, batch):
        return [[self.fine[t] for t in path] for path in self.crfs[0].decode(self.heads[0](self.hidden(batch)), batch["mask"])]

    def embed(self, examples, batch):
        return (self.hidden(batch) * batch["mask"][..., None]).sum(1)

    def write(self, posts, examples, outputs):
        for post in posts:
            post.entities = []
        for example, tags in zip(examples, outputs, strict=True):
            spans = example.data[1]
            posts[example.post].entities = [Entity(start=spans[a][0], end=spans[b - 1][1], type=kind)
                                            for a, b, kind in spans_of(tags)]

    def evaluate(self, predicted, gold):
        return {"f1": score(predicted, gold)["rows"]["MNER"]["f1"]}
