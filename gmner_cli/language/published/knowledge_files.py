"""Knowledge files as PGIM and RiVEG publish them: a post, ``<EOS>``, what a language model said of it.

One token and its tag a line; ``<EOS>`` and the words of the knowledge have the tag X;
a blank line ends a post. The files name no post, so their posts are found by their tokens.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gmner_cli.data.conll import read_lines
from gmner_cli.data.schemes import Scheme
from gmner_cli.errors import GmnerError, RecordError, printable
from gmner_cli.language.published.listing import listed
from gmner_cli.records import Post

END, TAG = "<EOS>", "X"


@dataclass(frozen=True, slots=True)
class PublishedKnowledge:
    """One post of a file: the line it begins at, its tokens, and the knowledge, on one line. Tags are checked
    and left out."""

    line: int
    tokens: list[str]
    text: str


@dataclass
class Match:
    """Which posts of ``match`` got knowledge, which did not, and which knowledge is left."""

    posts: int = 0
    matched: int = 0
    without: list[str] = field(default_factory=list)
    """Ids of posts whose tokens stand nowhere in the file."""
    ambiguous: list[str] = field(default_factory=list)
    """Ids of posts of one text that the file has more or less often, with different knowledge: whose it is,
    is unknown."""
    unused: list[int] = field(default_factory=list)
    """Lines of knowledge whose text no post has."""

    def __str__(self) -> str:
        """One line; the first of the ids and lines that are left over are named."""
        told = [f"knowledge for {self.matched} of {self.posts} posts"]
        told += [f"{len(self.without)} are not in the file ({listed(self.without)})"] if self.without else []
        told += [f"{len(self.ambiguous)} share their text with others, and the file has it another number of "
                 "times "
                 f"({listed(self.ambiguous)})"] if self.ambiguous else []
        told += [f"{len(self.unused)} entries belong to no post (lines {listed(self.unused)})"
                 ] if self.unused else []
        return "; ".join(told)


def read_knowledge(path: Path) -> list[PublishedKnowledge]:
    """Every post of a file, in order.

    Raises RecordError, with file:line, for a line that is not a token, a tab and a
    tag, and for a post without ``<EOS>`` or knowledge; GmnerError when the file
    cannot be read, is not UTF-8 or holds nothing.
    """
    found = [_entry(path, rows) for rows in _groups(path)]
    if not found:
        raise GmnerError("holds no posts", where=printable(str(path)))
    return found


def match(posts: Sequence[Post], entries: Sequence[PublishedKnowledge]) -> tuple[dict[str, str], Match]:
    """Knowledge by post id, for posts whose tokens are exactly those of an entry; and how it went.

    A text that several posts share is matched in order, where the file has it as
    often; where it does not, only if all entries of the text say the same. A post
    without tokens is compared by its text, which is the tokens joined by one space.
    """
    said: dict[str, list[PublishedKnowledge]] = defaultdict(list)
    for entry in entries:
        said[" ".join(entry.tokens)].append(entry)
    asked = Counter(map(_key, posts))
    answers: dict[str, str] = {}
    report = Match(posts=len(posts))
    used: Counter[str] = Counter()
    for post in posts:
        key = _key(post)
        known = said.get(key, [])
        if not known:
            report.without.append(post.id)
        elif len({entry.text for entry in known}) == 1:
            answers[post.id] = known[0].text
        elif len(known) == asked[key]:
            answers[post.id] = known[used[key]].text
            used[key] += 1
        else:
            report.ambiguous.append(post.id)
    report.matched = len(answers)
    report.unused = [entry.line for entry in entries if " ".join(entry.tokens) not in asked]
    return answers, report


def _key(post: Post) -> str:
    return post.text if post.tokens is None else " ".join(post.tokens)


def _groups(path: Path) -> Iterator[list[tuple[int, str]]]:
    """The numbered lines of each post."""
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip(" "):
            rows.append((number, line))
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def _entry(path: Path, rows: Sequence[tuple[int, str]]) -> PublishedKnowledge:
    tokens: list[str] = []
    words: list[str] | None = None
    for number, line in rows:
        token, mark, tag = line.rpartition("\t")
        if not mark or "\t" in token:
            raise _odd(path, number, f"is not a token, a tab and a tag: {line[:80]!r}")
        if words is not None:
            if tag != TAG:
                raise _odd(path, number, f"has tag {tag[:20]!r} after {END}, where words have {TAG}")
            words.append(token)
        elif (token, tag) == (END, TAG):
            words = []
        else:
            try:
                Scheme().read(tag, None)
            except ValueError as problem:
                raise _odd(path, number, str(problem)[:200]) from None
            if not token.strip(" "):
                raise _odd(path, number, "has no token")
            tokens.append(token)
    # Doubled spaces of the answer were published as words of no letters.
    text = " ".join(word for word in words or () if word)
    if not text:
        raise _odd(path, rows[-1][0],
                   f"ends the post of line {rows[0][0]} without {END} and knowledge after it")
    if not tokens:
        raise _odd(path, rows[0][0], f"is {END}, and no post before it")
    return PublishedKnowledge(rows[0][0], tokens, text)


def _odd(path: Path, number: int, problem: str) -> RecordError:
    return RecordError(printable(problem), where=f"{printable(str(path))}:{number}",
                       hint=f"is it whole? Published knowledge has lines as TOKEN<tab>O, {END}<tab>{TAG}, "
                            f"WORD<tab>{TAG}")
