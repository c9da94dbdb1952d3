"""Visual grounding by an open-set detector (Grounding DINO, Liu et al. 2023; MM Grounding DINO, Zhao et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gmner_cli.backbone import Backbone
from gmner_cli.grounding.grounder import Grounder, GrounderConfig, Sought
from gmner_cli.model import Example, Site

CLASSES = {"GroundingDinoForObjectDetection": "transformers", "MMGroundingDinoForObjectDetection": "transformers"}
"""Detectors that read text, and where they live."""


class GroundingDinoConfig(GrounderConfig, kw_only=True):
    checkpoint: str = "IDEA-Research/grounding-dino-tiny"
    """Hub id or folder of a (MM) Grounding DINO."""
    threshold: float = 0.25
    text_length: int = 256
    """Sub-words of all expressions of a post together; more go into a second pass."""


class GroundingDino(Grounder):
    """All expressions of a post are asked in one pass over its picture.

    The expressions are joined by ".", which the detector's text mask keeps apart;
    a region's score for an expression is its highest over the expression's sub-words.
    """

    Config = GroundingDinoConfig

    def __init__(self, config: GroundingDinoConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        self.backbone = Backbone.load(CLASSES, config.checkpoint, site)
        self.net, self.tokenizer = self.backbone.net, self.backbone.tokenizer

    def passes(self, sought: list[Sought]) -> list[tuple[int, list[Sought]]]:
        """Parts whose expressions, stops and two ends together fit into ``text_length``; length in sub-words."""
        parts: list[tuple[int, list[Sought]]] = []
        for one in sought:
            cost = len(self._pieces(one)) + 1
            if not parts or parts[-1][0] + cost > self.config.text_length:
                parts.append((2, []))
            used, part = parts[-1]
            parts[-1] = (used + cost, [*part, one])
        return parts

    def _pieces(self, sought: Sought) -> list[int]:
        # A full stop or a question mark inside an expression would end it for the detector.
        text = sought.text.lower().replace(".", " ").replace("?", " ").strip() or "object"
        ids = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
        return ids[:self.config.text_length - 3]

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """pixels float [B, 3, H, W], pixel_mask int64 [B, H, W]; ids, mask int64 [B, T]; slots: sub-word ranges."""
        stop, first, last = self.tokenizer.convert_tokens_to_ids("."), self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        rows, slots = [], []
        for example in examples:
            ids, ranges = [first], []
            for sought in example.data:
                pieces = self._pieces(sought)
                ranges.append((len(ids), len(ids) + len(pieces)))
                ids += [*pieces, stop]
            rows.append(torch.tensor([*ids, last]))
            slots.append(ranges)
        pixels = self.backbone.processor(list(images), return_tensors="pt")
        mask = [torch.ones_like(row) for row in rows]
        pad = torch.nn.utils.rnn.pad_sequence
        return {"pixels": pixels["pixel_values"], "pixel_mask": pixels["pixel_mask"], "slots": slots,
                "ids": pad(rows, batch_first=True, padding_value=self.tokenizer.pad_token_id or 0),
                "mask": pad(mask, batch_first=True)}

    def predict(self, batch: dict[str, Any]) -> list[list[tuple[list[float], float]]]:
        """Per example, per expression: the box of the highest score, and that score."""
        out = self.net(pixel_values=batch["pixels"], pixel_mask=batch["pixel_mask"], input_ids=batch["ids"],
                       attention_mask=batch["mask"], token_type_ids=torch.zeros_like(batch["ids"]))
        scores, boxes = out.logits.float().sigmoid().cpu(), out.pred_boxes.float().cpu()
        found = []
        for row, ranges in enumerate(batch["slots"]):
            answers = []
            for a, b in ranges:
                score, query = scores[row, :, a:b].amax(-1).max(0)
                x, y, w, h = boxes[row, query].tolist()  # centre and size
                answers.append(([x - w / 2, y - h / 2, x + w / 2, y + h / 2], score.item()))
            found.append(answers)
        return found

    def save_extras(self, folder: Path) -> None:
        self.backbone.save(folder)
