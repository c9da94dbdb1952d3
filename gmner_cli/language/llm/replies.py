"""What a chat-completions server's reply means: an answer, another try, a failure, or the end of all questions."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

from gmner_cli.errors import GmnerError, printable
from gmner_cli.language.llm.backend import Answer, Failure, Generation

LONGEST_PAUSE = 300.0
"""Seconds that are waited because a server says so; one that asks for more ends the run."""
OPTIONAL = {"max_tokens", "temperature", "seed", "stop"}
"""Parameters that a question can do without."""
AGAIN = {408, 409, 425, 429}
"""Besides 500 and above: what may go away by itself."""


class Again(NamedTuple):
    """Why to ask once more, and the seconds that the server wants to be left alone (0: it did not say)."""

    reason: str
    pause: float = 0.0
    unreached: bool = False
    """Whether there was no server at all."""
    empty: bool = False
    """Whether an answer came that says nothing."""
    unwanted: str | None = None
    """The parameter of the question that this model does not take."""


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    usage: Any = None


def judge(status: int, retry_after: str | None, body: bytes, *, model: str, generation: Generation, where: str,
          hide: Callable[[str], str] = str, hide_in_answer: Callable[[str], str] = str) -> Answer | Again | Failure:
    """The meaning of one reply of the server at ``where``; ``hide`` takes out of its messages what must not be shown,
    ``hide_in_answer`` out of answers.

    Raises GmnerError for what holds for every other question too.
    """
    if status == 200:
        return _answer(body, model, generation, hide_in_answer)
    said = _said(body, hide)
    if status in (401, 403):
        raise GmnerError(f"refuses to answer ({status}): {said}", where=where,
                         hint="is the right key in OPENAI_API_KEY? It is sent to https addresses and to this machine alone")
    if 300 <= status < 400:
        raise GmnerError(f"sends its visitors elsewhere ({status}), where no key is taken", where=where,
                         hint="give the address it moved to with --base-url")
    if status in (404, 405, 410):
        raise GmnerError(f"has no model {model!r}, or no chat completions ({status}): {said}", where=where,
                         hint="--base-url usually ends with /v1; the server's own list is at BASE_URL/models")
    if status == 429 and b"insufficient_quota" in body:
        raise GmnerError(f"the quota of the key is used up: {said}", where=where)
    if status in AGAIN or status >= 500:
        pause = _seconds(retry_after)
        if pause > LONGEST_PAUSE:
            raise GmnerError(f"asks to be left alone for {pause:.0f} seconds ({status}): {said}", where=where,
                             hint="run again then, with --resume")
        return Again(f"the server answered {status}: {said}", pause)
    if status == 400 and (name := _unwanted(body)):
        return Again(f"the server answered 400: {said}", unwanted=name)
    return Failure(f"the server answered {status}: {said}")


def _answer(body: bytes, model: str, generation: Generation, hide: Callable[[str], str]) -> Answer | Again | Failure:
    try:
        reply = msgspec.json.decode(body, type=_Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        return Again(f"the reply is no chat completion: {printable(str(problem))}")
    if not reply.choices:
        return Again("the reply holds no choice")
    choice = reply.choices[0]
    if choice.finish_reason == "content_filter":
        return Failure("the server's content filter withheld the answer")
    said = hide(choice.message.content or "")
    text = generation.answer(said)
    if not text:
        spent = " (its tokens were used up before it began; --max-tokens raises them)" if choice.finish_reason == "length" else ""
        return Again(f"the answer is empty{spent}", empty=True)
    usage = reply.usage if isinstance(reply.usage, dict) else {}
    return Answer(text=text, model=model, prompt_tokens=_count(usage.get("prompt_tokens")),
                  answer_tokens=_count(usage.get("completion_tokens")))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _said(body: bytes, hide: Callable[[str], str]) -> str:
    """The message of an error reply, or its beginning, in one printable line."""
    error = _error(body)
    message = error.get("message") if isinstance(error, dict) else error
    text = message if isinstance(message, str) else body.decode("utf-8", errors="replace")
    return printable(" ".join(hide(text).split()))[:200] or "without a word"


def _unwanted(body: bytes) -> str | None:
    """The parameter that an error reply calls unsupported, as models that reason do with ``temperature``."""
    error = _error(body)
    if isinstance(error, dict) and str(error.get("code")).startswith("unsupported_"):
        name = error.get("param")
        return name if isinstance(name, str) and name in OPTIONAL else None
    return None


def _error(body: bytes) -> Any:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return content.get("error", content.get("detail")) if isinstance(content, dict) else None


def _seconds(retry_after: str | None) -> float:
    """``Retry-After``, a number of seconds or a date, as seconds from now; 0 where it is neither."""
    try:
        seconds = float(retry_after or 0)
    except ValueError:
        try:
            when = parsedate_to_datetime(retry_after)
            aware = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
            seconds = (aware - datetime.now(timezone.utc)).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return 0.0
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0
