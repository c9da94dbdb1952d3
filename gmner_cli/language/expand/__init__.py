"""Asking a language model: knowledge of posts (RiVEG, section IV-B1), expansions of entities (section
IV-B2)."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gmner_cli.errors import GmnerError, UsageError, printable, shown
from gmner_cli.language.expand.whole import whole_part
from gmner_cli.language.llm.backend import Answer, Backend, Failure, Question
from gmner_cli.language.prompts import TASKS, Prompt, fold, values_of
from gmner_cli.language.similar import Examples
from gmner_cli.records import Entity, Expansion, Knowledge, Post

HOPELESS = 20
"""Questions that may fail before any has been answered; more would fail in the same way, each after its
retries."""

BATCH_SIZE = 8
"""Questions that backends work on at a time, unless asked otherwise."""


@dataclass
class Tally:
    """What came of the questions of a run. Tokens are those of answers that were made; None where nobody
    counts them."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    unknown: int = 0
    """Questions that a backend passed over, because it has nothing to say."""
    kept: int = 0
    """Posts or entities that had an entry of this source, and were not asked about."""
    gold: int = 0
    predicted: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0
    few_examples: int = 0
    """Posts that were shown fewer examples than wanted, because the pool has no more that are allowed."""
    stored: int = 0
    """Answers that were remembered, and not made."""
    cut: int = 0
    """Answers of which only a part is kept, because they were as long as allowed."""

    def __str__(self) -> str:
        """One line for a person."""
        said = [
            f"{self.asked} questions", f"{self.stored} answered from the store" if self.stored else "",
            f"{self.failed} failed",
            f"{self.cut} cut at their longest (--max-tokens raises it)" if self.cut else "",
            f"{self.unknown} without an answer" if self.unknown else "",
            f"{self.kept} had one before" if self.kept else "",
            f"{self.few_examples} posts with fewer examples" if self.few_examples else "",
            f"entities: {self.gold} gold, {self.predicted} predicted" if self.gold or self.predicted else "",
            f"{self.tokens_in} tokens in, {self.tokens_out or 0} out" if self.tokens_in is not None else "",
            f"{self.asked / self.seconds:.2f} a second" if self.asked and self.seconds else ""
        ]
        return ", ".join(filter(None, said))


