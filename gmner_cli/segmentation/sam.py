"""Box-prompted segmentation by SAM (Kirillov et al. 2023), Hugging Face classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from PIL import Image

from gmner_cli.hub import pretrained, pretrained_model
from gmner_cli.masks import encode
from gmner_cli.model import Example, Model, Site
from gmner_cli.records import Mask, Post


class SamConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    checkpoint: str = "facebook/sam-vit-base"
    """Hub id or folder of a SamModel."""


class Sam(Model):
    """One mask per box; the picture is encoded once for all its boxes. Writes ``masks``, parallel to ``boxes``."""

    Config = SamConfig
    finds = ("masks",)
    reads_images = True
    load_time = frozenset({"checkpoint"})

    def __init__(self, config: SamConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        from transformers import AutoImageProcessor, SamModel, SamProcessor

        self.net = pretrained_model(SamModel, config.checkpoint, offline=site.offline)
        images = pretrained(AutoImageProcessor, config.checkpoint, offline=site.offline, backend="pil")
        self.processor = SamProcessor(images)

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """One per post that has boxes; ``data`` is all its boxes in order of the entities."""
        boxes = [[list(box) for e in post.entities or [] for box in e.boxes or []] if post.image else [] for post in posts]
        return [Example(index, len(found), found) for index, found in enumerate(boxes) if found]

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """pixels float [B, 3, S, S]; per picture its boxes in the model's own pixels, float [1, N, 4], and its sizes."""
        prompts, sizes = [], []
        pixels = self.processor.image_processor(list(images), return_tensors="pt")
        for example, image, reshaped in zip(examples, images, pixels["reshaped_input_sizes"].tolist(), strict=True):
            scale = torch.tensor([reshaped[1] / image.width, reshaped[0] / image.height] * 2)
            prompts.append((torch.tensor(example.data, dtype=torch.float32) * scale)[None])
            sizes.append(((image.height, image.width), tuple(reshaped)))
        return {"pixels": pixels["pixel_values"], "prompts": prompts, "sizes": sizes}

    def predict(self, batch: dict[str, Any]) -> list[list[Mask]]:
        """Per picture one mask for each of its boxes, in pixels of the picture."""
        embedded = self.net.get_image_embeddings(batch["pixels"])
        found = []
        # Pictures have different numbers of boxes, which the mask decoder cannot batch; it is the cheap part.
        for row, (boxes, (original, reshaped)) in enumerate(zip(batch["prompts"], batch["sizes"], strict=True)):
            out = self.net(image_embeddings=embedded[row:row + 1], input_boxes=boxes.to(embedded.device),
                           multimask_output=False)
            # One by one, because a mask of a large picture is large before it is encoded.
            found.append([encode(self.processor.image_processor.post_process_masks(
                [mask[None]], [original], [reshaped])[0][0, 0].numpy()) for mask in out.pred_masks[0].float().cpu()])
        return found

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        for example, masks in zip(examples, outputs, strict=True):
            rest = iter(masks)
            for entity in posts[example.post].entities:
                if entity.boxes is not None:
                    entity.masks = [next(rest) for _ in entity.boxes]
        for post in posts:
            for entity in post.entities or []:
                if entity.boxes == []:
                    entity.masks = []
