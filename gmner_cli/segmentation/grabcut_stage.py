"""GrabCut as a stage: boxes and points to masks on several threads, without weights."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from PIL import Image

from gmner_cli.compute.runtime import threads
from gmner_cli.pictures.images import NO_PICTURES, Pictures
from gmner_cli.pictures.masks import encode
from gmner_cli.records import Mask, Post
from gmner_cli.segmentation.grabcut import segment_box, segment_heat, segment_points
from gmner_cli.segmentation.mask_prompts import Prompt, empty_mask, prompts_of, put_masks


class GrabCut:
    """Stage that fills ``masks``, parallel to ``boxes``, as the SAM models do; see
    ``segmentation.grabcut``."""

    name = "segment"
    finds = ("masks",)
    reads_images = True
    window = 32
    """Some for each thread; a large picture takes seconds."""

    def __init__(self, *, pictures: Pictures = NO_PICTURES):
        self.pictures = pictures

    def __call__(self, posts: list[Post]) -> list[Post]:
        wanted = [post for post in posts if not post.set_aside]
        asked = [prompts_of(post) if _has_picture(post) else [] for post in wanted]
        jobs = [(post, prompt) for post, prompts in zip(wanted, asked, strict=True) for prompt in prompts]

        def cut(job: tuple[Post, Prompt]) -> Mask:
            picture = cast("Image.Image", self.pictures.load(job[0]))  # jobs are of posts that have one
            return _one(picture, job[1])

        # Threads help, because OpenCV computes without Python's lock.
        pool = ThreadPoolExecutor(threads(), thread_name_prefix="gmner-grabcut")
        try:
            masks = pool.map(cut, jobs)
            found = [[next(masks) for _ in prompts] for prompts in asked]
        finally:
            pool.shutdown(cancel_futures=True)
        for post, own in zip(wanted, found, strict=True):
            put_masks(post, own if _has_picture(post) else None)
        return posts

    def segment(self, image: Image.Image, prompts: Sequence[Prompt]) -> list[Mask]:
        """Masks for the prompts of one RGB picture in memory."""
        return [_one(image, prompt) for prompt in prompts]


def _has_picture(post: Post) -> bool:
    return post.image is not None and post.image_problem is None


def _one(image: Image.Image, prompt: Prompt) -> Mask:
    prompt = prompt.within(*image.size)
    if prompt.box is not None:
        return encode(segment_box(image, prompt.box))
    if prompt.points:
        return encode(segment_points(image, prompt.points))
    return empty_mask(*image.size) if prompt.heat is None else encode(segment_heat(image, prompt.heat))
