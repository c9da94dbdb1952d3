"""Continuing many prompts that begin alike: what they share is computed once."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

ROOM = 32
"""Tokens by which keys and values grow at a time."""


class _Growing(DynamicLayer):
    """Keys and values of one layer, [B, heads, length, d], in memory that has room for more.

    The library's own copies all of them at every token.
    """

    def __init__(self, keys: Tensor | None = None, values: Tensor | None = None, more: int = 0):
        """``more``: tokens that will come at once after these."""
        super().__init__()
        self._memory: tuple[Tensor, Tensor] | None = None
        self._more = more
        if keys is not None and values is not None:
            self.update(keys, values)

    def update(self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        before = self.get_seq_length()
        after = before + key_states.shape[-2]
        if self._memory is None or after > self._memory[0].shape[-2]:
            self._memory = (self._larger(self.keys, key_states, before, after), self._larger(self.values, value_states, before, after))
        for memory, new in zip(self._memory, (key_states, value_states), strict=True):
            memory[:, :, before:after] = new
        self.keys, self.values = (memory[:, :, :after] for memory in self._memory)
        return self.keys, self.values

    def keep(self, rows: Tensor, first: int) -> None:
        """Let go of all rows of the batch but these, [B'], and of the columns before ``first``."""
        length = self.get_seq_length() - first
        self._memory = tuple(memory[rows, :, first:] for memory in self._memory)
        self.keys, self.values = (memory[:, :, :length] for memory in self._memory)

    def put(self, rows: Tensor, other: _Growing) -> None:
        """Have the rows of ``other`` in the places of these, [B'], both ending with the same column."""
        first = self.get_seq_length() - other.get_seq_length()
        self.keys[rows, :, first:], self.values[rows, :, first:] = other.keys, other.values

    def _larger(self, old: Tensor, like: Tensor, before: int, after: int) -> Tensor:
        larger = like.new_empty(*like.shape[:2], after + self._more + ROOM, like.shape[-1])
        if before:
            larger[:, :, :before] = old
        return larger


@dataclass
class _Prefix:
    """Tokens, and their keys and values in every layer, [1, heads, length, d]."""

    ids: list[int]
    layers: list[_Growing]


@dataclass
class _Batch:
    """Rows that are being continued, right-aligned: of each its prompt's number (None: its place is free)."""

    rows: list[int | None]
    mask: Tensor
    """[B, length], 1 where there is a token of the row."""
    cache: DynamicCache
    logits: Tensor
    """[B, V], of the token that comes next."""

    @property
    def going(self) -> list[int]:
        """Places that are taken."""
        return [place for place, number in enumerate(self.rows) if number is not None]


class Decoder:
    """A causal language model that continues batches of prompts, and keeps what prompts begin with.

    Prompts are laid out as ``generate`` lays them out, padded on the left, so that each
    token has the position and the neighbours that it has there; only that the columns of the
    shared beginning are filled with what was computed before. A row that is shorter than the
    longest one begins later, and so computes the last tokens of the shared beginning anew,
    where padding would stand otherwise. A row that has ended gives its place to a prompt that waits.
    """

    def __init__(self, model: PreTrainedModel, ends: set[int]):
        """``ends``: token ids that end an answer."""
        self.model, self.ends = model, ends
        self._accepted = set(inspect.signature(model.forward).parameters)
        layers = DynamicCache(config=model.config).layers
        # A model with another memory than keys and values (Mamba, short convolutions) cannot be given some from the middle.
        self._shareable = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)
        self._depth = len(layers)
        self._prefix: _Prefix | None = None

    @torch.inference_mode()
    def share(self, ids: Sequence[int]) -> None:
        """Have the keys and values of ``ids`` at hand for ``run``; what earlier ones have in common with them is reused."""
        old = self._prefix
        known = common([old.ids, ids]) if old is not None else 0
        if not self._shareable or known == len(ids):
            return
        cache = self._cache([_Growing(layer.keys[:, :, :known], layer.values[:, :, :known], len(ids) - known)
                             for layer in old.layers] if old is not None and known else [])
        self._forward(torch.tensor([ids[known:]]), torch.ones(1, len(ids), dtype=torch.long), cache)
        self._prefix = _Prefix(list(ids), cache.layers)

    @torch.inference_mode()
    def run(self, prompts: Sequence[Sequence[int]], width: int, most: int, ended: Callable[[list[int]], bool],
            choose: Callable[[int, Tensor], int] | None = None) -> Iterator[tuple[int, list[int]]]:
        """``(number, tokens)`` of each prompt, as soon as it has ended; ``width`` of them are computed at a time.

        The longest are first, so that a batch that is too large fails at once. A row ends with its ``most``-th
        token, with one of ``ends``, or when ``ended`` says so of its tokens so far. ``choose`` (of a prompt's number
        and its logits [V], float32, on the CPU) picks a token; without it, the likeliest is taken.
        """
        waiting = deque(sorted(range(len(prompts)), key=lambda number: -len(prompts[number])))
        made: list[list[int]] = [[] for _ in prompts]
        batch: _Batch | None = None
        while waiting or batch is not None:
            free = width - (len(batch.going) if batch is not None else 0)
            # A prompt joins not alone, but with others that have waited: the weights are read once for all of them.
            if waiting and (batch is None or (self._shareable and 4 * free >= width)):
                new = self._begin(prompts, [waiting.popleft() for _ in range(min(free, len(waiting)))])
                batch = new if batch is None else _joined(batch, new)
            best = batch.logits.argmax(-1).tolist()
            for place in batch.going:
                number = batch.rows[place]
                made[number].append(best[place] if choose is None else choose(number, batch.logits[place].cpu()))
                if made[number][-1] in self.ends or len(made[number]) == most or ended(made[number]):
                    batch.rows[place] = None
                    yield number, made[number]
            if not batch.going:
                batch = None
                continue
            if self._shareable:
                _tidy(batch, bool(waiting))
            batch.mask = torch.cat([batch.mask, batch.mask.new_ones(len(batch.rows), 1)], dim=1)
            last = [[0 if number is None else made[number][-1]] for number in batch.rows]
            batch.logits = self._forward(torch.tensor(last), batch.mask, batch.cache)

    def _begin(self, prompts: Sequence[Sequence[int]], numbers: list[int]) -> _Batch:
        asked = [prompts[number] for number in numbers]
        longest = max(map(len, asked))
        pads = torch.tensor([longest - len(prompt) for prompt in asked])
        ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in asked])
        mask = (torch.arange(longest) >= pads[:, None]).long()
        shared = min(common([self._prefix.ids, *asked]), longest - 1) if self._prefix is not None else 0
        cache = self._cache(self._rows(pads, shared, longest - shared) if shared else [])
        return _Batch(list(numbers), mask, cache, self._forward(ids[:, shared:], mask, cache))

    def _rows(self, pads: Tensor, shared: int, more: int) -> list[_Growing]:
        """The first ``shared`` columns of a batch that is padded by ``pads`` [B]; columns of padding hold anything."""
        source = (torch.arange(shared) - pads[:, None]).clamp(min=0)
        return [_Growing(*(kept[0][:, source.to(kept.device)].transpose(0, 1) for kept in (layer.keys, layer.values)), more)
                for layer in self._prefix.layers]

    def _cache(self, layers: list[_Growing]) -> DynamicCache:
        cache = DynamicCache(config=self.model.config)
        if self._shareable:
            cache.layers = layers or [_Growing() for _ in range(self._depth)]
        return cache

    def _forward(self, ids: Tensor, mask: Tensor, cache: DynamicCache) -> Tensor:
        """Logits after the last of ``ids`` [B, n], float32 [B, V]; ``mask`` [B, before + n] is of all tokens up to there."""
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1]:]
        given = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
        given = {name: tensor.to(self.model.device) for name, tensor in given.items() if name in self._accepted}
        last = {"logits_to_keep": 1} if "logits_to_keep" in self._accepted else {}
        return self.model(**given, **last, past_key_values=cache, use_cache=True).logits[:, -1].float()


