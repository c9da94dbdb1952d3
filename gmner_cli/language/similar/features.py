"""Features of posts by a trained tagger, and those of a pool stored beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from gmner_cli import sections
from gmner_cli.compute.batches import bucket, prepared
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import GmnerError, RecordError, UsageError, say
from gmner_cli.files.digest import sha256
from gmner_cli.flow.check_images import CheckImages
from gmner_cli.language.similar.pool import Pool
from gmner_cli.model import to_device
from gmner_cli.pictures.images import NO_PICTURES, Pictures
from gmner_cli.recipes import Section
from gmner_cli.records import Post
from gmner_cli.records.jsonl import write_atomic
from gmner_cli.weights.model_folder import CONFIG, WEIGHTS, load_model

BATCH = 32


class Tagger:
    """Maps posts to unit vectors by a trained tagger, of text alone or of text and picture (RiVEG, section
    IV-B1, M_b).

    A deviation: the paper's M_b fuses text and picture (UMT). The taggers that come with this tool read text
    alone, so by default posts are alike that read alike; a tagger of one's own that looks is used with its
    pictures.
    """

    def __init__(self, folder: Path, runtime: Runtime, *, code: Section | None = None,
                 pictures: Pictures = NO_PICTURES, tell: Callable[[str], Any] = say, offline: bool = False):
        """``code``: the section of the user's recipe that names the tagger, where its code is the user's own.
        ``pictures`` ("text-only"): for a tagger that looks; it goes on by text alone where one is missing,
        and ``tell`` hears of it.

        Raises ModelError for a folder without a model, UsageError for a model that tells nothing of posts.
        """
        model = load_model(folder, wanted=code.model if code else None, recipe=code.recipe if code else "",
                           offline=offline)
        if "entities" not in model.finds:
            raise UsageError(f"{type(model).__name__} is not a tagger, and only taggers tell posts that are "
                             "alike",
                             where=str(folder),
                             hint=f"give the folder of a model of `{sections.training(sections.TAGGER)}`")
        model.prepare_to_predict()
        self.model, self.runtime, self.pictures = model.to(runtime.device), runtime, pictures
        self._check = CheckImages(pictures, tell, model.largest_side)
        facts = json.dumps(model.facts, sort_keys=True)
        self.identity = hashlib.sha256(
            f"{sha256(folder / WEIGHTS)} {sha256(folder / CONFIG)} {facts}".encode()).hexdigest()
        """Changes with the weights, those of a frozen encoder too: the config holds their sha256. The facts
        say how text is cut, also where the config is from before it did."""
        self.width = len(self._sums([Post(id="", text="Allen")])[0])

    def __call__(self, posts: Sequence[Post]) -> np.ndarray:
        """Unit vectors, float32 [posts, d]; zero for a post without words."""
        return self.vectors(self.seen(posts))

    def seen(self, posts: Sequence[Post]) -> list[Post]:
        """What the tagger reads of posts: knowledge never, as those that are asked about have none yet;
        pictures only if it looks."""
        copies = [msgspec.structs.replace(post, knowledge=None) for post in posts]
        looked = self._check(copies) if self.model.reads_images else copies
        return [
            msgspec.structs.replace(post, image=None)
            if post.image_problem is not None or not self.model.reads_images else post for post in looked
        ]

    def vectors(self, seen: Sequence[Post]) -> np.ndarray:
        """Those of ``seen`` posts. Posts of the same words and picture get the same, bit for bit, whatever
        the batch."""
        same: dict[tuple[str, tuple[str, ...] | None, str | None], int] = {}
        rows = [
            same.setdefault((p.text, None if p.tokens is None else tuple(p.tokens), p.image), len(same))
            for p in seen
        ]
        first = dict(zip(reversed(rows), reversed(seen), strict=True))
        total = torch.zeros(len(same), self.width)
        for row, feature in self._sums([first[row] for row in range(len(same))]).items():
            total[row] = feature
        # Cosine does not ask for the number of words, so the sum does as well as the mean.
        return torch.nn.functional.normalize(total, dim=-1).numpy()[rows]

    def digest(self, seen: Sequence[Post]) -> str:
        """Of the tagger, and of all that it reads of ``seen`` posts."""
        digest = hashlib.sha256(self.identity.encode())
        for post in seen:
            picture = self.pictures.load(post, self.model.largest_side)
            shown = picture and hashlib.sha256(picture.tobytes()).hexdigest()
            digest.update(json.dumps([post.id, post.text, post.tokens, shown]).encode() + b"\n")
        return digest.hexdigest()

    def _sums(self, posts: list[Post]) -> dict[int, torch.Tensor]:
        """By number of the post; those without words have none."""
        examples = self.model.examples(posts, training=False)
        sums: dict[int, torch.Tensor] = {}
        with torch.no_grad(), self.runtime.autocast():
            for indexes, batch in prepared(self.model, examples, bucket(examples, BATCH), posts,
                                           self.pictures, self.runtime):
                part = [examples[index] for index in indexes]
                made = self.model.embed(part, to_device(batch, self.runtime.device)).float().cpu()
                if made.isnan().any():  # every order of NaN is as good as another
                    raise RecordError(f"{type(self.model).__name__} computed NaN, so it cannot be told which "
                                      "posts are like these")
                for example, feature in zip(part, made, strict=True):
                    sums[example.post] = sums.get(example.post, 0) + feature
        return sums


def pool_features(pool: Pool, tagger: Tagger, tell: Callable[[str], Any]) -> np.ndarray:
    """The vectors of all posts of the pool, float32 [posts, d]: from POOL.features.safetensors beside it, or
    made now.

    The stored ones are used only if pool and tagger are what they were made of. Where they cannot be
    stored, ``tell`` hears of it.
    """
    path = pool.path.with_name(pool.path.name + ".features.safetensors")
    seen = tagger.seen(pool.posts)
    digest = tagger.digest(seen)
    stored = _stored(path, digest)
    if stored is not None:
        return stored
    made = tagger.vectors(seen)
    try:
        write_atomic(path, save({"features": torch.from_numpy(made)}, metadata={"of": digest}))
    except GmnerError as problem:
        tell(f"the features of the pool are not stored: {problem.reason}")
    return made


def _stored(path: Path, of: str) -> np.ndarray | None:
    try:
        with safe_open(path, "pt") as file:
            return file.get_tensor("features").numpy() if (file.metadata() or {}).get("of") == of else None
    except (SafetensorError, OSError):  # absent, damaged, or something else of that name: made again
        return None
