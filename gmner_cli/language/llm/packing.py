"""Rows of different lengths in one sequence, over one memory of keys and values."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

FREE, HEAD = -1, -2
"""Whose a column is when it is no row's: nobody's, or the shared beginning's."""


@dataclass(eq=False)
class Row:
    """A prompt that is being continued."""

    number: int
    shared: int
    """Tokens of the shared beginning that are also this prompt's."""
    next: list[int]
    """Tokens that are to be computed now."""
    used: int = 0
    """Tokens after the shared ones that are computed."""

    def go_on(self, token: int) -> None:
        """``next`` has been computed, and ``token`` follows."""
        self.used += len(self.next)
        self.next = [token]


@dataclass
class _Step:
    """Which columns the tokens of a forward pass take, and which they are shown."""

    size: int = 0
    """Of the memory, in columns."""
    where: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))
    seen: Tensor | slice = field(default_factory=lambda: slice(0, 0))


class _Columns(DynamicLayer):
    """Keys and values of one layer, [1, heads, columns, d]."""

    def __init__(self, step: _Step):
        super().__init__()
        self.step = step

    def update(self, key_states: Tensor, value_states: Tensor, *args: object,
               **kwargs: object) -> tuple[Tensor, Tensor]:
        keys, values = self.keys, self.values
        if keys is None or values is None:
            self.lazy_initialization(key_states, value_states)
            keys, values = (new.new_empty(*new.shape[:2], 0, new.shape[-1])
                            for new in (key_states, value_states))
        if keys.shape[-2] != self.step.size:
            keys, values = (_resized(old, self.step.size) for old in (keys, values))
        self.keys, self.values = keys, values
        for memory, new in ((keys, key_states), (values, value_states)):
            memory[:, :, self.step.where] = new
        return keys[:, :, self.step.seen], values[:, :, self.step.seen]