def _joined(batch: _Batch, new: _Batch) -> _Batch:
    """``batch`` with the rows of ``new``, whose prompts are not longer, in places that are free."""
    places = torch.tensor([place for place, number in enumerate(batch.rows) if number is None][:len(new.rows)])
    for place, number in zip(places.tolist(), new.rows, strict=True):
        batch.rows[place] = number
    batch.mask[places] = torch.nn.functional.pad(new.mask, (batch.mask.shape[1] - new.mask.shape[1], 0))
    there = places.to(batch.logits.device)
    batch.logits[there] = new.logits
    for layer, other in zip(batch.cache.layers, new.cache.layers, strict=True):
        layer.put(there, other)
    return batch


def _tidy(batch: _Batch, more: bool) -> None:
    """Let go of columns that no row uses any more, and of free places when no ``more`` prompts wait for them."""
    places = batch.going if not more and 2 * len(batch.going) <= len(batch.rows) else list(range(len(batch.rows)))
    first = int(batch.mask[batch.going].any(0).long().argmax())
    if len(places) == len(batch.rows) and first < 2 * ROOM:  # copying costs more than it saves
        return
    rows = torch.tensor(places)
    batch.rows, batch.mask = [batch.rows[place] for place in places], batch.mask[rows, first:]
    for layer in batch.cache.layers:
        layer.keep(rows.to(layer.keys.device), first)


def common(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with alike."""
    first, last = min(sequences), max(sequences)
    return next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
