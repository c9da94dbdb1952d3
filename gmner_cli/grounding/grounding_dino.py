"""Visual grounding by an open-set detector (Grounding DINO, Liu et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from PIL import Image

from gmner_cli.hub import pretrained, pretrained_model
from gmner_cli.model import Example, Model, Site
from gmner_cli.records import Post


class GroundingDinoConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    checkpoint: str = "IDEA-Research/grounding-dino-tiny"
    """Hub id or folder of a (MM) Grounding DINO."""
    threshold: float = 0.25
    """A best box scored below this is not given: the entity becomes ``boxes: []``."""
    text_length: int = 256
    """Sub-words of all expressions of a post together; more go into a second pass."""


class GroundingDino(Model):
    """One box per entity: all expressions of a post are asked in one pass over its picture.

    The expressions are joined by ".", which the detector's text mask keeps apart;
    a region's score for an expression is its highest over the expression's
    sub-words. Entities that already have ``boxes: []`` are left alone.
    """

    Config = GroundingDinoConfig
    finds = ("boxes", "box_scores", "masks")
    reads_images = True
    load_time = frozenset({"checkpoint", "threshold"})

    def __init__(self, config: GroundingDinoConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        from transformers import AutoImageProcessor, AutoModelForZeroShotObjectDetection, AutoTokenizer

        self.net = pretrained_model(AutoModelForZeroShotObjectDetection, config.checkpoint, offline=site.offline)
        self.processor = pretrained(AutoImageProcessor, config.checkpoint, offline=site.offline, backend="pil")
        self.tokenizer = pretrained(AutoTokenizer, config.checkpoint, offline=site.offline)

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """One per post and pass; ``data`` is a list of (entity number, sub-word ids of its expression)."""
        found = []
        for index, post in enumerate(posts):
            wanted = [n for n, e in enumerate(post.entities or []) if e.boxes is None] if post.image else []
            texts = [self._text(post, n) for n in wanted]
            ids = self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True).input_ids if texts else []
            current: list[tuple[int, list[int]]] = []
            used = 2
            for number, pieces in zip(wanted, ids, strict=True):
                pieces = pieces[:self.config.text_length - 3]
                if current and used + len(pieces) + 1 > self.config.text_length:
                    found.append(Example(index, used, current))
                    current, used = [], 2
                current.append((number, pieces))
                used += len(pieces) + 1
            if current:
                found.append(Example(index, used, current))
        return found

    @staticmethod
    def _text(post: Post, number: int) -> str:
        entity = post.entities[number]
        expression = entity.expression or post.text[entity.start:entity.end]
        # A full stop or a question mark inside an expression would end it for the detector.
        return expression.lower().replace(".", " ").replace("?", " ").strip() or "object"

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """pixels float [B, 3, H, W], pixel_mask int64 [B, H, W]; ids, mask int64 [B, T]; slots: sub-word ranges."""
        stop, first, last = self.tokenizer.convert_tokens_to_ids("."), self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        rows, slots = [], []
        for example in examples:
            ids, ranges = [first], []
            for _, pieces in example.data:
                ranges.append((len(ids), len(ids) + len(pieces)))
                ids += [*pieces, stop]
            rows.append(torch.tensor([*ids, last]))
            slots.append(ranges)
        pixels = self.processor(list(images), return_tensors="pt")
        mask = [torch.ones_like(row) for row in rows]
        pad = torch.nn.utils.rnn.pad_sequence
        return {"pixels": pixels["pixel_values"], "pixel_mask": pixels["pixel_mask"], "slots": slots,
                "ids": pad(rows, batch_first=True, padding_value=self.tokenizer.pad_token_id or 0),
                "mask": pad(mask, batch_first=True), "sizes": [image.size for image in images]}

    def predict(self, batch: dict[str, Any]) -> list[list[tuple[list[float], float]]]:
        """Per example, per expression: (box in pixels of the picture, score)."""
        out = self.net(pixel_values=batch["pixels"], pixel_mask=batch["pixel_mask"], input_ids=batch["ids"],
                       attention_mask=batch["mask"], token_type_ids=torch.zeros_like(batch["ids"]))
        scores, boxes = out.logits.float().sigmoid().cpu(), out.pred_boxes.float().cpu()
        found = []
        for row, (ranges, (width, height)) in enumerate(zip(batch["slots"], batch["sizes"], strict=True)):
            answers = []
            for a, b in ranges:
                score, query = scores[row, :, a:b].amax(-1).max(0)
                x, y, w, h = boxes[row, query].tolist()  # centre and size, as shares of the picture
                box = [max(0.0, (x - w / 2) * width), max(0.0, (y - h / 2) * height),
                       min(float(width), (x + w / 2) * width), min(float(height), (y + h / 2) * height)]
                answers.append((box, score.item()))
            found.append(answers)
        return found

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        for example, answers in zip(examples, outputs, strict=True):
            for (number, _), (box, score) in zip(example.data, answers, strict=True):
                entity = posts[example.post].entities[number]
                kept = score >= self.config.threshold and box[0] < box[2] and box[1] < box[3]
                entity.boxes = [tuple(round(v, 2) for v in box)] if kept else []
                entity.box_scores = [round(score, 4)] if kept else []
        for post in posts:
            for entity in post.entities or []:
                if entity.boxes is None and post.image is None:
                    entity.boxes = []

    def blank(self, post: Post) -> Post:
        blank = post.clear("box_scores", "masks")
        for entity in blank.entities or []:
            entity.boxes = None if entity.boxes else entity.boxes
        return blank
