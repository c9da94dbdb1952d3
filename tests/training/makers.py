"""Stages and models for the tests of what runs before a model that is trained."""

from __future__ import annotations

import os
import signal

import msgspec
import torch

from gmner_cli.model import Example, Model
from gmner_cli.records import Entity, Post, Proposal


class Proposer:
    """A region per post, told of in a file; killed, or failing, at the posts named so."""

    name = "propose"
    finds = ("proposals",)
    window = 2

    def __init__(self, log: str, label: str = "thing", kill: str = "", fail: str = "", source: str = ""):
        self.log, self.label, self.kill, self.fail = log, label, kill, fail

    def __call__(self, posts):
        for post in posts:
            if post.id == self.kill and not os.path.exists(self.log + ".killed"):
                open(self.log + ".killed", "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fail and post.id.startswith(self.fail):
                raise ValueError("nothing to see")
            with open(self.log, "a") as log:
                log.write(f"{post.id} {sees(post)}\n")
            post.proposals = [Proposal(box=(0.0, 0.0, 1 / 3, 2.0), score=0.1, label=self.label)]
        return posts


class Looker(Proposer):
    reads_images = True

    def __init__(self, log: str, *, pictures):
        super().__init__(log)
        self.pictures = pictures

    def __call__(self, posts):
        for post in super().__call__(posts):
            post.proposals[0].label = str(self.pictures.load(post).size)
        return posts


class Twice:
    """Every entity in two versions, the last first; its own field ``shade`` stands in each."""

    name = "shades"
    finds = ("shade",)

    def __call__(self, posts):
        for post in posts:
            for entity in post.entities or []:
                entity.extra["shade"] = "plain"
        return posts

    def variants(self, posts):
        return [msgspec.structs.replace(post, entities=[
            msgspec.structs.replace(entity, extra={**entity.extra, "shade": shade})
            for entity in reversed(post.entities or []) for shade in ("light", "dark")]) for post in posts]


class Masker(Proposer):
    """Finds something of gold, so training does without it."""

    finds = ("proposals", "masks")


class Thief(Proposer):
    """Adds an entity and does not say so."""

    def __call__(self, posts):
        for post in super().__call__(posts):
            post.entities = [*(post.entities or []), Entity(start=0, end=1, type="PER")]
        return posts


class Loser(Proposer):
    """Gives entities back as ``label`` says, but in the first post."""

    def __call__(self, posts):
        for post in super().__call__(posts):
            if not post.id.endswith("0"):
                given = {"none": None, "one": post.entities[:1], "twice": post.entities * 2}
                post.entities = given[self.label]
        return posts


def sees(post: Post) -> str:
    if post.entities is None:
        return "no entities"
    return ";".join(f"{e.start} {e.groundable} {e.boxes} {e.masks}" for e in post.entities)


class Config(msgspec.Struct):
    log: str = ""


class Captions(Model):
    """Weights that find nothing of gold: a caption for every post."""

    Config = Config
    finds = ("caption",)

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def examples(self, posts, training):
        return [Example(i, 1, post.text) for i, post in enumerate(posts)]

    def collate(self, examples, images):
        return {"texts": [e.data for e in examples]}

    def loss(self, batch):
        return (self.weight - 1).square().sum()

    def predict(self, batch):
        torch.rand(1)  # what it draws is not the training's
        return [f"{text}, {self.weight.item():.1f}" for text in batch["texts"]]

    def write(self, posts, examples, outputs):
        for example, output in zip(examples, outputs, strict=True):
            posts[example.post].caption = output

    def evaluate(self, predicted, gold):
        return {"f1": self.weight.item()}


class Reader(Model):
    """Trained on what the stages made: its loss follows from every region and caption that it reads, and from
    chance."""

    Config = Config
    finds = ("entities",)

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.weight = torch.nn.Parameter(torch.rand(3))
        self.drop = torch.nn.Dropout(0.5)

    @classmethod
    def learn_facts(cls, config, posts):
        labels = {proposal.label for post in posts for proposal in post.proposals or []}
        return {"labels": sorted(labels | {post.caption or "" for post in posts})}

    def examples(self, posts, training):
        read = [p.proposals[0].box[2] if p.proposals else 0.0 for p in posts]
        return [Example(i, 1, (read[i], len(post.entities or []))) for i, post in enumerate(posts)]

    def collate(self, examples, images):
        return {"x": torch.tensor([e.data for e in examples])}

    def loss(self, batch):
        return (self.drop(self.weight).sum() - batch["x"].sum(1)).square().mean()

    def predict(self, batch):
        return [0] * len(batch["x"])

    def write(self, posts, examples, outputs):
        for post in posts:
            post.entities = []

    def evaluate(self, predicted, gold):
        return {"f1": self.weight.sum().item()}


class BoxReader(Reader):
    """The same, of a model that looks for the boxes of entities."""

    finds = ("boxes", "box_scores", "masks")

    def examples(self, posts, training):
        for post in posts if training else []:
            with open(self.config.log, "a") as log:
                for e in post.entities:
                    own = e.extra.get("shade"), e.extra.get("own"), post.extra.get("note")
                    log.write(f"{e.start} {e.boxes} {e.groundable} {' '.join(map(str, own))}\n")
        return super().examples(posts, training)

    def write(self, posts, examples, outputs):
        for post in posts:
            for entity in post.entities:
                entity.boxes = []
