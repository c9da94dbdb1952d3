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

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.hub import sha256
from gmner_cli.jsonl import write_atomic
from gmner_cli.language.similar.pool import Pool
from gmner_cli.model import to_device
from gmner_cli.model_folder import CONFIG, WEIGHTS, load_model
from gmner_cli.ner.crf_tagger import CrfTagger
from gmner_cli.records import Post
from gmner_cli.runtime import Runtime
from gmner_cli.stages import NO_PICTURES
from gmner_cli.training.batches import bucket, collate

BATCH = 32


class Tagger:
    """Maps posts to unit vectors by the encoder of a trained tagger (RiVEG, section IV-B1, M_b)."""

    def __init__(self, folder: Path, runtime: Runtime, *, offline: bool = False):
        """Raises ModelError for a folder without a model, UsageError for a model that is no tagger."""
        model = load_model(folder, offline=offline)
        if not isinstance(model, CrfTagger):
            raise UsageError(f"{type(model).__name__} is not a tagger, and only taggers tell posts that are alike",
                             where=str(folder), hint="give the folder of a model of `gmner train-ner`")
        model.ready()
        self.model, self.runtime = model.to(runtime.device), runtime
        self.identity = hashlib.sha256(f"{sha256(folder / WEIGHTS)} {sha256(folder / CONFIG)}".encode()).hexdigest()
        """Changes with the weights, those of a frozen encoder too: the config holds their sha256."""

    def __call__(self, posts: Sequence[Post]) -> np.ndarray:
        """Unit vectors, float32 [posts, d]; zero for a post without words.

        The mean over the encoder's states of the first sub-words of all words. Knowledge is not read: the
        posts that are asked about have none yet. Posts of the same words get the same vector, bit for bit.
        """
        same: dict[tuple[str, tuple[str, ...] | None], int] = {}
        rows = [same.setdefault((p.text, None if p.tokens is None else tuple(p.tokens)), len(same)) for p in posts]
        first = dict(zip(reversed(rows), reversed(posts), strict=True))
        return self._vectors([msgspec.structs.replace(first[row], knowledge=None) for row in range(len(same))])[rows]

    def _vectors(self, posts: list[Post]) -> np.ndarray:
        examples = self.model.examples(posts, training=False)
        total = torch.zeros(len(posts), self.model.encoder.width)
        with torch.no_grad(), self.runtime.autocast():
            for indexes in bucket(examples, BATCH):
                part = [examples[i] for i in indexes]
                batch = to_device(collate(self.model, part, posts, NO_PICTURES, self.runtime), self.runtime.device)
                for example, states in zip(part, self.model.word_states(batch).float().cpu(), strict=True):
                    window = example.data.window
                    (offset, _), (start, end) = window.words, window.keep
                    total[example.post] += states[start - offset:end - offset].sum(0)
        # Cosine does not ask for the number of words, so the sum does as well as the mean.
        return torch.nn.functional.normalize(total, dim=-1).numpy()


def pool_features(pool: Pool, tagger: Tagger, tell: Callable[[str], Any]) -> np.ndarray:
    """The vectors of all posts of the pool, float32 [posts, d]: from POOL.features.safetensors beside it, or made now.

    The stored ones are used only if pool and tagger are what they were made of. Where they cannot be
    stored, ``tell`` hears of it.
    """
    path = pool.path.with_name(pool.path.name + ".features.safetensors")
    digest = hashlib.sha256(tagger.identity.encode())
    for post in pool.posts:
        digest.update(json.dumps([post.id, post.text, post.tokens]).encode() + b"\n")
    stored = _stored(path, digest.hexdigest())
    if stored is not None:
        return stored
    made = tagger(pool.posts)
    try:
        write_atomic(path, save({"features": torch.from_numpy(made)}, metadata={"of": digest.hexdigest()}))
    except GmnerError as problem:
        tell(f"the features of the pool are not stored: {problem.reason}")
    return made


def _stored(path: Path, of: str) -> np.ndarray | None:
    try:
        with safe_open(path, "pt") as file:
            return file.get_tensor("features").numpy() if (file.metadata() or {}).get("of") == of else None
    except (SafetensorError, OSError):  # absent, damaged, or something else of that name: made again
        return None
