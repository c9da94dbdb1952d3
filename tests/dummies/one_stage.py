"""Entities, whether they are visible, and where, by one decoder over words and regions.

In the manner of H-Index (Yu et al. 2023). ``Propose`` makes the regions, ``Align`` pre-trains words and
regions against each other, ``OneStage`` reads both. The target of a post is, entity by entity in text order:
its word indexes, then groundable or ungroundable, then its type. The state that emits groundable points to
the region.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import BartConfig, BartModel

from gmner_cli.model import Example, Model
from gmner_cli.ner.words import words_of
from gmner_cli.pictures.crops import crop
from gmner_cli.pictures.images import NO_PICTURES
from gmner_cli.records import Box, Entity, Proposal
from gmner_cli.scoring.regions import box_iou
from gmner_cli.scoring.task_scores import score

STOP, GROUNDABLE, UNGROUNDABLE, TYPES = 0, 1, 2, 3
"""Numbers of the classes; types follow, and after them the words of the post."""
SIDE = 4
"""Pixels to which a picture or region is scaled, 3 colours each."""
COVERED = 0.5
"""A region covers a gold box when their IoU is above this."""


class Propose:
    """Stage without weights: the boxes of the picture's plain colours, white left out."""

    name = "propose"
    finds = ("proposals",)
    reads_images = True
    window = 32

    def __init__(self, most: int = 4, *, pictures=NO_PICTURES):
        self.most, self.pictures = most, pictures

    def __call__(self, posts):
        for post in posts:
            if post.proposals is None and post.image is not None and not post.set_aside:
                found = self.boxes(self.pictures.load(post))
                post.proposals = [Proposal(box=box, score=1.0) for box in found]
        return posts

    def boxes(self, picture) -> list[Box]:
        pixels = np.asarray(picture)
        found = []
        for colour in np.unique(pixels.reshape(-1, 3), axis=0)[:self.most + 1]:
            rows, columns = np.nonzero((pixels == colour).all(-1))
            if colour.min() < 255:
                corners = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                found.append(tuple(map(float, corners)))
        return found[:self.most]


class Config(msgspec.Struct, forbid_unknown_fields=True):
    buckets: int = 256
    width: int = 32
    regions: int = 4
    """K, the best-scored proposals of a post that are read."""
    temperature: float = 0.1
    """Of ``Align``."""


class Named(NamedTuple):
    """Of a gold entity: its words, its class, and the IoU of each region with its boxes, 0 up to COVERED."""

    words: range
    type: int
    overlaps: list[float]


class Read(NamedTuple):
    """A post as it goes into a batch; ``named`` is None in prediction."""

    words: list[str]
    spans: list[tuple[int, int]]
    boxes: list[Box]
    named: list[Named] | None


