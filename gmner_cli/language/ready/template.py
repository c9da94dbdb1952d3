"""Answers made of the record alone: a baseline that knows nothing, says so by its source, and costs
nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gmner_cli.language.llm.backend import Answer, Failure, Question
from gmner_cli.language.prompts import fold, values_of
from gmner_cli.language.ready import Ready
from gmner_cli.ner.cut import PENN
from gmner_cli.ner.words import words_of
from gmner_cli.records import Entity, Post

KINDS = {
    "PER": "a person", "LOC": "a place", "ORG": "an organisation", "OTHER": "a thing with a name",
    "MISC": "a thing with a name"
}
"""Types of the published data sets in plain words."""


class FromTheRecord(Ready):
    """Knowledge: the capitalised names of the text and the caption. Expansions: the type in plain words, the
    finer one first."""

    name = "template"

    def answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer | Failure]]:
        for index, question in enumerate(questions):
            text = kind_of(question.entity) if question.entity is not None else _about(question.post)
            if text:
                yield index, Answer(text=text, model=self.name)


def kind_of(entity: Entity) -> str:
    """What the types say an entity is, with an article: "sports_team" is "a sports team"."""
    if entity.fine_type is None and entity.type in KINDS:
        return KINDS[entity.type]
    words = fold((entity.fine_type or entity.type).replace("_", " ")).lower()
    return f"{'an' if words[:1] in tuple('aeiou') else 'a'} {words}" if words else ""


def capitalised(post: Post) -> list[str]:
    """Runs of words that begin with a capital, each once, as they stand in the text.

    A single word that begins the text and is written like any first word is none.
    """
    words, spans = words_of(post, PENN)  # "O'Neal" is one name, and "Curry's" holds one
    runs: list[tuple[int, int]] = []
    for at, word in enumerate(words):
        if not word[0].isupper():
            continue
        if runs and runs[-1][1] == at:
            runs[-1] = runs[-1][0], at + 1
        else:
            runs.append((at, at + 1))
    found = [
        post.text[spans[a][0]:spans[b - 1][1]] for a, b in runs if (a, b) != (0, 1) or not words[0].istitle()
    ]
    return list(dict.fromkeys(fold(name) for name in found))


def _about(post: Post) -> str:
    names, caption = capitalised(post), values_of(post)["caption"]
    parts = [f"Capitalised in the text: {', '.join(names)}."] if names else []
    parts += [f"The picture: {fold(caption)}."] if caption else []
    return " ".join(parts)
