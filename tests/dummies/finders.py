"""Models that find one thing each, the same in every post, untrained; ``seen`` is what each was given."""

from __future__ import annotations

import msgspec
import torch

from gmner_cli.model import Example, Model
from gmner_cli.records import Entity, Mask, Proposal

BOX = (1.0, 1.0, 5.0, 4.0)
MASK = Mask(size=(12, 16), counts="P6")


class Config(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Finder(Model):
    """Writes what ``fill`` says into every post."""

    Config = Config
    needs_training = False

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.seen = []

    def examples(self, posts, training):
        self.seen += [post.to_builtins() for post in posts]
        return [Example(number, 1, None) for number in range(len(posts))]

    def collate(self, examples, images):
        return {"rows": torch.zeros(len(examples))}

    def predict(self, batch):
        return [None] * len(batch["rows"])

    def write(self, posts, examples, outputs):
        for post in posts:
            self.fill(post)


class Tags(Finder):
    finds = ("entities", "score")

    def fill(self, post):
        post.entities = [Entity(start=0, end=2, type="FOUND")]


class Retypes(Finder):
    finds = ("type", "fine_type")

    def fill(self, post):
        for entity in post.entities:
            entity.type, entity.fine_type = "NEW", "newer"


class Reranks(Finder):
    """Looks, and says another type."""

    finds = ("type", "candidates")
    reads_images = True

    def fill(self, post):
        for entity in post.entities:
            entity.type, entity.candidates = "NEW", ["NEW"]


class Sees(Finder):
    finds = ("groundable", "visible")

    def fill(self, post):
        for entity in post.entities:
            entity.groundable, entity.visible = 0.75, True


class Boxes(Finder):
    finds = ("boxes",)

    def fill(self, post):
        for entity in post.entities:
            entity.boxes = [BOX] if entity.visible is not False else []


class BoxesAndMasks(Boxes):
    finds = ("boxes", "masks")

    def fill(self, post):
        super().fill(post)
        for entity in post.entities:
            entity.masks = [MASK for _ in entity.boxes]


class OneStage(Finder):
    finds = ("entities", "visible", "boxes")
    reads_images = True

    def fill(self, post):
        post.entities = [Entity(start=0, end=2, type="FOUND", visible=True, boxes=[BOX])]


class Proposes(Finder):
    finds = ("proposals",)

    def fill(self, post):
        post.proposals = [Proposal(box=BOX, label="thing")]


class Explains(Finder):
    """Fills fields of its own, of the post and of its entities."""

    finds = ("evidence", "expansions")

    def fill(self, post):
        post.extra["evidence"] = "new"
        for entity in post.entities:
            entity.extra["evidence"] = "new"


class Captions(Finder):
    finds = ("caption",)
    reads_images = True

    def fill(self, post):
        post.caption = "new"
