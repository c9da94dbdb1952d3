"""A Florence-2 (Xiao et al. 2024) taken apart: read pictures once, read texts with them, decode step by
step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from gmner_cli.errors import UsageError, shown
from gmner_cli.model import WeightSource
from gmner_cli.weights.backbone import Backbone

CLASSES = {"Florence2ForConditionalGeneration": "transformers"}

SLOT = "{expression}"


def check_prompt(prompt: str) -> str:
    """The prompt. Raises UsageError when it has no place, or several, for the expression."""
    if prompt.count(SLOT) != 1:
        raise UsageError(f"prompt {shown(prompt)!r} must hold {SLOT} once")
    return prompt


class Florence(nn.Module):
    """Picture and text fuse in the encoder, so the pixels are encoded once per picture and the rest once per
    text."""

    def __init__(self, checkpoint: str, text_length: int, source: WeightSource):
        super().__init__()
        self.backbone = Backbone.load(CLASSES, checkpoint, source)
        self.net, self.tokenizer, self.text_length = self.backbone.net, self.backbone.tokenizer, text_length
        # What labels and generated sequences begin with: the decoder's start token, then <s>.
        self.start = [self.net.config.text_config.decoder_start_token_id, self.tokenizer.bos_token_id]

    def inputs(self, texts: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Any]:
        """pixels: float [P, 3, H, W]; ids, mask: int64 [N, T]."""
        words = self.tokenizer(list(texts), padding=True, truncation=True, split_special_tokens=True,
                               max_length=self.text_length, return_tensors="pt")
        pixels = self.backbone.processor(list(images), return_tensors="pt")["pixel_values"]
        return {"pixels": pixels, "ids": words["input_ids"], "mask": words["attention_mask"]}

    def read(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Encoder states float [N, I + T, d] over I picture tokens and the text, and their mask int64 [N, I +
        T].

        ``batch``: ``inputs``, and owner int64 [N], the picture of each text.
        """
        seen = self.net.get_image_features(batch["pixels"]).pooler_output[batch["owner"]]
        words = self.net.get_input_embeddings()(batch["ids"])
        mask = torch.cat([batch["mask"].new_ones(seen.shape[:2]), batch["mask"]], 1)
        states = self.net.get_encoder()(inputs_embeds=torch.cat([seen.to(words.dtype), words], 1),
                                        attention_mask=mask)
        return states.last_hidden_state, mask

    def decode(self, ids: Tensor, states: Tensor, mask: Tensor, cache: Any = None) -> tuple[Tensor, Any]:
        """Decoder states float [N, S, d] of ``ids`` int64 [N, S], which follow those in ``cache``; and the
        new cache."""
        out = self.net.model.language_model.decoder(
            input_ids=ids, encoder_hidden_states=states, encoder_attention_mask=mask, past_key_values=cache,
            use_cache=not self.training)
        return out.last_hidden_state, out.past_key_values

    def score(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Logits float32 [..., K] of K ``tokens`` (int64 [K]) after decoder states [..., d]."""
        return (states @ self.net.lm_head.weight[tokens].T.to(states.dtype)).float()

    def begin(self, count: int, *prefix: int) -> Tensor:
        """Decoder ids int64 [count, 2 + len(prefix)] that every sequence begins with."""
        return torch.tensor([[*self.start, *prefix]], device=self.net.device).expand(count, -1)

    def save(self, folder: Path) -> None:
        self.backbone.save(folder)
