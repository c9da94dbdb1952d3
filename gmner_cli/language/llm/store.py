"""Answers that outlive the run that asked for them, so that nothing is asked twice."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gmner_cli.errors import GmnerError
from gmner_cli.language.llm.backend import Answer, Backend, Failure, Question
from gmner_cli.language.llm.thoughts import without_half, without_thought

APPLICATION = 0x676D6E72
"""By which SQLite files of ours are known."""
PATIENCE = 60.0
"""Seconds to wait for another process that is writing."""
AT_ONCE = 500


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it stands in a file; ``cut`` is None in those of versions that kept what was cut, and
    thoughts, for answers."""

    text: str
    model: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    stored: bool = False
    cut: bool | None = None


def key(identity: str, prompt: str) -> str:
    """sha256 of what determines an answer: a backend's identity (with its Generation) and the prompt."""
    return hashlib.sha256(msgspec.json.encode([identity, prompt])).hexdigest()


class Store:
    """Answers by ``key`` in an SQLite file, or in memory when there is none.

    Each answer is on disk when ``put`` returns; several processes may share the file.
    Raises GmnerError when the file is damaged, of another program, or cannot be written.
    """

    def __init__(self, path: Path | None = None):
        self.path = path
        self._connection: sqlite3.Connection | None = None
        # damage is told at once, and a new file waits for its first answer
        if path is not None and path.exists():
            with self._errors():
                self._opened()

    def get_many(self, keys: Sequence[str], longest: int | None = None) -> dict[str, Answer]:
        """The answers that are there, by key; each is marked as ``stored``. Those of older versions that are
        as many tokens as were allowed (``longest``), or a thought, are no answers."""
        found: dict[str, Answer] = {}
        if self._connection is None and self.path is not None and not self.path.exists():
            return found
        with self._errors():
            for start in range(0, len(keys), AT_ONCE):
                part = keys[start:start + AT_ONCE]
                rows = self._opened().execute("SELECT key, answer FROM answers WHERE key IN "
                                              f"({', '.join('?' * len(part))})", part)
                kept = ((name, msgspec.json.decode(answer, type=_Kept)) for name, answer in rows)
                found.update({name: _stored(answer) for name, answer in kept if _whole(answer, longest)})
        return found

    def put(self, name: str, answer: Answer) -> None:
        """Keep an answer; one that is there already is replaced."""
        with self._errors():
            self._opened().execute("INSERT OR REPLACE INTO answers VALUES (?, ?)",
                                   (name, msgspec.json.encode(answer)))

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(":memory:" if self.path is None else self.path, timeout=PATIENCE,
                                         isolation_level=None)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if owner != APPLICATION and not empty:
            raise GmnerError("is the database of another program", where=str(self.path),
                             hint="name another file")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer BLOB NOT NULL) "
                           "WITHOUT ROWID")
        if [column for _, column, *_ in connection.execute("PRAGMA table_info(answers)")
            ] != ["key", "answer"]:
            raise GmnerError("is a store of another version of gmner", where=str(self.path),
                             hint="name another file")
        connection.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.MsgspecError, TypeError, OSError) as problem:
            where = str(self.path) if self.path is not None else "the store of answers"
            if isinstance(problem, (sqlite3.OperationalError, OSError)):
                raise GmnerError(
                    f"cannot be used: {problem}", where=where,
                    hint="is there room, may it be written, and is no other run holding it?") from None
            raise GmnerError(f"is damaged, or not a store of answers: {problem}", where=where,
                             hint="name another file; the answers in it will be asked for again") from None


class Remembering(Backend):
    """A backend that is asked only what the store does not hold, and each prompt of a call only once."""

    def __init__(self, backend: Backend, store: Store, longest: int | None = None):
        """``longest``: tokens of an answer, ``Generation.max_tokens``."""
        self.backend, self.store, self.name, self.longest = backend, store, backend.name, longest

    @property
    def identity(self) -> str:
        return self.backend.identity

    def answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer | Failure]]:
        alike: dict[str, list[int]] = {}
        for index, question in enumerate(questions):
            alike.setdefault(key(self.identity, question.prompt), []).append(index)
        found = self.store.get_many(list(alike), self.longest)
        for name, known in found.items():
            for index in alike.pop(name):
                yield index, known
        groups = list(alike.items())
        for at, answer in self.backend.answers([questions[indexes[0]]
                                                for _, indexes in groups]) if groups else ():
            name, (first, *others) = groups[at]
            # A blank one is a failure, and one that was cut is none of the model's; both may be asked for
            # again.
            if isinstance(answer, Answer) and answer.text.strip() and not answer.cut:
                self.store.put(name, answer)
            yield first, answer
            for index in others:
                yield index, _stored(answer) if isinstance(answer, Answer) else answer


def _whole(answer: _Kept, longest: int | None) -> bool:
    if answer.cut is not None:
        return not answer.cut
    reached_end = longest is None or answer.answer_tokens is None or answer.answer_tokens < longest
    return reached_end and without_thought(answer.text) == answer.text == without_half(answer.text)


def _stored(answer: Answer | _Kept) -> Answer:
    return Answer(**{**msgspec.structs.asdict(answer), "cut": bool(answer.cut), "stored": True})
