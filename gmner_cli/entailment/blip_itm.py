"""Visual entailment by an image-text-matching cross-encoder (BLIP, Li et al. 2022; the ALBEF role in RiVEG)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from PIL import Image
from torch import Tensor

from gmner_cli.hub import pretrained, pretrained_model
from gmner_cli.model import Example, Model, Site
from gmner_cli.records import Post

MOST_EXPRESSIONS = 8
"""Of one post in one example: each costs a copy of the picture's patches. A post with more is encoded again."""


class BlipItmConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    checkpoint: str = "Salesforce/blip-itm-base-coco"
    """Hub id or folder of a BlipForImageTextRetrieval."""
    threshold: float = 0.5
    """An entity is visible when the match probability is above this."""
    text_length: int = 35


class BlipItm(Model):
    """P(picture and expression match) per entity; the picture is encoded once per post.

    Writes ``groundable``; an entity at or below the threshold gets ``boxes: []``.
    """

    Config = BlipItmConfig
    finds = ("groundable", "boxes", "box_scores", "masks")
    reads_images = True
    load_time = frozenset({"checkpoint", "threshold"})

    def __init__(self, config: BlipItmConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        from transformers import AutoImageProcessor, AutoTokenizer, BlipForImageTextRetrieval

        self.net = pretrained_model(BlipForImageTextRetrieval, config.checkpoint, offline=site.offline)
        self.processor = pretrained(AutoImageProcessor, config.checkpoint, offline=site.offline, backend="pil")
        self.tokenizer = pretrained(AutoTokenizer, config.checkpoint, offline=site.offline)

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """For each post that has a picture, its expressions, at most MOST_EXPRESSIONS in an example."""
        found = []
        for index, post in enumerate(posts):
            expressions = [e.expression or post.text[e.start:e.end] for e in post.entities or []] if post.image else []
            for start in range(0, len(expressions), MOST_EXPRESSIONS):
                part = expressions[start:start + MOST_EXPRESSIONS]
                found.append(Example(index, len(part), part))
        return found

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """pixels: float [P, 3, H, W]; ids, mask: int64 [N, T]; owner: int64 [N], the picture of each expression."""
        texts = self.tokenizer([text for e in examples for text in e.data], padding=True, truncation=True,
                               split_special_tokens=True, max_length=self.config.text_length, return_tensors="pt")
        owner = [row for row, e in enumerate(examples) for _ in e.data]
        return {"pixels": self.processor(list(images), return_tensors="pt")["pixel_values"], "ids": texts["input_ids"],
                "mask": texts["attention_mask"], "owner": torch.tensor(owner), "counts": [len(e.data) for e in examples]}

    def match(self, batch: dict[str, Any]) -> Tensor:
        """Match logits [N, 2]; column 1 is "matches"."""
        patches = self.net.vision_model(pixel_values=batch["pixels"]).last_hidden_state
        text = self.net.text_encoder(input_ids=batch["ids"], attention_mask=batch["mask"],
                                     encoder_hidden_states=patches[batch["owner"]]).last_hidden_state
        return self.net.itm_head(text[:, 0])

    def predict(self, batch: dict[str, Any]) -> list[list[float]]:
        """Per post the probability of each of its entities, in order."""
        chances = self.match(batch).float().softmax(-1)[:, 1].cpu()
        return [part.tolist() for part in chances.split(batch["counts"])]

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        found: dict[int, list[float]] = {}
        for example, output in zip(examples, outputs, strict=True):
            found.setdefault(example.post, []).extend(output)
        for index, post in enumerate(posts):
            for number, entity in enumerate(post.entities or []):
                entity.groundable = round(found[index][number], 4) if index in found else 0.0
                if entity.groundable <= self.config.threshold:
                    entity.boxes = []
