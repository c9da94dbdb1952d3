"""Prompts: files that a person can read and replace, filled in with what posts say.

A prompt file is text in parts. Each part begins with a line ``=== NAME``; lines
before the first are comments::

    === head             what comes first, word for word
    === example          how an example is written; uses {answer}
    === question         how the post is written that is asked about; no {answer}
    === fixed example    any number: "name: value" lines for the examples that come with the file
    === stop             any number of lines: what ends an answer; \\n is a line's end

What the post says is put in for ``{text}``, ``{caption}``, ``{background}`` (the detailed caption, or else
the short one) and, for expansions, ``{name}``, ``{type}`` and ``{fine_type}``. Braces of one's own are
doubled. A line is left out if it uses what the post does not have, such as a caption.

What a post says is data: no tweet can write a line of the prompt. It is folded to one line, it only follows
words of the template on their line, and it is never read as a template.

The shipped files have the structure of RiVEG's templates (sections IV-B1 and IV-B2), and words and fixed
examples of our own: the paper prints no prompt head and no examples. To repeat its wording, copy a file,
change it, and give it with --prompt.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from gmner_cli.errors import UsageError, did_you_mean, printable, shown
from gmner_cli.files.bounded import open_regular
from gmner_cli.records import Entity, Post

Values = Mapping[str, str | None]
"""What is filled in, by variable; None for what the post does not have."""

TASKS = ("knowledge", "expansions")
FOLDER = Path(__file__).parent
LARGEST = 2**18
"""Bytes of a prompt file that are read: no language model here has room for more."""

_MARK = "==="
_NEEDED, _MORE = ("head", "example", "question"), ("fixed example", "stop")
_OF_POST = ("text", "caption", "background")
_OF_ENTITY = ("name", "type", "fine_type")
_ALWAYS = ("text", "name", "type", "answer")
"""Variables that every post, entity or example has a value of."""


@dataclass(frozen=True)
class Template:
    """Lines of words and variables, as ``(words, variable or None)`` pairs."""

    lines: tuple[tuple[tuple[str, str | None], ...], ...]

    @property
    def variables(self) -> set[str]:
        return {name for line in self.lines for _, name in line if name}

    def render(self, values: Values) -> str:
        """The lines filled in, without those that use a variable of value None. Each line stays one line."""
        return "\n".join("".join(words + (fold(values[name] or "") if name else "")
                                 for words, name in line)
                         for line in self.lines
                         if all(values[name] is not None for _, name in line if name)).rstrip()


@dataclass(frozen=True)
class Prompt:
    """A prompt file that was read."""

    head: str
    example: Template
    question: Template
    fixed: tuple[Values, ...]
    """The examples that come with the file."""
    stop: tuple[str, ...]
    sha256: str = field(compare=False)
    """Of the file as it was read, which may have been a pipe."""

    def render(self, values: Values, examples: Sequence[Values] = ()) -> str:
        """Head, examples in the order given, question; a blank line between any two of them."""
        return "\n\n".join(
            [self.head, *(self.example.render(e) for e in examples),
             self.question.render(values)])


def fold(text: str) -> str:
    """The text on one line: white space and control characters become single spaces."""
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    # A lone surrogate, which JSON can spell, is no character that a tokenizer or a server could take.
    return " ".join(plain.encode("utf-8", "replace").decode("utf-8").split())


def values_of(post: Post, entity: Entity | None = None, answer: str | None = None) -> dict[str, str | None]:
    """Every variable's value: of the post, of ``entity`` where it is about one, and the answer of an
    example."""
    caption, detailed = ((text if text and fold(text) else None)
                         for text in (post.caption, post.detailed_caption))
    values = {"text": post.text, "caption": caption, "background": detailed or caption, "answer": answer}
    if entity is not None:
        values |= {
            "name": post.text[entity.start:entity.end], "type": entity.type, "fine_type": entity.fine_type
        }
    return values


def read_prompt(task: str, path: Path | None = None) -> Prompt:
    """The prompt of a task: the file at ``path``, or the one that comes with the tool.

    Raises UsageError, with file:line, for anything but a whole and usable prompt.
    """
    path = path or FOLDER / f"{task}.txt"
    content = _read(path)
    parts = _parts(path, content)
    known = (*_OF_POST, *(_OF_ENTITY if task == "expansions" else ()))
    head = "\n".join(text for _, text in _trimmed(parts["head"][0]))
    example = _template(parts["example"][0], path, (*known, "answer"))
    question = _template(parts["question"][0], path, known)
    for template, name, needed in ((example, "example", {"answer"}),
                                   (question, "question",
                                    {"text", *(["name"] if task == "expansions" else [])})):
        missing = sorted(needed - template.variables)
        if missing:
            raise UsageError(f"the {name} never uses {{{missing[0]}}}", where=printable(str(path)))
    fixed = tuple(_values(lines, path, example.variables) for lines in parts.get("fixed example", ()))
    stop = tuple(
        text.replace("\\n", "\n") for lines in parts.get("stop", ()) for _, text in _trimmed(lines) if text)
    return Prompt(head, example, question, fixed, stop or ("\n",), hashlib.sha256(content).hexdigest())


_Lines = list[tuple[int, str]]
"""Lines of a part, with their numbers in the file."""


def _parts(path: Path, content: bytes) -> dict[str, list[_Lines]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UsageError(f"is not UTF-8: {problem}", where=printable(str(path))) from None
    parts: dict[str, list[_Lines]] = {}
    lines: _Lines = []  # of comments, which nobody reads
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith(_MARK):
            lines.append((number, line.rstrip()))
            continue
        name = line.removeprefix(_MARK).strip()
        where = printable(f"{path}:{number}")
        if name not in (*_NEEDED, *_MORE):
            raise UsageError(f"unknown part {shown(name)!r}", where=where,
                             hint=did_you_mean(name, (*_NEEDED, *_MORE)))
        if name in parts and name in _NEEDED:
            raise UsageError(f"a second part {name!r}", where=where, hint="examples of your own are parts "
                                                                          "called 'fixed example'")
        lines = []
        parts.setdefault(name, []).append(lines)
    for name in _NEEDED:
        if name not in parts:
            raise UsageError(f"has no part {name!r}", where=printable(str(path)),
                             hint=f"it begins with a line {_MARK} {name}")
    return parts


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            content = stream.read(LARGEST + 1)
    except (OSError, ValueError) as problem:
        raise UsageError(f"cannot be read: {getattr(problem, 'strerror', None) or problem}",
                         where=printable(str(path))) from None
    if len(content) > LARGEST:
        raise UsageError(f"is larger than {LARGEST} bytes, so it is no prompt", where=printable(str(path)))
    return content


def _trimmed(lines: _Lines) -> _Lines:
    """Without the blank lines at both ends."""
    filled = [at for at, (_, text) in enumerate(lines) if text.strip()]
    return lines[filled[0]:filled[-1] + 1] if filled else []


def _template(lines: _Lines, path: Path, known: Sequence[str]) -> Template:
    return Template(
        tuple(_line(text, printable(f"{path}:{number}"), known) for number, text in _trimmed(lines)))


def _line(text: str, where: str, known: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    try:
        pairs = list(Formatter().parse(text))
    except ValueError as problem:
        raise UsageError(f"is not a line of a template: {problem}", where=where,
                         hint="a brace that stands for itself is written twice") from None
    for _, name, form, conversion in pairs:
        if name is None:
            continue
        if form or conversion or name not in known:
            whole = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            raise UsageError(f"unknown variable {{{shown(whole)}}}", where=where,
                             hint=did_you_mean(whole, known))
    if pairs and pairs[0][1] is not None and not pairs[0][0].strip():
        raise UsageError(f"begins with {{{pairs[0][1]}}}", where=where,
                         hint="begin the line with words, as in \"Text: {text}\", or a post could pose as "
                              "another line")
    return tuple((words, name) for words, name, _, _ in pairs)


def _values(lines: _Lines, path: Path, used: set[str]) -> dict[str, str | None]:
    """A fixed example; what it lacks of what posts may lack is None."""
    values: dict[str, str | None] = {}
    for number, line in _trimmed(lines):
        name, mark, value = line.partition(":")
        where = printable(f"{path}:{number}")
        if not mark or name.strip() not in used:
            raise UsageError(f"{shown(name)!r} is not what the example uses", where=where,
                             hint=did_you_mean(name, used))
        if name.strip() in values:
            raise UsageError(f"a second {name.strip()!r}", where=where)
        values[name.strip()] = value.strip()
    for name in sorted(used):
        if name in _ALWAYS and not values.get(name):
            raise UsageError(f"the fixed example has no {name!r}",
                             where=printable(f"{path}:{lines[0][0] - 1 if lines else 1}"))
    return {name: values.get(name) or None for name in used}
