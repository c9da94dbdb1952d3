"""Tweets as people write them, made of a data set's tokens: what ``bench_plain_text`` measures on.

The rules read tokens alone, never entities:

- no space before . , : ; ! ? … % ) ] } nor after ( [ { @ # $ £ €, and none on either side of _ between words
- an apostrophe joins what hangs on a word or follows a name's first letters: "Curry ' s", "don ' t",
  "O ' Neal", "rock ' n ' roll"; after a word in s and before a small letter it joins to the left
  ("Warriors ' fans"). Any other apostrophe is a quote, and opens and closes by turns, as " does; ‘ and “
  open, ” closes
- a slash joins; so does a dash between small letters or digits, or after at most three characters
  ("All - Star"); between longer capitalised words it may be either, and stays as it is ("Paris - Nice")
- a dot after an initial joins what follows if that is an initial too ("U . S . A"), and between digits
  . , : / join
- the pieces of a link join ("https : //t . co/x", "http://t. co/x"); so do equal signs that follow each other
  ("! ! !"), and the parts of an emoji (joiners, variation selectors, skin tones)
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

_LEFT, _RIGHT = frozenset(".,:;!?…%)]}"), frozenset("([{@#$£€")
_HANGS_ON = regex.compile(r"(?i)(?:s|t|m|d|re|ve|ll)$")
_OPEN_LINK = regex.compile(r"(?i)https?(?::(?:/(?:/(?:t(?:\.(?:co/?)?)?)?)?)?)?$")
_OF_EMOJI = regex.compile(r"[\u200d\ufe0e\ufe0f\U0001F3FB-\U0001F3FF]$")


def detokenise(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text, and where each token stands in it."""
    text, spans, open_quotes, link = "", [], set(), ""
    for number, token in enumerate(tokens):
        before = tokens[number - 1] if number else ""
        after = tokens[number + 1] if number + 1 < len(tokens) else ""
        sign = {"’": "'", "”": '"', "“": '"', "‘": "'"}.get(token, token)
        joins_left, joins_right = _joins(before, token, after)
        if sign in ("'", '"') and not joins_left:
            opens = token in "‘“" or (token != "”" and sign not in open_quotes)
            (open_quotes.add if opens else open_quotes.discard)(sign)
            joins_left, joins_right = not opens, opens
        link, of_link = (link + token, True) if _OPEN_LINK.match(link) else (token, False)
        glued = spans and (joins_left or spans[-1][2] or of_link)
        text += "" if not spans or glued else " "
        spans.append((len(text), len(text) + len(token), joins_right))
        text += token
    return text, [span[:2] for span in spans]


def _joins(before: str, token: str, after: str) -> tuple[bool, bool]:
    """Whether ``token`` stands without a space after ``before``, and without one before ``after``."""
    word_before, word_after = before[-1:].isalnum(), after[:1].isalnum()
    numbers = before[-1:].isdigit() and after[:1].isdigit()
    if _OF_EMOJI.match(token):
        return True, token == "\u200d"
    if token == before and len(token) == 1 and not token.isalnum():
        return True, False
    if token in ("'", "’") and word_before:
        if "n" in (before.lower(), after.lower()):
            return before.lower() == "n", after.lower() == "n"
        hangs = _HANGS_ON.match(after) is not None
        named = word_after and (len(before) == 1 or before in ("De", "Le", "La", "Mc", "Ma", "To", "Be"))
        if hangs or named:
            return True, True
        if before.endswith("s") and after[:1].islower():
            return True, False
    if token in (".", ",", ":", "/") and numbers:
        return True, True
    if token == "." and len(before) == len(after) == 1 and before.isalpha() and after.isalpha():
        return True, True
    if token == "_":
        return word_before, word_after
    if token == "/":
        return True, True
    if token in ("-", "–") and word_before and word_after:
        joins = len(before) <= 3 or not (before[0].isupper() or after[0].isupper())
        return joins, joins
    return token in _LEFT, token in _RIGHT
