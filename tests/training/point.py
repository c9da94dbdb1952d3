"""A model of one weight, and what the tests of training do with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch

from gmner_cli.model import Example, Model


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


def post(identity: str, **fields) -> dict:
    return {"id": identity, "text": "Ada runs", "entities": [{"start": 0, "end": 3, "type": "PER"}], **fields}


class Config(msgspec.Struct):
    base: str = ""
    """A file that stands for pretrained weights."""


class Point(Model):
    """One weight, pulled to 1; the dev score is its height."""

    Config = Config
    finds = ("entities",)

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.weight = torch.nn.Parameter(torch.zeros(1))

    @classmethod
    def learn_facts(cls, config, posts):
        return {
            "types": sorted({e.type for p in posts for e in p.entities}),
            "base": Path(config.base).read_text()
        }

    def examples(self, posts, training):
        return [Example(i, 1, None) for i in range(len(posts))]

    def collate(self, examples, images):
        return {"seen": torch.tensor([image is not None for image in images])}

    def loss(self, batch):
        return ((self.weight - 1) ** 2).sum()

    def predict(self, batch):
        return batch["seen"].tolist()

    def write(self, posts, examples, outputs):
        for example, output in zip(examples, outputs, strict=True):
            posts[example.post].extra["seen"] = output

    def evaluate(self, predicted, gold):
        return {
            "f1": self.weight.item(), "posts": len(predicted), "seen": sum(p.extra["seen"] for p in predicted)
        }

    def save_extras(self, folder):
        (folder / "notes.txt").write_text("kept with the model")


class Seer(Point):
    """The same, for pictures: it counts those that it sees."""

    reads_images = True