class OneStage(Model):
    """Shapes: B posts of N words and K regions, S steps, C classes, width d."""

    Config = Config
    finds = ("entities", "visible", "boxes", "box_scores")
    reads_images = True
    metric = "f1"

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.types, d = facts["types"], config.width
        self.word, self.seen = nn.Embedding(config.buckets, d), nn.Linear(3 * SIDE * SIDE, d)
        self.label = nn.Parameter(torch.randn(TYPES + len(self.types), d) / d ** 0.5)
        self.kind = nn.Parameter(torch.randn(3, d) / d ** 0.5)  # word, whole picture, region
        self.net = BartModel(BartConfig(
            vocab_size=4, d_model=d, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=2 * d, decoder_ffn_dim=2 * d, dropout=0.0,
            max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
            decoder_start_token_id=1))
        self.mix_words, self.mix_regions = (nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))
                                            for _ in range(2))

    @classmethod
    def learn_facts(cls, config, posts):
        return {"types": sorted({entity.type for post in posts for entity in post.entities or []})}

    # ---- from posts to batches ---------------------------------------------

    def examples(self, posts, training):
        found = []
        for index, post in enumerate(posts):
            words, spans = words_of(post)
            ranked = sorted(post.proposals or [], key=lambda proposal: -(proposal.score or 0.0))
            boxes = [proposal.box for proposal in ranked[:self.config.regions] if post.image is not None]
            gold = sorted(post.entities or [], key=lambda entity: entity.span)
            named = [self.named(entity, spans, boxes) for entity in gold] if training else None
            if words:
                found.append(Example(index, len(words), Read(words, spans, boxes, named)))
        return found

    def named(self, entity, spans, boxes):
        inside = [n for n, (start, end) in enumerate(spans) if start < entity.end and entity.start < end]
        overlaps = [max((box_iou(box, gold) for gold in entity.boxes or []), default=0.0) for box in boxes]
        return Named(range(inside[0], inside[-1] + 1), TYPES + self.types.index(entity.type),
                     [overlap if overlap > COVERED else 0.0 for overlap in overlaps])

    def collate(self, examples, images):
        """ids [B, N], image [B, 48], regions [B, K, 48], there [B, K]; in training also what ``target``
        gives: targets [B, S] and overlaps [B, S, K]."""
        reads = [example.data for example in examples]
        k = max(1, *(len(read.boxes) for read in reads))
        ids = [[1 + zlib.crc32(word.encode()) % (self.config.buckets - 1) for word in read.words]
               for read in reads]
        regions = [[pixels(crop(image, box, example.image_size)) for box in example.data.boxes]
                   for example, image in zip(examples, images, strict=True)]
        regions = [torch.stack(row + [pixels(None)] * (k - len(row))) for row in regions]
        batch = {"ids": padded(ids), "image": torch.stack([pixels(image) for image in images]),
                 "regions": torch.stack(regions),
                 "there": torch.tensor([[n < len(read.boxes) for n in range(k)] for read in reads])}
        if reads[0].named is not None:
            targets = [self.target(read, k) for read in reads]
            batch["targets"] = padded([ids for ids, _ in targets], -100)
            batch["overlaps"] = padded([rows for _, rows in targets])
            batch["named"] = [read.named for read in reads]
        return batch

    def target(self, read, k):
        """Tokens of the post, and for each the regions that it points to (none but for a groundable)."""
        ids, rows, none = [], [], [0.0] * k
        for each in read.named:
            shown = any(each.overlaps)
            words = [len(self.label) + n for n in each.words]
            ids += [*words, GROUNDABLE if shown else UNGROUNDABLE, each.type]
            rows += [*([none] * len(each.words)), each.overlaps + none[len(each.overlaps):], none]
        return [*ids, STOP], [*rows, none]

    # ---- the network -------------------------------------------------------

    def read(self, batch):
        """Encoder states and mask [B, N + 1 + K]; what scores tokens [B, C + N] and regions [B, K]."""
        words, regions = self.word(batch["ids"]) + self.kind[0], self.seen(batch["regions"]) + self.kind[2]
        image = (self.seen(batch["image"]) + self.kind[1])[:, None]
        mask = torch.cat([batch["ids"] > 0, torch.ones_like(batch["there"][:, :1]), batch["there"]], 1).long()
        states = self.net.encoder(inputs_embeds=torch.cat([words, image, regions], 1), attention_mask=mask)[0]
        n = words.shape[1]
        words = (words + self.mix_words(states[:, :n])) / 2
        tokens = torch.cat([self.label.expand(len(words), -1, -1), words], 1)
        return states, mask, tokens, (regions + self.mix_regions(states[:, n + 1:])) / 2

    def decode(self, states, mask, tokens, before):
        """Decoder states [B, S + 1, d] after the start and each of the tokens ``before`` [B, S]."""
        given = tokens.gather(1, before[..., None].expand(-1, -1, tokens.shape[-1]))
        given = torch.cat([tokens[:, :1], given], 1)  # STOP also starts
        return self.net.decoder(inputs_embeds=given, encoder_hidden_states=states,
                                encoder_attention_mask=mask, use_cache=False)[0]

    def loss(self, batch):
        """Cross-entropy of the tokens, and KL of the regions from the state that emits a groundable."""
        states, mask, tokens, regions = self.read(batch)
        targets = batch["targets"]
        out = self.decode(states, mask, tokens, targets[:, :-1].clamp(min=0))
        spoken = functional.cross_entropy((out @ tokens.mT).flatten(0, 1), targets.flatten())
        shares = batch["overlaps"] / batch["overlaps"].sum(-1, keepdim=True).clamp(min=1e-9)
        said = (out @ regions.mT).masked_fill(~batch["there"][:, None], -1e9).log_softmax(-1)
        count = (targets == GROUNDABLE).sum().clamp(min=1)
        pointed = functional.kl_div(said, shares, reduction="sum") / count
        return spoken + pointed, {"token_loss": spoken.item(), "region_loss": pointed.item()}

    def predict(self, batch):
        """Per post its tokens, greedy and well formed, each with the best region and its probability."""
        states, mask, tokens, regions = self.read(batch)
        words = (batch["ids"] > 0).sum(1).tolist()
        said: list[list[tuple[int, int, float]]] = [[] for _ in words]
        open_rows = set(range(len(words)))
        while open_rows:
            before = torch.tensor([[token for token, *_ in row] for row in said], dtype=torch.long)
            out = self.decode(states, mask, tokens, before.view(len(said), -1).to(states.device))[:, -1:]
            scores = (out @ tokens.mT)[:, 0]
            chances, best = (out @ regions.mT)[:, 0].masked_fill(~batch["there"], -1e9).softmax(-1).max(-1)
            for n, row in enumerate(said):
                allowed = self.allowed([token for token, *_ in row], words[n], bool(batch["there"][n].any()))
                token = max(allowed, key=lambda t: scores[n, t].item()) if n in open_rows else STOP
                row.append((token, int(best[n]), float(chances[n])))
                if token == STOP:
                    open_rows.discard(n)
        return said

    def allowed(self, said, words, regions):
        """Tokens that may follow: a later word or the end; the next word or an indicator; a type."""
        first = len(self.label)
        last = max((token - first for token in said if token >= first), default=-1)
        if said and said[-1] in (GROUNDABLE, UNGROUNDABLE):
            return range(TYPES, first)
        if said and said[-1] >= first:
            following = range(first + last + 1, first + min(last + 2, words))
            return [*following, UNGROUNDABLE, *([GROUNDABLE] if regions else [])]
        return [*range(first + last + 1, first + words), STOP]

    def write(self, posts, examples, outputs):
        for post in posts:
            post.entities = []
        for example, said in zip(examples, outputs, strict=True):
            inside, region = [], None
            for token, best, chance in said:
                if token >= len(self.label):
                    inside.append(token - len(self.label))
                elif token in (GROUNDABLE, UNGROUNDABLE):
                    region = (example.data.boxes[best], chance) if token == GROUNDABLE else None
                elif token != STOP:
                    start, end = example.data.spans[inside[0]][0], example.data.spans[inside[-1]][1]
                    posts[example.post].entities.append(Entity(
                        start=start, end=end, type=self.types[token - TYPES], visible=region is not None,
                        boxes=[region[0]] if region else [],
                        box_scores=[round(region[1], 4)] if region else []))
                    inside = []

    def evaluate(self, predicted, gold):
        return {"f1": score(predicted, gold)["rows"].get("GMNER", {"f1": 0.0})["f1"]}