class Packer:
    """Forward passes of a model over rows in one sequence.

    Keys and values of the shared beginning are in the first columns of the memory, once for all rows;
    those of the rows in the first columns that are free. A mask shows each token what is its own.
    """

    def __init__(self, model: PreTrainedModel):
        self.model = model
        self._known: list[int] = []
        self._step = _Step()
        self._owner = self._position = torch.empty(0, dtype=torch.long)
        """Of every column: the number of its row, and the position of its token."""
        self._cache = DynamicCache(config=model.config)
        self._windows = {type(layer): getattr(layer, "sliding_window", None) for layer in self._cache.layers}
        self._cache.layers = [_Columns(self._step) for _ in self._cache.layers]
        self._keeps_some = "logits_to_keep" in accepted(model)

    @classmethod
    def of(cls, model: PreTrainedModel) -> Packer | None:
        """None for a model that cannot be run so: its memory is another, or it gives other numbers than it
        gives alone."""
        layers = DynamicCache(config=model.config).layers
        if not layers or not all(
                type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers):
            return None
        if not {"position_ids", "attention_mask"} <= accepted(model):
            return None
        try:
            return cls(model) if _agree(cls(model)) else None
        except torch.OutOfMemoryError:
            raise
        except Exception:  # what a class of model does with a mask that it does not expect
            return None

    def share(self, ids: list[int]) -> None:
        """Keep the keys and values of ``ids``."""
        known = common([self._known, ids])
        if known == len(ids):
            return
        self._known = self._known[:known]
        self._reserve(len(ids) - known)
        self([Row(0, known, ids[known:])])
        self._known = list(ids)

    def rows(self, prompts: Sequence[list[int]], width: int, most: int) -> list[Row]:
        """A row of every prompt, with memory for any ``width`` of them at a time and their answers of
        ``most`` tokens."""
        # The last token is computed in any case, because what follows it is asked for.
        shared = [min(common([self._known, prompt]), len(prompt) - 1) for prompt in prompts]
        rows = [
            Row(number, n, prompt[n:]) for number, (prompt, n) in enumerate(zip(prompts, shared, strict=True))
        ]
        self._reserve(sum(sorted((len(row.next) + most for row in rows), reverse=True)[:width]))
        return rows

    def release(self, row: Row) -> None:
        """Let others have the row's columns."""
        self._owner[self._owner == row.number] = FREE

    def __call__(self, rows: Sequence[Row]) -> Tensor:
        """Logits after the last of each row's ``next``, float32 [rows, V]."""
        counts = torch.tensor([len(row.next) for row in rows])
        ends = counts.cumsum(0) - 1
        number, shared, used = (torch.tensor([[getattr(row, name)]
                                              for row in rows]).repeat_interleave(counts, 0)
                                for name in ("number", "shared", "used"))
        position = shared + used + (torch.arange(len(used)) -
                                    (ends - counts + 1).repeat_interleave(counts))[:, None]
        where = (self._owner == FREE).nonzero()[:len(used), 0]
        self._owner[where], self._position[where] = number[:, 0], position[:, 0]
        last = int((self._owner != FREE).nonzero().max())
        # A row that is alone, which may be a long one, is shown nothing of the others.
        seen = slice(0, last + 1) if len(rows) > 1 else ((self._owner == number[0]) |
                                                         (self._owner == HEAD)).nonzero()[:, 0]
        # Every layer uses them: on a GPU they are sent there once.
        there = self.model.device
        self._step.where, self._step.seen = where.to(there), seen if isinstance(seen,
                                                                                slice) else seen.to(there)
        back = position - self._position[seen]
        visible = ((self._owner[seen] == number) & (back >= 0)) | ((self._owner[seen] == HEAD) &
                                                                   (self._position[seen] < shared))
        given = {
            "input_ids": torch.tensor([[token for row in rows for token in row.next]]),
            "position_ids": position.T
        }
        given = {name: tensor.to(self.model.device) for name, tensor in given.items()}
        some = {"logits_to_keep": ends.to(self.model.device)} if self._keeps_some else {}
        logits = self.model(**given, attention_mask=self._masks(visible, back), past_key_values=self._cache,
                            use_cache=True, **some).logits
        return (logits[0] if self._keeps_some else logits[0, ends]).float()

    def _reserve(self, columns: int) -> None:
        """Have the shared beginning and so many free columns."""
        self._step.size = len(self._known) + columns
        self._position = torch.arange(self._step.size)
        self._owner = torch.full_like(self._position, FREE)
        self._owner[:len(self._known)] = HEAD

    def _masks(self, visible: Tensor, back: Tensor) -> Tensor | dict[str, Tensor]:
        """What is added to attention scores, [1, 1, tokens, columns]; by name of layer where some have a
        window and some have none."""
        made = {
            kind: self._added(visible if window is None else visible & (back < window))
            for kind, window in self._windows.items()
        }
        if len(made) == 1:
            return next(iter(made.values()))
        return {"full_attention": made[DynamicLayer], "sliding_attention": made[DynamicSlidingWindowLayer]}

    def _added(self, visible: Tensor) -> Tensor:
        added = torch.zeros(visible.shape,
                            dtype=self.model.dtype).masked_fill_(~visible,
                                                                 torch.finfo(self.model.dtype).min)
        return added[None, None].to(self.model.device)


def _agree(packer: Packer) -> bool:
    """Whether two rows that share a beginning get what each gets alone, on a few tokens."""
    first, second = [3, 5, 7, 11, 13], [3, 5, 7, 17]
    model = packer.model
    with torch.inference_mode():
        packer.share(first[:3])
        packed = packer(packer.rows([first, second], 2, 1))
        alone = torch.stack([
            model(input_ids=torch.tensor([ids], device=model.device)).logits[0, -1].float()
            for ids in (first, second)
        ])
    # By their mean, because in bfloat16 the worst of so many logits is far off in any case.
    return bool(((packed - alone).abs().mean(-1) < 0.05 * alone.std(-1)).all())


def _resized(old: Tensor, size: int) -> Tensor:
    """With ``size`` columns. New ones are zero: even what a mask hides must be a number."""
    new = old.new_zeros(*old.shape[:2], size, old.shape[-1])
    kept = min(size, old.shape[-2])
    new[:, :, :kept] = old[:, :, :kept]
    return new


def accepted(model: PreTrainedModel) -> set[str]:
    """Names of what the model's ``forward`` can be given."""
    return set(inspect.signature(model.forward).parameters)


def common(sequences: Sequence[list[int]]) -> int:
    """How many tokens all sequences begin with alike."""
    first, last = min(sequences), max(sequences)
    return next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
                min(len(first), len(last)))
