"""Continuing many prompts that begin alike: what they share is computed once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from gmner_cli.language.llm.packing import Packer, Row, accepted

TOGETHER = 256
"""Tokens of new prompts that are computed in one step with the rows that go on; a longer prompt has a step of
its own."""

Ended = Callable[[list[int]], bool]
Choose = Callable[[int, Tensor], int]


class Decoder:
    """A causal language model that continues some prompts at a time, and keeps what prompts begin with.

    The rows stand in one sequence without padding, each seeing the shared beginning and itself (packing.py).
    So a step computes the next token of every row that goes on and, for no more than their own tokens, the
    prompts that take the places of rows that have ended: the weights are read once for both. A model that
    cannot be run so (another memory than keys and values, its own idea of positions) gets plain padded
    batches.
    """

    def __init__(self, model: PreTrainedModel, ends: set[int]):
        """``ends``: token ids that end an answer."""
        self.model, self.ends = model, ends
        self._packer = Packer.of(model)

    @property
    def packed(self) -> bool:
        """Whether what prompts begin with is computed once; else each is computed whole, in padded
        batches."""
        return self._packer is not None

    @torch.inference_mode()
    def share(self, ids: Sequence[int]) -> None:
        """Have the keys and values of ``ids`` at hand for ``run``; what earlier ones have in common with them
        is reused."""
        if self._packer is not None:
            self._packer.share(list(ids))

    def run(self, prompts: Sequence[Sequence[int]], width: int, most: int, ended: Ended,
            choose: Choose | None = None) -> Iterator[tuple[int, list[int]]]:
        """``(number, tokens)`` of each prompt, as soon as it has ended; ``width`` of them are computed at a
        time.

        The longest are first, so that a batch that is too large fails at once. A row ends with its
        ``most``-th token, with one of ``ends``, or when ``ended`` says so of its tokens so far. ``choose``
        (of a prompt's number and its logits [V], float32, on the CPU) picks a token; without it, the
        likeliest is taken. ``share`` and another ``run`` wait until this one is through.
        """
        asked = [list(prompt) for prompt in prompts]
        answers = _Answers(len(prompts), most, self.ends, ended, choose)
        if self._packer is None:
            return self._padded(asked, width, answers)
        return self._packed(self._packer, asked, width, answers)

    @torch.inference_mode()
    def _packed(self, packer: Packer, prompts: list[list[int]], width: int,
                answers: _Answers) -> Iterator[tuple[int, list[int]]]:
        waiting = deque(
            sorted(packer.rows(prompts, width, answers.most), key=lambda row: -len(row.next)))
        going: list[Row] = []
        while waiting or going:
            new: list[Row] = []
            while waiting and len(going) + len(new) < width and (not new or sum(len(row.next)
                                                                                for row in new) < TOGETHER):
                new.append(waiting.popleft())
            long = [row for row in new if len(row.next) > TOGETHER]
            steps = [*([row] for row in long), [*going, *(row for row in new if row not in long)]]
            going = []
            for step in filter(None, steps):
                for row, token in zip(step, answers.take([row.number for row in step], packer(step)),
                                      strict=True):
                    if token is None:
                        packer.release(row)
                        yield row.number, answers.made[row.number]
                    else:
                        row.go_on(token)
                        going.append(row)

    @torch.inference_mode()
    def _padded(self, prompts: list[list[int]], width: int,
                answers: _Answers) -> Iterator[tuple[int, list[int]]]:
        order = sorted(range(len(prompts)), key=lambda number: -len(prompts[number]))
        for start in range(0, len(order), width):
            numbers = order[start:start + width]
            longest = len(prompts[numbers[0]])
            ids = torch.tensor([[0] * (longest - len(prompts[n])) + prompts[n] for n in numbers])
            mask = torch.tensor([[0] * (longest - len(prompts[n])) + [1] * len(prompts[n]) for n in numbers])
            cache, going = DynamicCache(config=self.model.config), dict(enumerate(numbers))
            while going:
                positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1]:]
                logits = _forward(self.model,
                                  {"input_ids": ids, "attention_mask": mask, "position_ids": positions},
                                  cache)
                ids = torch.zeros(len(numbers), 1, dtype=torch.long)
                for place, token in zip(list(going), answers.take(list(going.values()), logits[list(going)]),
                                        strict=True):
                    if token is None:
                        yield going[place], answers.made[going.pop(place)]
                    else:
                        ids[place] = token
                mask = torch.cat([mask, mask.new_ones(len(numbers), 1)], dim=1)


class _Answers:
    """What has been said so far, and when it is enough."""

    def __init__(self, number: int, most: int, ends: set[int], ended: Ended, choose: Choose | None):
        self.made: list[list[int]] = [[] for _ in range(number)]
        self.most, self.ends, self.ended, self.choose = most, ends, ended, choose

    def take(self, numbers: list[int], logits: Tensor) -> list[int | None]:
        """The next token of each of the ``numbers`` by its row of ``logits`` [n, V]; None for one that has
        ended with it."""
        best = logits.argmax(-1).tolist()
        tokens = []
        for row, number in enumerate(numbers):
            made = self.made[number]
            made.append(best[row] if self.choose is None else self.choose(number, logits[row].cpu()))
            over = made[-1] in self.ends or len(made) == self.most or self.ended(made)
            tokens.append(None if over else made[-1])
        return tokens


def _forward(model: PreTrainedModel, given: dict[str, Tensor], cache: DynamicCache) -> Tensor:
    """Logits after the last column, float32 [B, V]."""
    taken = accepted(model)
    given = {name: tensor.to(model.device) for name, tensor in given.items() if name in taken}
    last = {"logits_to_keep": 1} if "logits_to_keep" in taken else {}
    return model(**given, **last, past_key_values=cache, use_cache=True).logits[:, -1].float()
