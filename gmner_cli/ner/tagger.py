"""The base of every tagger: the words it reads, the windows of long posts, and the entities that it writes.

A tagger's own file holds its network. ``tag_path.TagPathTagger`` is for those that end in a CRF,
``encoder_tagger.EncoderTagger`` for those that read with a pretrained text encoder; ``crf_tagger.CrfTagger``
is both. Where neither fits, ``predict`` gives spans of words as ``Found``, and the base does the rest.
tests/dummies holds one tagger that scores spans, and one that looks at pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import msgspec
import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.model import Example, Model, WeightSource
from gmner_cli.ner.cut import Cut, learn
from gmner_cli.ner.words import Frame, Window, entities_of, windows, words_of
from gmner_cli.records import Entity, Post
from gmner_cli.scoring.task_scores import score


@dataclass(slots=True)
class Words:
    """One window of a post, the ``data`` of an example. All lists but ``spans`` begin with the window."""

    window: Window
    words: list[str]
    pieces: list[list[int]]
    """Sub-words of each word, as ``Tagger.pieces`` gave them."""
    extra: list[int]
    """Sub-words that are read after the post, as ``Tagger.beside`` gave them and as far as there is room."""
    spans: list[tuple[int, int]]
    """Characters of all words of the post."""
    gold: list[tuple[int, int, Entity]] | None
    """(first word, one past the last, entity) while training, else None. Of an entity that the window's end
    cuts it is the part that is read; while training no window begins inside one."""


class Found(NamedTuple):
    """An entity in words of the window that it was found in: from ``first`` up to but without ``end``."""

    first: int
    end: int
    type: str
    score: float | None = None
    """In [0, 1]; of entities that share words, the one with the highest stays."""
    fields: dict[str, Any] = {}
    """Further fields of the entity, such as ``fine_type``."""


class Tagger(Model):
    """Finds entities among the words of posts, in windows where a post is long.

    A subclass has ``loss`` and ``predict``; most have ``pieces`` and ``word_states`` too. One that looks sets
    ``reads_images`` and adds the pictures to what ``collate`` gives. Facts: "types", sorted, and "cut", how
    the training texts were cut into words.
    """

    finds = ("entities",)
    metric = "f1"
    flat: ClassVar[bool] = True
    """Whether a word belongs to one entity at most. False: gold entities that share words are all learnt, and
    all that are found are written."""

    def __init__(self, config: msgspec.Struct, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.types: list[str] = facts["types"]
        self.cut = Cut.of(facts)
        facts["cut"] = msgspec.to_builtins(self.cut)
        self.frame = Frame()

    @classmethod
    def learn_facts(cls, config: msgspec.Struct, posts: Sequence[Post]) -> dict[str, Any]:
        """Types and cut of the training posts. Raises GmnerError where they hold no entity."""
        types = sorted({entity.type for post in posts for entity in post.entities or []})
        if not types:
            raise GmnerError("the training posts hold no entity, so there is nothing to learn",
                             hint="training needs records with `entities`, as `gmner prepare` writes them")
        cut = learn(post.tokens for post in posts if post.tokens)
        return {"types": types, "cut": msgspec.to_builtins(cut)}

    def pieces(self, texts: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Ids of the sub-words, at least one, of every word of every text. By default a word is one, 0."""
        return [[[0] for _ in words] for words in texts]

    def beside(self, post: Post, training: bool) -> list[list[int]]:
        """Sub-words that are read after the post's own, such as its knowledge: for each list an example.

        They give way where there is no room for all. The default is one example with nothing beside.
        """
        return [[]]

    def word_states(self, batch: dict[str, Any]) -> Tensor:
        """States of the words of a collated batch, float [B, W, d]; ``embed`` asks for them."""
        raise UsageError(f"{type(self).__name__} has no `word_states`, so it cannot tell what is alike")

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """A window of a post each, with ``Words``; as often as there is something to read beside.

        Raises GmnerError while training for a type that the model does not have.
        """
        words = [words_of(post, self.cut) for post in posts]
        pieces = self.pieces([texts for texts, _ in words])
        found = []
        for index, (post, (texts, spans), ids) in enumerate(zip(posts, words, pieces, strict=True)):
            if texts:
                gold = self._known(post, entities_of(post, spans, self.flat)) if training else None
                found += [Example(index, length, data) for extra in self.beside(post, training)
                          for length, data in self._windows(texts, spans, ids, extra, gold)]
        return found

    def _windows(self, texts: list[str], spans: list[tuple[int, int]], ids: list[list[int]], extra: list[int],
                 gold: list[tuple[int, int, Entity]] | None) -> Iterable[tuple[int, Words]]:
        frame, costs = self.frame, [len(piece) for piece in ids]
        for window in windows(costs, sum(costs) if frame.longest is None else frame.longest - frame.size):
            a, b = window.words
            # A window that begins inside an entity would ask the CRF for a start that IOB2 forbids.
            while gold and (ends := [end for first, end, _ in gold if first < a < end]):
                a = max(ends)
            if a >= b:
                continue
            used = sum(costs[a:b]) + frame.size
            # What is read beside gives way, never the post (methods: "truncation cuts z, never s").
            room = len(extra) if frame.longest is None else max(0, frame.longest - used - len(frame.stop))
            cut = extra[:room]
            inside = None if gold is None else [
                (first - a, min(end, b) - a, entity) for first, end, entity in gold if first < b and end > a]
            yield (used + (len(cut) + len(frame.stop) if cut else 0),
                   Words(Window((a, b), window.keep), texts[a:b], ids[a:b], cut, spans, inside))

    def _known(self, post: Post, gold: list[tuple[int, int, Entity]]) -> list[tuple[int, int, Entity]]:
        for _, _, entity in gold:
            if entity.type not in self.types:
                raise GmnerError(
                    f"type {entity.type!r} is not among the model's: {', '.join(self.types)}",
                    where=f"post {post.id}", hint=f"rename it with --label-map {entity.type}=NEW")
        return gold

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """ids, mask, kinds, owner: int64 [B, T]; first: int64 [B, W]; word_mask: bool [B, W].

        ``ids`` are the sub-words in their frame. By default there is none, and with one sub-word a word T is
        W. ``mask`` is 1 for what is read, ``kinds`` for what stands beside the post. ``owner`` is the number
        of the word that a sub-word belongs to, from 1; 0 for all others. ``first``: where a word begins.
        """
        rows: dict[str, list[Tensor]] = {name: [] for name in ("ids", "kinds", "owner", "first", "word_mask")}
        for example in examples:
            words: Words = example.data
            ids, owner, first = list(self.frame.start), [0] * len(self.frame.start), []
            for number, piece in enumerate(words.pieces, 1):
                first.append(len(ids))
                ids += piece
                owner += [number] * len(piece)
            stop = list(self.frame.stop)
            second = [*stop, *words.extra, *stop] if words.extra else stop
            beside = len(second) - len(stop)
            rows["ids"].append(torch.tensor(ids + second))
            rows["owner"].append(torch.tensor(owner + [0] * len(second)))
            rows["kinds"].append(torch.tensor([0] * (len(ids) + len(stop)) + [1] * beside))
            rows["first"].append(torch.tensor(first))
            rows["word_mask"].append(torch.ones(len(first), dtype=torch.bool))
        pads = {"ids": self.frame.pad}
        batch = {name: padded(values, pads.get(name, 0)) for name, values in rows.items()}
        lengths = torch.tensor([len(row) for row in rows["ids"]])
        batch["mask"] = (torch.arange(batch["ids"].shape[1])[None] < lengths[:, None]).long()
        return batch

    def embed(self, examples: Sequence[Example], batch: dict[str, Any]) -> Tensor:
        """The states of all words, summed, float [B, d]; words that two windows hold count once."""
        sums = []
        for example, states in zip(examples, self.word_states(batch).float(), strict=True):
            (offset, _), (start, end) = example.data.window.words, example.data.window.keep
            sums.append(states[start - offset:end - offset].sum(0))
        return torch.stack(sums)

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        """Entities of each post, joined over its windows, in the order of the text."""
        gathered: list[list[tuple[Words, Any]]] = [[] for _ in posts]
        for example, output in zip(examples, outputs, strict=True):
            gathered[example.post].append((example.data, output))
        for post, parts in zip(posts, gathered, strict=True):
            parts.sort(key=lambda part: part[0].window.words)
            post.entities = [self._entity(post, parts[0][0].spans, found) for found in self.join(parts)]

    def join(self, parts: Sequence[tuple[Words, Any]]) -> list[Found]:
        """The entities of a post in its words, in order, from its windows and what ``predict`` gave for each.

        Here ``predict`` gives a list of Found (or tuples like them) for each window. An entity counts where
        the window keeps its first word, and so once. Of those that share words the surest stays, then the
        first, then the longest; where the tagger is not ``flat``, all stay.
        """
        found = []
        for words, output in parts:
            offset, (start, end) = words.window.words[0], words.window.keep
            for first, stop, *rest in output:
                if not 0 <= first < stop <= len(words.words):
                    raise UsageError(f"{type(self).__name__}.predict gives an entity from word {first} up to "
                                     f"{stop} of a window of {len(words.words)}")
                if start <= first + offset < end:
                    found.append(Found(first + offset, stop + offset, *rest))
        found.sort(key=lambda entity: (-(entity.score or 0), entity.first, -entity.end))
        if self.flat:
            kept: list[Found] = []
            taken: set[int] = set()
            for entity in found:
                inside = range(entity.first, entity.end)
                if taken.isdisjoint(inside):
                    taken.update(inside)
                    kept.append(entity)
            found = kept
        return sorted(found, key=lambda entity: (entity.first, -entity.end))

    @staticmethod
    def _entity(post: Post, spans: Sequence[tuple[int, int]], found: Found) -> Entity:
        start, stop = spans[found.first][0], spans[found.end - 1][1]
        entity = Entity(start=start, end=stop, text=post.text[start:stop], type=found.type, **found.fields)
        if found.score is not None:
            entity.score = round(found.score, 4)
        if post.tokens is not None:
            entity.token_start, entity.token_end = found.first, found.end
        return entity

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        """Precision, recall and F1 of span and type (the MNER row of ``gmner score``), in percent."""
        row = score(predicted, gold)["rows"]["MNER"]
        return {name: row[name] for name in ("precision", "recall", "f1")}

    def representable(self, post: Post) -> list[tuple[int, int, str]]:
        """Whole words; where it is ``flat``, of entities that share words the first, then the longest."""
        _, spans = words_of(post, self.cut)
        return [(spans[first][0], spans[end - 1][1], entity.type)
                for first, end, entity in entities_of(post, spans, self.flat)]

    def same_labels(self, facts: dict[str, Any]) -> bool:
        """How words are cut binds no weight: a tagger may go on from one that was trained on other tokens."""
        return super().same_labels({**facts, "cut": self.facts["cut"]})


def padded(rows: Sequence[Tensor], value: int = 0) -> Tensor:
    """Rows of any lengths as one tensor [B, longest, ...], filled up with ``value``."""
    return pad_sequence(list(rows), batch_first=True, padding_value=value)
