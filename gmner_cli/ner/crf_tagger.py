"""The tagger of PLIM (Li et al. 2023, section 3.3): ``[CLS] s [SEP] z [SEP]``, an encoder, and a CRF over s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from gmner_cli.errors import GmnerError, ModelError, UsageError
from gmner_cli.model import Example, Model, Site
from gmner_cli.ner.crf import TagCrf
from gmner_cli.ner.cut import Cut, learn
from gmner_cli.ner.encoder import EncoderConfig, TextEncoder, case_of
from gmner_cli.ner.words import Window, bio_labels, spans_of, tags_of, windows, words_of
from gmner_cli.records import Entity, Post
from gmner_cli.scoring.report import score


class TaggerConfig(EncoderConfig, kw_only=True):
    """Settings of the baseline tagger."""

    dropout: float = 0.1
    """On the word representations that go into the tag scores."""
    word_dropout: float = 0.0
    """Share of words whose sub-words are replaced by the mask token while training."""
    knowledge: bool = False
    """Read the posts' ``knowledge`` as a second segment (PLIM); only s is tagged."""
    knowledge_source: str | None = None
    """Read only entries of this source, such as "llm:smollm2"; by default those of any."""
    augment: bool = True
    """Train on every knowledge entry of a post, each in an example of its own (RiVEG, "after data augmentation"); else,
    as prediction always does, on the first."""
    linear_at_head_lr: bool = True
    """Train the linear layer of tag scores at ``head_lr``, like the CRF; else at ``lr``, like the encoder."""
    save_dtype: str = "float32"
    """float32 or float16: how checkpoints store the trained weights."""


@dataclass(slots=True)
class Words:
    """What one window of a post gives to the encoder."""

    window: Window
    pieces: list[list[int]]
    cases: list[int]
    spans: list[tuple[int, int]]
    extra: list[int]
    tags: list[int] | None


