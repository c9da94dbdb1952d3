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

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """As every tagger with an encoder; what a subclass adds to the network comes last.

        It is left out where the subclass has groups of its own, which then name it once more.
        """
        own = ("encoder.", "head.", "crf.")
        added = [p for name, p in self.named_parameters() if p.requires_grad and not name.startswith(own)]
        known = {id(p) for p in added}
        groups = super().parameter_groups(lr, head_lr)
        for group in groups:
            group["params"] = [p for p in group["params"] if id(p) not in known]
        if added and type(self).parameter_groups is CrfTagger.parameter_groups:
            rate = (head_lr if self.config.linear_at_head_lr else None) or lr
            groups.append({"params": added, "lr": rate})
        return groups
