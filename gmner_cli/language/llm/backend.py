"""The one small interface behind ``gmner expand --llm``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from gmner_cli.language.llm.thoughts import without_half, without_thought
from gmner_cli.records import Entity, Post


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a backend: a prompt, rendered whole, and what it is about (``entity`` None: the
    post)."""

    post: Post
    entity: Entity | None
    prompt: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: text, who said it, and token counts where there were tokens."""

    text: str
    model: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    stored: bool = False
    """Whether it was remembered, and no model was asked now."""
    cut: bool = False
    """Whether it ends where it does because it was as long as allowed, so that it is not whole."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a question has no answer; the others still have theirs."""

    reason: str


class Generation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a language model continues a prompt. Greedy by default."""

    max_tokens: int = 96
    stop: tuple[str, ...] = ("\n",)
    """Strings at which an answer ends; they are not part of it. White space that it begins with is not taken
    for one."""
    temperature: float = 0.0
    seed: int = 0

    def ended(self, text: str) -> str | None:
        """``text`` up to its first stop string, without white space around it; None when no stop string has
        come yet.

        A thought before the answer (``thoughts.THOUGHTS``) is not part of it, and none of its lines ends it.
        """
        said = without_thought(text)
        if said is None:
            return None
        begun = f"\n{said}"  # so that a stop string such as "\nText:" is found where the answer should begin
        found = (begun.find(mark, 0 if mark.strip() else 1) for mark in self.stop if mark)
        ends = [max(0, at - 1) for at in found if at >= 0]
        return said[:min(ends)].rstrip() if ends else None

    def answer(self, text: str) -> str:
        """What of all that a model said is its answer, without half a character at its end; empty where there
        is none, as when it was still thinking."""
        ended = self.ended(text)
        return ended if ended is not None else without_half((without_thought(text) or "").rstrip()).rstrip()


class Backend(ABC):
    """Answers questions. A backend that reads no prompt looks at the post and the entity instead."""

    name: str
    """What records say after ``llm:`` in ``source``, such as "smollm2"."""
    generates: ClassVar[bool] = True
    """Whether it reads the prompt, so that answers depend on it, are worth storing, and examples are worth
    seeking."""

    @property
    def identity(self) -> str:
        """All that an answer depends on beside the prompt: the model by its content, precision and
        Generation."""
        return self.name

    @abstractmethod
    def answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer | Failure]]:
        """``(index, answer)`` of every question, each as soon as it is there, in any order; of what a model
        said, the answer alone (``Generation.answer``).

        Raises GmnerError only for what makes all further answers impossible (no such model, a wrong key).
        """
