"""What the two ways to run SAM share: a picture is encoded once, then asked for each of its prompts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gmner_cli.errors import ImageError, UsageError
from gmner_cli.model import Example, Model, to_device
from gmner_cli.pictures.masks import encode
from gmner_cli.records import Mask, Post
from gmner_cli.segmentation.mask_prompts import Prompt, empty_mask, prompts_of, put_masks

MOST_PIXELS = 2**26
"""Of all masks that are decoded together: large pictures have large masks, before they are encoded."""

MOST_BOXES = 64
"""That the mask decoder gets at a time."""


class PromptedSam(Model):
    """One mask per box or set of points. Writes ``masks``, parallel to ``boxes``.

    A box gives a single mask (``multimask_output=False``); points give the mask with
    the highest predicted IoU of SAM's several, and a heat map is asked for by its
    highest point (GEM, section 3.4).
    """

    finds = ("masks",)
    reads_images = True
    needs_training = False

    @property
    @abstractmethod
    def side(self) -> int:
        """Pixels that the longer side of a picture is scaled to."""

    @abstractmethod
    def prepare(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        """What ``views`` reads, as CPU tensors. Runs off the main thread."""

    @abstractmethod
    def views(self, batch: dict[str, Any]) -> Iterator[Any]:
        """The encoded pictures of a batch, one by one, for ``ask``."""

    @abstractmethod
    def ask(self, view: Any, *, boxes: Tensor | None = None, points: Tensor | None = None,
            labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Masks of one picture: bool [N, M, height, width] in its own pixels, and their predicted IoU, float
        [N, M].

        ``boxes``: float [N, 4] in the scaled picture's pixels, M = 1. ``points``: float
        [1, P, 2] in the same, with ``labels``, int [1, P]; N = 1, M = 3.
        """

    def segment(self, image: Image.Image, prompts: Sequence[Prompt]) -> list[Mask]:
        """Masks for the prompts of one RGB picture in memory. Raises ImageError."""
        device = next(self.parameters()).device
        with torch.no_grad():
            batch = self.collate([Example(0, len(prompts), prompts)], [image])
            return self.predict(to_device(batch, device))[0]

    def blank(self, post: Post) -> Post:
        """Without a picture nothing will be found anew, so nothing is cleared."""
        return super().blank(post) if post.image else post.clear()

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """One per post that has a picture and prompts; ``data`` is its prompts."""
        found = [prompts_of(post) if post.image else [] for post in posts]
        return [Example(index, len(prompts), prompts) for index, prompts in enumerate(found) if prompts]

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image]) -> dict[str, Any]:
        """What ``prepare`` gives, and per picture its size (width, height) and its prompts as they lie in it.

        Raises UsageError for a reduced copy (``largest_side``): prompts and masks are of the whole picture.
        """
        for example, image in zip(examples, images, strict=True):
            if example.image_size is not None and tuple(example.image_size) != image.size:
                whole, held = (f"{width}x{height}" for width, height in (example.image_size, image.size))
                raise UsageError(f"{type(self).__name__} gets a picture of {whole} pixels reduced to {held}, "
                                 "but its masks must be of the whole one", hint="leave out largest_side")
            if min(image.size) * self.side < 0.5 * max(image.size):
                raise ImageError(f"a picture of {image.width}x{image.height} pixels is too narrow for SAM")
        prompts = [[p.pointed(*image.size).within(*image.size) for p in example.data]
                   for example, image in zip(examples, images, strict=True)]
        return {**self.prepare(images), "sizes": [image.size for image in images], "prompts": prompts}

    def predict(self, batch: dict[str, Any]) -> list[list[Mask]]:
        """Per picture one mask for each of its prompts, in pixels of the picture."""
        return [
            self._masks(view, size, prompts)
            for view, size, prompts in zip(self.views(batch), batch["sizes"], batch["prompts"], strict=True)
        ]

    def _masks(self, view: Any, size: tuple[int, int], prompts: Sequence[Prompt]) -> list[Mask]:
        masks = [empty_mask(*size)] * len(prompts)
        width, height = size
        device = next(self.parameters()).device
        # Each side is rounded by itself when the picture is scaled.
        scale = torch.tensor([int(v * self.side / max(size) + 0.5) / v for v in size], device=device)
        boxed = [i for i, prompt in enumerate(prompts) if prompt.box]
        step = max(1, min(MOST_BOXES, MOST_PIXELS // (width * height)))
        for start in range(0, len(boxed), step):
            part = boxed[start:start + step]
            boxes = torch.tensor([prompts[i].box for i in part], device=device) * scale.repeat(2)
            found, _ = self.ask(view, boxes=boxes)
            for i, pixels in zip(part, found[:, 0].cpu().numpy(), strict=True):
                masks[i] = encode(pixels)
        for i, prompt in enumerate(prompts):
            if prompt.points:
                points = np.array(prompt.points, dtype=np.float32)
                found, quality = self.ask(view,
                                          points=torch.from_numpy(points[None, :, :2]).to(device) * scale,
                                          labels=torch.from_numpy(points[None, :, 2]).to(device, torch.int))
                masks[i] = encode(found[0, int(quality[0].argmax())].cpu().numpy())
        return masks

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        found = {example.post: masks for example, masks in zip(examples, outputs, strict=True)}
        for index, post in enumerate(posts):
            put_masks(post, found.get(index))