class Align(OneStage):
    """The contrastive phase: an entity's words and the region that shows it, among its post's (InfoNCE)."""

    finds = ()
    metric = "dev_loss"

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.from_words, self.from_region = (nn.Linear(config.width, config.width) for _ in range(2))

    def examples(self, posts, training):
        """Only posts in which something is shown have something to teach."""
        return [example for example in super().examples(posts, training)
                if not training or any(any(each.overlaps) for each in example.data.named)]

    def loss(self, batch):
        words, regions = self.word(batch["ids"]), self.from_region(self.seen(batch["regions"]))
        shown = [(n, list(each.words), each.overlaps.index(max(each.overlaps)))
                 for n, post in enumerate(batch["named"]) for each in post if any(each.overlaps)]
        texts = self.from_words(torch.stack([words[n, inside].mean(0) for n, inside, _ in shown]))
        owner = [n for n, *_ in shown]
        likeness = functional.cosine_similarity(texts[:, None], regions[owner], dim=-1)
        scores = (likeness / self.config.temperature).masked_fill(~batch["there"][owner], -1e9)
        right = torch.tensor([where for *_, where in shown], device=scores.device)
        pointed = (scores.argmax(-1) == right).float().mean()
        return functional.cross_entropy(scores, right), {"pointed": pointed.item()}


def padded(rows, value=0):
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)


def pixels(picture) -> torch.Tensor:
    """A picture as float [48] in [0, 1]; zeros where there is none."""
    if picture is None:
        return torch.zeros(3 * SIDE * SIDE)
    return torch.from_numpy(np.asarray(picture.resize((SIDE, SIDE))).copy()).float().flatten() / 255
