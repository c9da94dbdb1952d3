"""How plain text is cut into words: as the tokens were that a tagger was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import regex

from gmner_cli.errors import ModelError

APOSTROPHES = "'’ʼ＇"
INNER, BETWEEN_DIGITS, FRONT = "'-._/&", "-.,/:", "@#$"
"""Signs that may stand inside a word, inside a number, or before a word; "'" stands for every apostrophe."""

_APOSTROPHE = f"[{APOSTROPHES}]"
# Accents and vowel signs that are characters of their own (\p{M}), and the joiners between them, stay with
# the letter they belong to. Scripts that are written without spaces come apart by character, as the encoders'
# own vocabularies have them. U+02BC is a letter to Unicode, and an apostrophe to those who type it.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = rf"[[\p{{L}}\p{{N}}]--[{_UNSPACED}ʼ]][\p{{M}}\u200c\u200d]*"
_SIGN = r"(?:[^\p{L}\p{N}\s\x1c-\x1f]|ʼ)"
_FLAG = r"[\U0001F1E6-\U0001F1FF]{2}"
# Letters of other scripts may follow a link without a space, so they end it, and so do signs that end a
# sentence.
_LINK = r"(?i:https?://|www\.)[!-~…]*[[!-~…]--[.,;:!?'\")\]}>]]"
_CLITIC = rf"(?i:{_APOSTROPHE}(?:s|m|d|re|ve|ll)|n{_APOSTROPHE}t)(?!{_LETTER})"
_ESCAPED = r"&(?:amp|lt|gt|quot)(?=;)"  # how raw tweets write a sign
_INITIAL = r"(?<=(?<![\p{L}\p{N}\p{M}])\p{L})\."


class Cut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What words hold; the defaults are what ``learn`` finds in Twitter-GMNER v2, where "Curry's" is "Curry '
    s".

    Whatever the settings, every visible character is in exactly one word.
    """

    inner: str = "-"
    """Of INNER, what stands inside words: "-" in "game-winner". A dot does so only between initials, as in
    "U.S."."""
    digits: str = "-."
    """Of BETWEEN_DIGITS, what stands between digits: "." in "3.5"."""
    front: str = ""
    """Of FRONT, what stays with the word that follows: "#" in "#GoTeam"."""
    clitics: bool = False
    """Whether 's, 'm, 'd, 're, 've, 'll and n't are words, as in the Penn Treebank."""
    links: bool = True
    """Whether a link is one word."""
    runs: bool = False
    """Whether a run of the same sign is one word: "..."."""
    whole: bool = False
    """Whether only white space ends a word, so that "London," is one. Then nothing else counts."""

    def __post_init__(self) -> None:
        for name, known in (("inner", INNER), ("digits", BETWEEN_DIGITS), ("front", FRONT)):
            if odd := set(getattr(self, name)) - set(known):
                raise ValueError(f"{name} holds {min(odd)!r}, which is none of {known}")

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Cut:
        """What a checkpoint's facts say; one from before they said it has Twitter-GMNER's. Raises
        ModelError."""
        try:
            return msgspec.convert(facts.get("cut", {}), cls)
        except msgspec.ValidationError as problem:
            raise ModelError(f"the facts do not say how to cut words: {problem}") from None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character spans of the words of ``text``, in order."""
        return [match.span() for match in _pattern(self).finditer(text)]


PENN = Cut(inner="'-.", digits="-.,/:", clitics=True)
"""Names whole and what hangs on them apart: "O'Neal", "Curry" and "'s"."""


@lru_cache(maxsize=64)
def _pattern(cut: Cut) -> regex.Pattern:
    if cut.whole:
        return regex.compile(r"[^\s\x1c-\x1f]+")
    joints, end = [], ""
    if cut.digits:
        joints.append(rf"(?<=\p{{Nd}}){_class(cut.digits)}(?=\p{{Nd}})")
    if letters := cut.inner.replace(".", ""):
        joints.append(rf"(?!(?<=\p{{Nd}}).\p{{Nd}}){_class(letters)}(?={_LETTER})")
    if "." in cut.inner:
        joints.append(rf"{_INITIAL}(?=\p{{L}}(?!{_LETTER}))")
        end = rf"(?:(?<=\.\p{{L}}){_INITIAL})?"
    joint = "|".join(joints)
    if cut.clitics:
        # A word ends before n't, and no sign joins what hangs on it.
        joint = rf"(?!{_CLITIC})(?:{joint})" if joint else ""
        letter = rf"(?:(?!{_CLITIC}){_LETTER})"
        words = [
            rf"(?<=(?:[\p{{L}}\p{{N}}\p{{M}}]|\p{{L}}\.)\s?){_CLITIC}",
            _word(letter, joint) + end,
            _word(_LETTER, joint) + end
        ]
    else:
        words = [_word(_LETTER, joint) + end]
    front = [rf"(?<![\p{{L}}\p{{N}}\p{{M}}]){_class(cut.front)}{_word(_LETTER, joint)}"] if cut.front else []
    runs = [rf"({_SIGN})\1+"] if cut.runs else []
    return regex.compile("|".join([*([_LINK] if cut.links else []), _ESCAPED, *front, *words, _FLAG,
                                   rf"[{_UNSPACED}]\p{{M}}*", *runs, _SIGN]), regex.VERSION1)


def _word(letter: str, joint: str) -> str:
    return rf"{letter}(?:{letter}|(?:{joint}){letter})*" if joint else f"{letter}+"


def _class(signs: str) -> str:
    return f"[{regex.escape(signs, literal_spaces=True)}{APOSTROPHES if chr(39) in signs else ''}]"


MOST, ENOUGH = 0.5, 0.25
"""Share of a sign's places in training tokens that must be inside words. ENOUGH is for dash and dot: between
two words they are often just that, as in "Paris - Nice", and nothing tells those places from the ones that
were cut."""


def learn(tokens: Iterable[Sequence[str]]) -> Cut:
    """How the texts were cut whose tokens these are; what they do not show is as in Twitter-GMNER."""
    seen: _Seen = Counter()
    for words in tokens:
        for word in words:
            if not (word.isascii() and word.isalnum()):  # most words, in which there is nothing to see
                _look_inside(word, seen)
        for word, after in zip(words, words[1:], strict=False):
            _look_at_two(word, after, seen)
        for before, sign, after in zip(words, words[1:], words[2:], strict=False):
            _look_between(before, sign, after, seen)
    clitics = seen["clitic", "word"] > max(seen["clitic", "apart"], seen["clitic", "inside"])
    if not clitics:
        seen["inner", "'", "apart"] += seen["clitic", "apart"]
        seen["inner", "'", "inside"] += seen["clitic", "inside"]
    elif not seen["inner", "'", "apart"]:
        seen["inner", "'", "inside"] += 1  # who cuts only what hangs on a name leaves O'Neal whole
    seen["whole", "apart"] += 3  # "Yahoo!" alone proves nothing
    usual = Cut()

    def held(place: str, signs: str) -> str:
        return "".join(s for s in signs if _most(seen[place, s,
                                                      "inside"], seen[place, s, "apart"], s in getattr(
                                                          usual, place), ENOUGH if s in "-." else MOST))

    return Cut(
        inner=held("inner", INNER), digits=held("digits", BETWEEN_DIGITS), front=held("front", FRONT),
        clitics=clitics, **{
            name: _most(seen[name, "inside"], seen[name, "apart"], getattr(usual, name), MOST)
            for name in ("links", "runs", "whole")
        })


_Seen = Counter[tuple[str, ...]]
"""By what was looked for: how often it was "inside" a token, and how often a token of its own, "apart"."""

_LINKED = regex.compile(r"(?i)https?:|www\.|(?:t\.)?co/|.*&(?:amp|lt|gt|quot)\b")
_CLITIC_END = regex.compile(rf"(?i)(?<=\p{{L}})(?:{_APOSTROPHE}(?:s|m|d|re|ve|ll)|(?<=n){_APOSTROPHE}t)$")
_HANGS_ON = frozenset({"s", "m", "d", "re", "ve", "ll", "t"})
_SENTENCE = frozenset(",!?:;")
"""A dot is not among them: that of "Mr." is part of the word, however texts are cut."""


def _most(inside: int, apart: int, usual: bool, least: float) -> bool:
    return usual if inside + apart == 0 else inside > 0 and inside >= least * (inside + apart)


def _look_inside(word: str, seen: _Seen) -> None:
    if _LINKED.match(word):
        seen["links", "inside"] += regex.match(r"(?i)https?://.", word) is not None
        return
    if word[0] in FRONT and word[1:2].isalnum():
        seen["front", word[0], "inside"] += 1
    if word in _SENTENCE:
        seen["whole", "apart"] += 1
    elif word[-1] in _SENTENCE and word[:-1].isalpha():
        seen["whole", "inside"] += 1
    if len(word) > 1 and not word[0].isalnum() and word == word[0] * len(word):
        seen["runs", "inside"] += 1
    name, hanging = _CLITIC_END.subn("", word)
    seen["clitic", "inside"] += hanging
    for before, sign, after in zip(f" {name}", name, name[1:], strict=False):
        if before.isalnum() and after.isalnum() and sign != ".":
            _count(before, sign, after, "inside", seen)
    for initials in regex.findall(r"(?<![\p{L}\p{N}])\p{L}\.\p{L}(?!\p{L})|\p{Nd}\.\p{Nd}", name):
        _count(initials[0], ".", initials[-1], "inside", seen)


def _look_at_two(word: str, after: str, seen: _Seen) -> None:
    if word in set(FRONT) and after[0].isalnum():
        seen["front", word, "apart"] += 1
    if word == after and len(word) == 1 and not word.isalnum():
        seen["runs", "apart"] += 1
    if word.lower() in ("http", "https") and after[0] == ":":
        seen["links", "apart"] += 1
    if len(after) <= 3 and word[-1].isalnum() and regex.fullmatch(_CLITIC, after):
        seen["clitic", "word"] += 1


def _look_between(before: str, sign: str, after: str, seen: _Seen) -> None:
    if len(sign) != 1 or not (before[-1].isalnum()
                              and after[0].isalnum()) or sign.isascii() and sign.isalnum():
        return
    if sign in set(APOSTROPHES) and after.lower() in _HANGS_ON:
        seen["clitic", "apart"] += 1
    elif sign != "." or (before + after).isdigit() or len(before) == len(after) == 1:
        _count(before[-1], sign, after[0], "apart", seen)


def _count(before: str, sign: str, after: str, how: str, seen: _Seen) -> None:
    numbers = before.isdigit() and after.isdigit()
    seen["digits" if numbers else "inner", "'" if sign in set(APOSTROPHES) else sign, how] += 1