class Expand:
    """Stage that adds an entry to ``knowledge`` of every post, or to ``expansions`` of every entity.

    Entries of other sources stay, and one of the same source is neither made again nor
    doubled, unless ``overwrite`` replaces it. A post of which a question failed is marked
    (``post.error``), and keeps the other answers. Of an answer that was cut at its longest,
    the whole sentences are taken and marked (``cut``), and asked for again by the next run;
    where there are none, the question has failed. Each expansion says what it is ``of``: a
    "prediction" when the entity has a ``score``, as taggers give, else "gold".
    """

    name = "expand"

    def __init__(self, task: str, backend: Backend, prompt: Prompt, *, examples: Examples | None = None,
                 wanted: int = 0, overwrite: bool = False, source: str | None = None,
                 batch_size: int | None = None):
        """``examples``: of each post; None shows the ``wanted`` first of the prompt's own. ``source``: what
        records call the answers, by default the model. ``batch_size``: questions that the backend works on at
        a time. Raises UsageError for an unknown task."""
        if task not in TASKS:
            raise UsageError(f"unknown task {task!r}", hint=" or ".join(TASKS))
        self.task, self.backend, self.prompt, self.overwrite = task, backend, prompt, overwrite
        self.examples, self.wanted = examples, wanted
        self.source = source or (f"llm:{backend.name}" if backend.generates else backend.name)
        self.window = 4 * (batch_size or BATCH_SIZE) if backend.generates else 1
        self.tally = Tally()

    def __call__(self, posts: list[Post]) -> list[Post]:
        questions = self._questions([post for post in posts if not post.set_aside])
        began = time.perf_counter()
        problems: dict[int, str | None] = {}
        for index, answer in self.backend.answers(questions) if questions else ():
            problems[index] = self._take(questions[index], answer)
        self.tally.seconds += time.perf_counter() - began
        self.tally.asked += len(questions)
        for index, question in enumerate(questions):  # in order, whatever the order of the answers
            if index not in problems and not self.backend.generates:
                self.tally.unknown += 1
                continue
            problem = problems[index] if index in problems else self._failed("no answer came")
            if problem is not None:
                before = f"{question.post.error}; " if question.post.error else "expand: "
                question.post.error = before + _named(question, problem)
        return posts

    def _questions(self, posts: list[Post]) -> list[Question]:
        wanted: list[tuple[Post, list[Entity | None]]] = []
        for post in posts:
            owners = [None] if self.task == "knowledge" else post.entities or []
            open_ones = [e for e in owners if self.overwrite or not self._has(post if e is None else e)]
            self.tally.kept += len(owners) - len(open_ones)
            if open_ones:
                wanted.append((post, open_ones))
        if not self.backend.generates:
            return [Question(post, entity, "") for post, entities in wanted for entity in entities]
        asked = [post for post, _ in wanted]
        shown = self.examples(asked) if self.examples else [self.prompt.fixed[:self.wanted]] * len(asked)
        self.tally.few_examples += sum(len(examples) < self.wanted for examples in shown)
        return [Question(post, entity, self.prompt.render(values_of(post, entity), examples))
                for (post, entities), examples in zip(wanted, shown, strict=True) for entity in entities]

    def _has(self, owner: Post | Entity) -> bool:
        return any(entry.source == self.source and entry.extra.get("cut") is not True
                   for entry in getattr(owner, self.task) or [])

    def _take(self, question: Question, answer: Answer | Failure) -> str | None:
        """Put an answer where it belongs; or tell what is wrong with it."""
        if isinstance(answer, Failure):
            return self._failed(answer.reason)
        if answer.stored:
            self.tally.stored += 1
        else:
            self.tally.tokens_in = _sum(self.tally.tokens_in, answer.prompt_tokens)
            self.tally.tokens_out = _sum(self.tally.tokens_out, answer.answer_tokens)
        text = fold(whole_part(answer.text) if answer.cut else answer.text)
        if not text:
            return self._failed("the answer was cut before its first whole sentence, "
                                f"{shown(fold(answer.text), 60)!r}; "
                                "--max-tokens raises its length" if answer.cut else "the answer is empty")
        self.tally.answered += 1
        self.tally.cut += answer.cut
        self._put(question, text, answer.cut)
        return None

    def _failed(self, problem: str) -> str:
        self.tally.failed += 1
        if self.tally.failed >= HOPELESS and not self.tally.answered:
            raise GmnerError(f"the first {HOPELESS} questions all failed; the last: {printable(problem)}",
                             where=self.source, hint="mend that first; the posts that come later would fail "
                                                     "in the same way")
        return problem

    def _put(self, question: Question, text: str, cut: bool) -> None:
        marks = {"cut": True} if cut else {}
        if question.entity is None:
            entry: Knowledge | Expansion = Knowledge(text=text, source=self.source, extra=marks)
        else:
            predicted = question.entity.score is not None
            self.tally.predicted += predicted
            self.tally.gold += not predicted
            entry = Expansion(text=text, source=self.source,
                              extra={"of": "prediction" if predicted else "gold", **marks})
        owner = question.post if question.entity is None else question.entity
        before = getattr(owner, self.task) or []
        # The new entry takes the place of the old ones of its source: the first of the list is the one that
        # dev and test use.
        at = next((n for n, old in enumerate(before) if old.source == self.source), len(before))
        rest = [old for old in before if old.source != self.source]
        setattr(owner, self.task, [*rest[:at], entry, *rest[at:]])


def _named(question: Question, problem: str) -> str:
    entity = question.entity
    if entity is None:
        return problem
    return f"{shown(question.post.text[entity.start:entity.end], 80)!r}: {problem}"


def _sum(total: int | None, more: int | None) -> int | None:
    return total if more is None else (total or 0) + more
