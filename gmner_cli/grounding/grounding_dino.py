"""Visual grounding by an open-set detector (Grounding DINO, Liu et al. 2023; MM Grounding DINO, Zhao et al.
2024)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from gmner_cli.grounding.grounder import Grounder, GrounderConfig, Sought
from gmner_cli.model import Example, WeightSource
from gmner_cli.records import Post
from gmner_cli.weights.backbone import Backbone

CLASSES = {
    "GroundingDinoForObjectDetection": "transformers", "MMGroundingDinoForObjectDetection": "transformers"
}
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

    An entity with several wordings is asked for by one of them in an epoch, by the next one in the next: all
    in one pass would be as many equal targets, and the matching gives each of them a region of its own.
    """

    Config = GroundingDinoConfig
    needs_training = False
    batches_by_shape = True

    def __init__(self, config: GroundingDinoConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.backbone = Backbone.load(CLASSES, config.checkpoint, source)
        self.net, self.tokenizer = self.backbone.net, self.backbone.tokenizer
        self.net.config.auxiliary_loss = True  # every decoder layer is taught; published configs leave it off
        self.net.loss_function = by_picture(self.net.loss_function)
        self.epoch = 0

    def begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def sought(self, post: Post, training: bool) -> list[Sought]:
        """Each entity once; in training with all its wordings."""
        found = super().sought(post, training)
        if not training:
            return found
        once: dict[tuple[int, int, str], Sought] = {}
        for one in found:
            entity = (post.entities or [])[one.entity]
            once.setdefault((entity.start, entity.end, entity.type), one).wordings.append(one.text)
        return list(once.values())

    def _wording(self, post: int, sought: Sought) -> str:
        """The words to ask by in this epoch; which one comes first differs from post to post, so that an
        epoch hears all sources."""
        if not sought.wordings:
            return sought.text
        return sought.wordings[(self.epoch + post) % len(sought.wordings)]

    def passes(self, sought: list[Sought]) -> list[tuple[int, list[Sought]]]:
        """Parts whose expressions, stops and two ends together fit into ``text_length``; length in
        sub-words."""
        parts: list[tuple[int, list[Sought]]] = []
        for one in sought:
            cost = max(len(self._pieces(text)) for text in one.wordings or [one.text]) + 1
            if not parts or parts[-1][0] + cost > self.config.text_length:
                parts.append((2, []))
            used, part = parts[-1]
            parts[-1] = (used + cost, [*part, one])
        return parts

    def _pieces(self, text: str) -> list[int]:
        # A full stop or a question mark inside an expression would end it for the detector.
        text = text.lower().replace(".", " ").replace("?", " ").strip() or "object"
        ids = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
        return (ids or [self.tokenizer.unk_token_id])[:self.config.text_length - 3]

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image]) -> dict[str, Any]:
        """pixels float [B, 3, H, W], pixel_mask int64 [B, H, W]; ids, mask int64 [B, T]; slots: sub-word
        ranges.

        While training also boxes float [N, 4]: centre x and y, width and height, as shares of the picture.
        """
        stop, first, last = self.tokenizer.convert_tokens_to_ids(
            "."), self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        rows, slots = [], []
        for example in examples:
            ids, ranges = [first], []
            for sought in example.data:
                pieces = self._pieces(self._wording(example.post, sought))
                ranges.append((len(ids), len(ids) + len(pieces)))
                ids += [*pieces, stop]
            rows.append(torch.tensor([*ids, last]))
            slots.append(ranges)
        pixels = self.backbone.processor(list(images), return_tensors="pt")
        mask = [torch.ones_like(row) for row in rows]
        pad = torch.nn.utils.rnn.pad_sequence
        batch = {"pixels": pixels["pixel_values"], "pixel_mask": pixels["pixel_mask"], "slots": slots,
                 "ids": pad(rows, batch_first=True, padding_value=self.tokenizer.pad_token_id or 0),
                 "mask": pad(mask, batch_first=True)}
        if examples[0].data[0].box is not None:
            low, high = self.targets(examples, images).split(2, -1)
            batch["boxes"] = torch.cat([(low + high) / 2, high - low], -1)
        return batch

    def _detect(self, batch: dict[str, Any], **labels: Any) -> Any:
        return self.net(pixel_values=batch["pixels"], pixel_mask=batch["pixel_mask"], input_ids=batch["ids"],
                        attention_mask=batch["mask"], token_type_ids=torch.zeros_like(batch["ids"]), **labels)

    def loss(self, batch: dict[str, Any]) -> Tensor:
        """The detector's own: focal loss of the sub-words, L1 and GIoU of the boxes, after Hungarian
        matching."""
        boxes = batch["boxes"].split([len(ranges) for ranges in batch["slots"]])
        labels = [{"class_labels": torch.arange(len(part), device=part.device), "boxes": part}
                  for part in boxes]
        return self._detect(batch, labels=labels).loss

    def predict(self, batch: dict[str, Any]) -> list[list[tuple[list[float], float]]]:
        """Per example, per expression: the box of the highest score, and that score."""
        out = self._detect(batch)
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


def by_picture(whole: Callable[..., tuple]) -> Callable[..., tuple]:
    """The detector's ``loss_function``, in float32 and one picture at a time, weighted by their numbers of
    boxes.

    That is what it means to compute for a batch. As it stands, from the third picture
    of a batch on it looks up the classes of another picture (transformers 5.17 to 5.23).
    """

    def loss(logits: Tensor, labels: list[dict[str, Tensor]], device: torch.device, pred_boxes: Tensor,
             config: Any, label_maps: Sequence[Tensor], text_mask: Tensor, outputs_class: Tensor,
             outputs_coord: Tensor, encoder_logits: Tensor,
             encoder_pred_boxes: Tensor) -> tuple[Tensor, dict[str, Tensor], None]:
        total, boxes = logits.new_zeros((), dtype=torch.float32), sum(len(label["boxes"]) for label in labels)
        with torch.autocast(logits.device.type, enabled=False):
            for row, label in enumerate(labels):
                one = slice(row, row + 1)
                value, _, _ = whole(logits[one].float(), [label], device, pred_boxes[one].float(), config,
                                    [label_maps[row]], text_mask[one],
                                    outputs_class=outputs_class[:, one].float(),
                                    outputs_coord=outputs_coord[:, one].float(),
                                    encoder_logits=encoder_logits[one].float(),
                                    encoder_pred_boxes=encoder_pred_boxes[one].float())
                total = total + value * (len(label["boxes"]) / boxes)
        return total, {}, None

    return loss
