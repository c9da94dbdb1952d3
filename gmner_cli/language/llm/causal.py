"""A causal language model that runs here: Hugging Face transformers, from the hub, a folder or a GGUF
file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import ModelError
from gmner_cli.language.llm.backend import Answer, Backend, Failure, Generation, Question
from gmner_cli.language.llm.decoding import Decoder
from gmner_cli.language.llm.gguf import converted
from gmner_cli.language.llm.packing import common
from gmner_cli.language.llm.thoughts import opened, silent_tokens
from gmner_cli.weights import hub

TEXTS = {".json", ".jinja", ".txt", ".model"}
"""Endings of the files that say, beside the weights, what a model answers."""


class Causal(Backend):
    """Continues prompts, some at a time; what all of a call begin with is computed once.

    A prompt is one message of the user where the tokenizer has a chat template. Precision
    bfloat16 means weights in bfloat16, on whatever device.
    """

    def __init__(self, source: str, runtime: Runtime, generation: Generation, *, offline: bool = False,
                 batch_size: int = 8, name: str | None = None, chat: bool = True):
        """``source``: a hub id (``org/name:QUANT`` for one of its GGUF files), a folder, or a .gguf file;
        ``chat``: use its chat template. Raises ModelError when it cannot be had."""
        path = Path(source).expanduser()
        if path.suffix.lower() == ".gguf" and path.is_file():
            self.folder = converted(path)
        elif not path.exists() and (asked := hub.gguf_name(source)):
            self.folder = converted(hub.gguf_file(asked, offline=offline))
        else:
            self.folder = hub.resolve(source, offline=offline)
        self.name = name or (path.absolute().name if path.exists() else source)
        self.generation, self.batch_size, self.runtime = generation, batch_size, runtime
        self.tokenizer: PreTrainedTokenizerBase = hub.load(AutoTokenizer, self.folder)
        self.chat = chat and self.tokenizer.chat_template is not None
        model = hub.load(AutoModelForCausalLM, self.folder, use_safetensors=True,
                         dtype=getattr(torch, runtime.precision))
        try:
            model = model.to(runtime.device).eval()
        except torch.OutOfMemoryError:
            raise ModelError(f"does not fit into the memory of {runtime.device}", where=str(self.folder),
                             hint="take a smaller model, or --device cpu") from None
        self.context: int | None = getattr(model.config.get_text_config(decoder=True),
                                           "max_position_embeddings", None)
        self.decoder = Decoder(
            model,
            _ends(model.generation_config.eos_token_id) | _ends(self.tokenizer.eos_token_id))
        if not self.decoder.packed:
            hub.say(f"{self.name} cannot share the computation of what prompts begin with (its memory or its "
                    "masks are of another "
                    "kind), so each prompt is computed whole, which takes longer")
        # What a post says is never read as a mark of the template, so it must not be spelt like one. Those of
        # thoughts and tools are not always called special; runs of spaces are, and are none.
        self._marks = [token.content for token in self.tokenizer.added_tokens_decoder.values()
                       if token.special or not (token.content.isspace() or token.content.isalnum())]
        # Not in the text; but the special tokens around thoughts are, or what a model thinks would read as
        # its answer.
        self._silent = silent_tokens(self.tokenizer)
        self._opened = ""
        """The mark with which the template begins a thought."""

    @cached_property
    def identity(self) -> str:
        """Of the model by the content of its files, wherever they lie."""
        texts = [[path.name, hub.sha256(path)]
                 for path in sorted(self.folder.iterdir())
                 if path.suffix in TEXTS]
        said = [texts, hub.weights_sha256(self.folder), self.chat, self.runtime.precision, self.generation]
        return f"{self.name}:{hashlib.sha256(msgspec.json.encode(said)).hexdigest()}"

    def answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer | Failure]]:
        prompts = {index: self.tokens(question.prompt) for index, question in enumerate(questions)}
        too_long = {index: prompts.pop(index) for index in list(prompts) if self._too_long(prompts[index])}
        if prompts:
            yield from self._generated(prompts)
        # last, so that those who count failures see first that the model does answer
        for index, prompt in too_long.items():
            yield index, Failure(f"the prompt has {len(prompt)} tokens, the answer up to "
                                 f"{self.generation.max_tokens}, "
                                 f"and {self.name} reads {self.context}")

    def _generated(self, prompts: dict[int, list[int]]) -> Iterator[tuple[int, Answer | Failure]]:
        longest = max(map(len, prompts.values()))
        shared = min(common(list(prompts.values())), longest - 1)
        self.decoder.share(next(iter(prompts.values()))[:shared])
        width, left = self.batch_size, dict(sorted(prompts.items(), key=lambda pair: -len(pair[1])))
        while left:
            numbers, asked = list(left), list(left.values())
            try:
                for number, tokens in self.decoder.run(asked, width, self.generation.max_tokens, self._ended,
                                                       self._chooser(asked)):
                    yield numbers[number], self._answer(left.pop(numbers[number]), tokens)
            except torch.OutOfMemoryError:
                if width == 1:
                    index = next(iter(left))
                    yield index, Failure(f"a prompt of {len(left.pop(index))} tokens does not fit into the "
                                         f"memory of {self.runtime.device}")
                width = max(1, width // 2)
            torch.cuda.empty_cache()

    def tokens(self, prompt: str) -> list[int]:
        """Ids of a whole rendered prompt, with the chat template and the special tokens that the model wants
        around it."""
        for mark in self._marks:
            prompt = prompt.replace(mark, f"{mark[0]} {mark[1:]}")
        if not self.chat:
            return self.tokenizer(prompt).input_ids
        said: Any  # text, which transformers' types do not say of one conversation
        try:
            # Models that think aloud would do so up to the first line's end, and there be stopped.
            said = self.tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False,
                                                      add_generation_prompt=True, enable_thinking=False)
        except Exception as problem:  # a template is code of the model's and raises what it likes
            raise ModelError(f"the chat template fails: {problem}", where=str(self.folder)) from None
        self._opened = opened(said)
        return self.tokenizer(said, add_special_tokens=False).input_ids

    def _too_long(self, prompt: list[int]) -> bool:
        return self.context is not None and len(prompt) + self.generation.max_tokens > self.context

    def _chooser(self, prompts: list[list[int]]):
        """Draws tokens by temperature, each answer from numbers of its own, so that the others in the batch
        change nothing."""
        if not self.generation.temperature:
            return None
        dice = [torch.Generator().manual_seed(_number(self.generation.seed, prompt)) for prompt in prompts]

        def choose(number: int, logits: Tensor) -> int:
            shares = torch.softmax(logits / self.generation.temperature, dim=-1)
            return int(torch.multinomial(shares, 1, generator=dice[number]))

        return choose

    def _text(self, tokens: list[int]) -> str:
        # Any: text, which transformers' types do not say of one row of tokens.
        said: Any = self.tokenizer.decode([token for token in tokens if token not in self._silent])
        return self._opened + said

    def _ended(self, tokens: list[int]) -> bool:
        return self.generation.ended(self._text(tokens)) is not None

    def _answer(self, prompt: list[int], tokens: list[int]) -> Answer | Failure:
        said = self._text(tokens)
        text = self.generation.answer(said)
        cut = len(tokens) == self.generation.max_tokens and tokens[
            -1] not in self.decoder.ends and self.generation.ended(said) is None
        if not text:
            spent = f" (it was none yet after {len(tokens)} tokens; --max-tokens raises them)" if cut else ""
            return Failure(f"the answer is empty{spent}")
        return Answer(text=text, model=self.name, prompt_tokens=len(prompt), answer_tokens=len(tokens),
                      cut=cut)


def _ends(ids: int | list[int] | None) -> set[int]:
    return {ids} if isinstance(ids, int) else set(ids or ())


def _number(seed: int, prompt: list[int]) -> int:
    digest = hashlib.sha256(msgspec.json.encode([seed, prompt])).digest()
    return int.from_bytes(digest[:8], "big") >> 1
