"""The tagger of PLIM (Li et al. 2023, section 3.3): an encoder of ``[CLS] s [SEP] z [SEP]``, a CRF over s."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gmner_cli.model import WeightSource
from gmner_cli.ner.encoder_tagger import EncoderTagger, EncoderTaggerConfig
from gmner_cli.ner.tag_path import TagPathTagger


class TaggerConfig(EncoderTaggerConfig, kw_only=True):
    """Settings of the baseline tagger."""


class CrfTagger(TagPathTagger, EncoderTagger):
    """Encoder, linear layer and CRF over the first sub-word of every word of the post."""

    Config = TaggerConfig

    def __init__(self, config: TaggerConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.end_in_crf(self.encoder.width)

    def emissions(self, batch: dict[str, Any]) -> Tensor:
        """Tag scores of every word, float [B, W, labels]."""
        return self.head(self.dropout(self.word_states(batch)))
