"""Taggers with a pretrained text encoder: they read ``[CLS] s [SEP] z [SEP]``, the post and its knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from gmner_cli.errors import ModelError, UsageError
from gmner_cli.model import Example, WeightSource
from gmner_cli.ner.encoder import EncoderConfig, TextEncoder, case_of
from gmner_cli.ner.tagger import Tagger, padded
from gmner_cli.records import Post


class EncoderTaggerConfig(EncoderConfig, kw_only=True):
    """Settings of every tagger with a text encoder."""

    dropout: float = 0.1
    """On the word representations that go into the scores."""
    word_dropout: float = 0.0
    """Share of words whose sub-words are replaced by the mask token while training."""
    knowledge: bool = False
    """Read the posts' ``knowledge`` as a second segment (PLIM); only s is tagged."""
    knowledge_source: str | None = None
    """Read only entries of this source, such as "llm:smollm2"; by default those of any."""
    augment: bool = True
    """Train on every knowledge entry of a post, each in an example of its own (RiVEG, "after data
    augmentation"); else, as prediction always does, on the first."""
    linear_at_head_lr: bool = True
    """Train what makes scores of the encoder's states at ``head_lr``, like the CRF; else at ``lr``."""
    save_dtype: str = "float32"
    """float32 or float16: how checkpoints store the trained weights."""


class EncoderTagger(Tagger):
    """States of words are those of their first sub-words in ``encoder``, ``encoder.width`` numbers each.

    A checkpoint holds what was trained; the rest comes again from ``config.encoder``. The sha256 of its
    weights is the fact "base_sha256". Raises ModelError where those are others now.
    """

    Config = EncoderTaggerConfig
    adjustable = frozenset({"encoder"})

    def __init__(self, config: EncoderTaggerConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.encoder = TextEncoder(config, source)
        self.frame = self.encoder.frame
        trained_on = facts.setdefault("base_sha256", self.encoder.base_sha256)
        if trained_on != self.encoder.base_sha256:
            raise ModelError(f"was trained on other weights than those of {config.encoder} "
                             f"(sha256 {str(trained_on)[:12]}…, here {str(self.encoder.base_sha256)[:12]}…)",
                             where=str(source.folder), hint="--set encoder=FOLDER names the right ones")
        self.dropout = nn.Dropout(config.dropout)

    def pieces(self, texts: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        return self.encoder.pieces(texts)

    def beside(self, post: Post, training: bool) -> list[list[int]]:
        """Sub-words of the post's knowledge: in training with ``augment`` of each entry, else of one."""
        source = self.config.knowledge_source
        entries = [k for k in post.knowledge or [] if source is None or k.source == source]
        if not entries or not self.config.knowledge:
            return [[]]
        entries = entries if training and self.config.augment else entries[:1]
        most = self.config.max_length
        return self.encoder.encode([k.text for k in entries], truncation=True, max_length=most)

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """As every tagger; and cases: int64 [B, T], indexes into CASES of the sub-words' words."""
        batch = super().collate(examples, images)
        looks = padded([torch.tensor([0, *map(case_of, example.data.words)]) for example in examples])
        batch["cases"] = looks.gather(1, batch["owner"])
        return batch

    def word_states(self, batch: dict[str, Any]) -> Tensor:
        """States of the first sub-word of every word, float [B, W, d], before ``dropout``."""
        ids = batch["ids"]
        if self.training and self.config.word_dropout:
            # Drawn here and not in ``collate``: that runs in a thread, and its draws would come in any order.
            count = batch["first"].shape[1] + 1
            dropped = torch.rand(len(ids), count, device=ids.device) < self.config.word_dropout
            dropped[:, 0] = False
            ids = ids.masked_fill(dropped.gather(1, batch["owner"]), self.encoder.hidden_piece)
        hidden = self.encoder(ids, batch["mask"], batch["kinds"], batch["cases"])
        return hidden.gather(1, batch["first"][:, :, None].expand(-1, -1, hidden.shape[-1]))

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """The encoder at ``lr``; at ``head_lr`` its case embeddings and, with ``linear_at_head_lr``, all that
        is no part of it. What is called ``crf`` is always at ``head_lr``, and not decayed."""
        base = [p for p in self.encoder.base.parameters() if p.requires_grad]
        head = list(self.encoder.cases.parameters()) if self.encoder.cases else []
        own = {name: part for name, part in self.named_parameters()
               if part.requires_grad and not name.startswith("encoder.")}
        (head if self.config.linear_at_head_lr else base).extend(
            part for name, part in own.items() if not name.startswith("crf."))
        crf = [part for name, part in own.items() if name.startswith("crf.")]
        return [{"params": base, "lr": lr}, {"params": head, "lr": head_lr or lr},
                {"params": crf, "lr": head_lr or lr, "weight_decay": 0.0}]

    def saved_state(self) -> dict[str, Tensor]:
        """What was trained; the rest comes again from ``encoder``."""
        dtype = {"float32": torch.float32, "float16": torch.float16}.get(self.config.save_dtype)
        if dtype is None:
            raise UsageError(f"save_dtype {self.config.save_dtype!r} is not float32 or float16")
        return {name: p.to(dtype) for name, p in self.named_parameters() if p.requires_grad}

    def save_extras(self, folder: Path) -> None:
        self.encoder.save_pieces(folder)

    def prepare_to_predict(self) -> None:
        self.encoder.merge()