class CrfTagger(Model):
    """Encoder, linear layer and CRF over the first sub-word of every word of the post."""

    Config = TaggerConfig
    finds = ("entities",)
    metric = "f1"
    load_time = frozenset({"encoder"})
    fact_bound = ("head.", "crf.")

    def __init__(self, config: TaggerConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        self.labels = bio_labels(facts["types"])
        self.cut = Cut.of(facts)
        facts["cut"] = msgspec.to_builtins(self.cut)
        self.encoder = TextEncoder(config, site)
        trained_on = facts.setdefault("base_sha256", self.encoder.base_sha256)
        if trained_on != self.encoder.base_sha256:
            raise ModelError(f"was trained on other weights than those of {config.encoder} "
                             f"(sha256 {str(trained_on)[:12]}…, here {str(self.encoder.base_sha256)[:12]}…)",
                             where=str(site.folder), hint="--set encoder=FOLDER names the right ones")
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.encoder.width, len(self.labels))
        self.crf = TagCrf(self.labels)

    @classmethod
    def learn_facts(cls, config: TaggerConfig, posts: Sequence[Post]) -> dict[str, Any]:
        types = sorted({entity.type for post in posts for entity in post.entities or []})
        if not types:
            raise GmnerError("the training posts hold no entity, so there is nothing to learn",
                             hint="training needs records with `entities`, as `gmner prepare` writes them")
        return {"types": types, "cut": msgspec.to_builtins(learn(post.tokens for post in posts if post.tokens))}

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """A window of a post each; a post with several knowledge entries gives one per entry while training."""
        tokenizer = self.encoder.tokenizer
        words = [words_of(post, self.cut) for post in posts]
        pieces = self.encoder.pieces([w for w, _ in words])
        examples = []
        for index, (post, (texts, spans), ids) in enumerate(zip(posts, words, pieces, strict=True)):
            if not texts:
                continue
            cases = [case_of(word) for word in texts]
            tags = [self.labels.index(t) for t in self._known(tags_of(post, spans), post)] if training else None
            budget = self.config.max_length - 2
            for extra in self._knowledge(post, training):
                for window in windows([len(p) for p in ids], budget):
                    a, b = window.words
                    # A window that begins inside an entity would ask the CRF for a start that IOB2 forbids.
                    while tags and a < b and self.labels[tags[a]].startswith("I-"):
                        a += 1
                    if a == b:
                        continue
                    used = sum(map(len, ids[a:b])) + 2
                    # The knowledge gives way, never the post (methods: "truncation cuts z, never s").
                    room = max(0, self.config.max_length - used - 1)
                    cut = extra[:room]
                    data = Words(window, ids[a:b], cases[a:b], spans[a:b], cut, tags[a:b] if tags else None)
                    examples.append(Example(index, used + (len(cut) + 1 if cut else 0), data))
        if examples and tokenizer.sep_token_id is None:
            raise UsageError(f"the tokenizer of {self.config.encoder} has no separator token")
        return examples

    def _known(self, tags: list[str], post: Post) -> list[str]:
        for tag in tags:
            if tag not in self.labels:
                raise GmnerError(f"type {tag[2:]!r} is not among the model's: {', '.join(self.facts['types'])}",
                                 where=f"post {post.id}", hint=f"rename it with --label-map {tag[2:]}=NEW")
        return tags

    def _knowledge(self, post: Post, training: bool) -> list[list[int]]:
        source = self.config.knowledge_source
        entries = [k for k in post.knowledge or [] if source is None or k.source == source] if self.config.knowledge else []
        if not entries:
            return [[]]
        entries = entries if training and self.config.augment else entries[:1]
        return self.encoder.encode([k.text for k in entries], truncation=True, max_length=self.config.max_length)

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """ids, mask, kinds, cases, owner: int64 [B, T]; first, tags: int64 [B, W]; word_mask: bool [B, W].

        ``owner`` is the number of the word that a sub-word belongs to, from 1; 0 for all others.
        """
        tokenizer = self.encoder.tokenizer
        start = tokenizer.cls_token_id
        stop = tokenizer.sep_token_id
        rows: dict[str, list[Tensor]] = {k: [] for k in ("ids", "kinds", "cases", "owner", "first", "word_mask", "tags")}
        for example in examples:
            words: Words = example.data
            ids, cases, owner, first = [start], [0], [0], []
            for number, (piece, case) in enumerate(zip(words.pieces, words.cases, strict=True), 1):
                first.append(len(ids))
                ids += piece
                cases += [case] * len(piece)
                owner += [number] * len(piece)
            second = [stop, *words.extra, stop] if words.extra else [stop]
            rows["ids"].append(torch.tensor(ids + second))
            rows["cases"].append(torch.tensor(cases + [0] * len(second)))
            rows["owner"].append(torch.tensor(owner + [0] * len(second)))
            rows["kinds"].append(torch.tensor([0] * (len(ids) + 1) + [1] * (len(second) - 1)))
            rows["first"].append(torch.tensor(first))
            rows["word_mask"].append(torch.ones(len(first), dtype=torch.bool))
            if words.tags is not None:
                rows["tags"].append(torch.tensor(words.tags))
        batch = {k: pad_sequence(v, batch_first=True, padding_value=tokenizer.pad_token_id if k == "ids" else 0)
                 for k, v in rows.items() if v}
        lengths = torch.tensor([len(r) for r in rows["ids"]])
        batch["mask"] = (torch.arange(batch["ids"].shape[1])[None] < lengths[:, None]).long()
        return batch

    def word_states(self, batch: dict[str, Any]) -> Tensor:
        """What the tags are told by: states of the first sub-word of every word, float [B, W, d]."""
        ids = batch["ids"]
        if self.training and self.config.word_dropout:
            # Drawn here and not in ``collate``: that runs in a thread, and its draws would come in no fixed order.
            dropped = torch.rand(len(ids), batch["first"].shape[1] + 1, device=ids.device) < self.config.word_dropout
            dropped[:, 0] = False
            ids = ids.masked_fill(dropped.gather(1, batch["owner"]), self.encoder.tokenizer.mask_token_id)
        hidden = self.encoder(ids, batch["mask"], batch["kinds"], batch["cases"])
        return hidden.gather(1, batch["first"][:, :, None].expand(-1, -1, hidden.shape[-1]))

    def emissions(self, batch: dict[str, Any]) -> Tensor:
        """Tag scores of every word, float [B, W, labels]."""
        return self.head(self.dropout(self.word_states(batch)))

    def loss(self, batch: dict[str, Any]) -> Tensor:
        return self.crf.loss(self.emissions(batch), batch["tags"], batch["word_mask"])

    def predict(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        """Per window: ``tags`` and ``sure``, the marginal probability of each chosen tag."""
        emissions = self.emissions(batch)
        paths = self.crf.decode(emissions, batch["word_mask"])
        marginals = self.crf.marginals(emissions, batch["word_mask"]).cpu()
        return [{"tags": [self.labels[t] for t in path],
                 "sure": marginals[row, range(len(path)), path].clamp(0, 1).tolist()}
                for row, path in enumerate(paths)]

    def embed(self, examples: Sequence[Example], batch: dict[str, Any]) -> Tensor:
        """The states of the first sub-words of all words, summed, float [B, d]; words that two windows hold count once."""
        sums = []
        for example, states in zip(examples, self.word_states(batch).float(), strict=True):
            (offset, _), (start, end) = example.data.window.words, example.data.window.keep
            sums.append(states[start - offset:end - offset].sum(0))
        return torch.stack(sums)

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        """Entities of each post, joined over its windows; an entity is as sure as its least sure tag."""
        gathered: dict[int, list[tuple[int, tuple[int, int], str, float]]] = {i: [] for i in range(len(posts))}
        for example, output in zip(examples, outputs, strict=True):
            words: Words = example.data
            offset, (a, b) = words.window.words[0], words.window.keep
            for word in range(a, b):
                at = word - offset
                gathered[example.post].append((word, words.spans[at], output["tags"][at], output["sure"][at]))
        for index, rows in gathered.items():
            rows.sort()
            post = posts[index]
            post.entities = [self._entity(post, rows[a:b], a, b, kind)
                             for a, b, kind in spans_of([tag for _, _, tag, _ in rows])]

    @staticmethod
    def _entity(post: Post, rows: list, first: int, end: int, kind: str) -> Entity:
        start, stop = rows[0][1][0], rows[-1][1][1]
        entity = Entity(start=start, end=stop, text=post.text[start:stop], type=kind,
                        score=round(min(row[3] for row in rows), 4))
        if post.tokens is not None:
            entity.token_start, entity.token_end = first, end
        return entity

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        """Precision, recall and F1 of span and type (the MNER row of ``gmner score``), in percent."""
        row = score(predicted, gold)["rows"]["MNER"]
        return {name: row[name] for name in ("precision", "recall", "f1")}

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """The encoder at ``lr``; the CRF, the case embeddings and perhaps the tag scores at ``head_lr``."""
        base = [p for p in self.encoder.base.parameters() if p.requires_grad]
        head = list(self.encoder.cases.parameters()) if self.encoder.cases else []
        (head if self.config.linear_at_head_lr else base).extend(self.head.parameters())
        return [{"params": base, "lr": lr}, {"params": head, "lr": head_lr or lr},
                {"params": list(self.crf.parameters()), "lr": head_lr or lr, "weight_decay": 0.0}]

    def representable(self, post: Post) -> list[tuple[int, int, str]]:
        """Whole words, and of entities that share words the first, then the longest."""
        _, spans = words_of(post, self.cut)
        return [(spans[a][0], spans[b - 1][1], kind) for a, b, kind in spans_of(tags_of(post, spans))]

    def same_labels(self, facts: dict[str, Any]) -> bool:
        """How words are cut binds no weight: a tagger may go on from one that was trained on other tokens."""
        return super().same_labels({**facts, "cut": self.facts["cut"]})

    def saved_state(self) -> dict[str, Tensor]:
        """What was trained; the rest comes again from ``encoder``."""
        dtype = {"float32": torch.float32, "float16": torch.float16}.get(self.config.save_dtype)
        if dtype is None:
            raise UsageError(f"save_dtype {self.config.save_dtype!r} is not float32 or float16")
        return {name: p.to(dtype) for name, p in self.named_parameters() if p.requires_grad}

    def save_extras(self, folder: Path) -> None:
        self.encoder.save_pieces(folder)

    def ready(self) -> None:
        self.encoder.merge()
