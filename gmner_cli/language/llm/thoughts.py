"""Marks that models put around their thoughts and answers, so that the answer alone is kept.

Every family of models has its own marks, and servers differ in which they take out. A mark that opens a
thought counts only at the beginning of an answer, so that words of a post that look like one stay. A mark
that closes a thought counts anywhere: the template may have opened it before the model began.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_WORDS = r"(?:\w+:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ion)?|analysis|scratchpad)"
_ANSWER = r"(?:\w+:)?(?:answer|response|output|final[ _]answer|solution|conclusion)"


class Marks(NamedTuple):
    """Around a thought: patterns of what opens and of what closes it."""

    opening: str
    closing: str
    spoken: bool = False
    """Whether the marks are ordinary words, which close a thought only where they opened one."""


THOUGHTS = (
    # most; <seed:think> of Seed-OSS
    Marks(rf"<{_WORDS}(?:\s[^<>]*)?(?<!/)>", rf"</{_WORDS}>|<{_WORDS}\s?/>"),
    Marks(r"\[think(?:ing)?\]", r"\[/think(?:ing)?\]"),  # Magistral; other words in brackets are headings
    Marks(r"◁think▷", r"◁/think▷"),  # Kimi
    Marks(rf"<\|(?:begin_of_|begin_|start_)?{_WORDS}(?:_begin|_start)?\|>",
          rf"<\|(?:/|end_of_|end_){_WORDS}\|>|<\|{_WORDS}_end\|>|<\|content\|>"),  # Sky-T1; Command; Solar
    Marks(r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),  # Apertus
    Marks(r"(?:<\|start\|>)?(?:assistant)?<\|channel\|>(?!\s*final)(?:[^<]*<\|message\|>)?",
          # gpt-oss
          r"(?:<\|start\|>)?(?:assistant)?<\|channel\|>\s*final(?:[^<]|<\|constrain\|>)*<\|message\|>"),
    Marks(r"<\|channel>\s*thought", r"<channel\|>"),  # Gemma
    # gpt-oss where a server has dropped its marks, and two families (Granite, Apriel) that think in plain
    # sentences.
    Marks(r"(?-i:analysis(?=[A-Z]))", r"(?-i:assistantfinal)", spoken=True),
    Marks(r"here is my thought process:", r"here is my response:", spoken=True),
    Marks(r"here are my reasoning steps:", r"\[begin final response\]", spoken=True),
)
"""The one table of them; upper and lower case are the same."""

WRAPPERS = (
    Marks(rf"<{_ANSWER}>", rf"</{_ANSWER}>"),
    Marks(rf"\[{_ANSWER}\]", rf"\[/{_ANSWER}\]"),
    Marks(r"<\|(?:begin_of|start)_(?:solution|response|answer|box)\|>",
          r"<\|(?:end_of|end)_(?:solution|response|answer|box)\|>"),
    Marks(r"(?!)", r"\[end final response\]"),
    Marks(r"(?!)", r"<\|(?:end|return|call|im_end|eot_id|end_of_turn|endoftext|end_of_text)\|>"
          ),  # of a turn, where servers leave it
)
"""What stands around an answer and is none of it."""

_SPACE = " \t\r\n\v\f\ufeff\u200b"
_FLAGS = re.IGNORECASE
_BEGINS = re.compile("|".join(f"(?:{marks.opening})" for marks in THOUGHTS), _FLAGS)
_AT_THE_END = re.compile(rf"(?:{_BEGINS.pattern})\s*\Z", _FLAGS)
_CLOSES = re.compile("|".join(f"(?:{marks.closing})" for marks in THOUGHTS if not marks.spoken), _FLAGS)
_SPOKEN = [(re.compile(marks.opening, _FLAGS), re.compile(marks.closing, _FLAGS))
           for marks in THOUGHTS
           if marks.spoken]
_WRAPPED = re.compile("|".join(f"(?:{marks.opening})" for marks in WRAPPERS), _FLAGS)
_UNWRAPS = re.compile("|".join(f"(?:{marks.closing})" for marks in WRAPPERS), _FLAGS)
_PIECES = re.compile(
    rf"{_BEGINS.pattern}|{_CLOSES.pattern}|{_WRAPPED.pattern}|<\|(?:channel|message)\|>|<\|channel>", _FLAGS)

_HALF = re.compile("[\ufffd\u200d]{1,3}\\Z")
"""What is left of a character whose end was cut off: of its bytes, three at most, or of a sequence that is
drawn as one."""


def without_thought(text: str) -> str | None:
    """What follows the last thought, without the marks around the answer; None while a thought goes on."""
    said = text.lstrip(_SPACE)
    closings = [_CLOSES, *(closing for opening, closing in _SPOKEN if opening.match(said))]
    said = said[max((mark.end()
                     for closing in closings
                     for mark in closing.finditer(said)), default=0):].lstrip(_SPACE)
    if _BEGINS.match(said):
        return None
    if wrapped := _WRAPPED.match(said):
        said = said[wrapped.end():].lstrip()
    end = _UNWRAPS.search(said)
    return said[:end.start()] if end else said


def opened(prompt: str) -> str:
    """The mark with which a prompt's end opens a thought for the model, or nothing."""
    found = _AT_THE_END.search(prompt)
    return found.group().rstrip() if found else ""


def silent_tokens(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Ids of the special tokens that are none of what a model says; those around thoughts and answers are."""
    special = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    special |= {
        index: token.content for index, token in tokenizer.added_tokens_decoder.items() if token.special
    }
    return {index for index, content in special.items() if not _PIECES.fullmatch(content.strip())}


def without_half(text: str) -> str:
    """The text without half a character at its end."""
    whole = _HALF.sub("", text)
    flags = len(whole) - len(whole.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
    return whole[:-1] if flags % 2 else whole  # a flag is two letters
