"""Entailment and grounding in one file: is a square of the named colour in the picture, and where?"""

from __future__ import annotations

import torch
from PIL import Image, ImageColor
from torch import nn
from torch.nn import functional

from gmner_cli.entailment.entailer import Entailer, EntailerConfig
from gmner_cli.grounding.grounder import Grounder, GrounderConfig, parted

SIDE = 16


def likeness(texts, images):
    """How like the colour that a text names each pixel is, float [texts, pictures, SIDE, SIDE] in [0, 1]."""
    named = torch.tensor([ImageColor.getrgb(text.split()[0]) for text in texts]).float()
    pixels = torch.stack([
        torch.frombuffer(bytearray(i.resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()),
                         dtype=torch.uint8).view(SIDE, SIDE, 3).float() for i in images
    ])
    return (1 - (pixels[None] - named[:, None, None, None]).abs().mean(-1) / 128).clamp(min=0)


def own(batch):
    """Of each text the part of ``likeness`` that is about its own picture, [texts, SIDE, SIDE]."""
    return batch["likeness"][torch.arange(len(batch["owner"])), batch["owner"]]


class SeesColour(Entailer):
    """Two numbers to learn: how much of a colour must be there."""

    Config = EntailerConfig

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.most = nn.Linear(1, 1)

    def inputs(self, texts, images):
        return {"likeness": likeness([text or "black" for text in texts], images)}

    def match(self, batch):
        return self.most(own(batch).flatten(1).amax(1, keepdim=True))[:, 0]


class FindsColour(Grounder):
    """The middle of the colour, and a side to learn."""

    Config = GrounderConfig

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.reach, self.sharp = nn.Parameter(torch.tensor(0.1)), nn.Parameter(torch.tensor(20.0))

    def inputs(self, texts, images):
        return {"likeness": likeness(texts, images)}

    def corners(self, batch):
        shares = torch.softmax(self.sharp * own(batch).flatten(1), dim=1).view(-1, SIDE, SIDE)
        middle = (torch.arange(SIDE, device=shares.device) + 0.5) / SIDE
        x, y = (shares.sum(1) * middle).sum(1), (shares.sum(2) * middle).sum(1)
        return torch.stack([x - self.reach, y - self.reach, x + self.reach, y + self.reach], dim=1)

    def loss(self, batch):
        return functional.l1_loss(self.corners(batch), batch["boxes"])

    def predict(self, batch):
        return parted([(corners, 1.0) for corners in self.corners(batch).tolist()], batch["counts"])
