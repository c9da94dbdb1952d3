"""What a chat-completions server's reply means: an answer, another try, a failure, or the end of all
questions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

from gmner_cli.errors import GmnerError, shown
from gmner_cli.language.llm.backend import Answer, Failure, Generation

LONGEST_PAUSE = 300.0
"""Seconds that are waited because a server says so; one that asks for more ends the run."""
OPTIONAL = {"max_tokens", "temperature", "seed", "stop"}
"""Parameters that a question can do without."""
AGAIN = {408, 409, 425, 429}
"""Besides 500 and above: what may go away by itself."""

KINDS = {
    401: ("authentication", "api_key", "unauthorized", "unauthenticated", "permission"),
    404: ("not_found", "notfound"),
    429: ("rate_limit", "ratelimit", "too_many", "resource_exhausted", "insufficient_quota"),
    503: ("overload", "unavailable", "server_error", "internal", "timeout"),
    400: ("invalid_request", "bad_request", "badrequest", "context_length", "invalid_argument",
          "unsupported_")
}
"""What servers call errors that they give no number, by the status that each stands for."""
CUT = {"length", "max_tokens", "max_output_tokens", "model_length"}
"""How servers say that an answer was as long as allowed."""
FILTERED = {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii"}
"""How they say that it was withheld."""
LONGEST_TOKEN = 64
"""Characters; far more an answer cannot have, whatever the server sends."""


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
    content: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: Any = None
    error: Any = None


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    usage: Any = None


def judge(status: int, retry_after: str | None, body: bytes, *, model: str, generation: Generation,
          where: str, hide: Callable[[str], str] = str,
          hide_in_answer: Callable[[str], str] = str) -> Answer | Again | Failure:
    """The meaning of one reply of the server at ``where``; ``hide`` takes out of its messages what must not
    be shown, ``hide_in_answer`` out of answers.

    Raises GmnerError for what holds for every other question too.
    """
    try:
        content = json.loads(body)  # not msgspec, which takes half a character for half a reply
    except (ValueError, RecursionError) as problem:
        if status == 200:
            return Again(f"the reply is no chat completion: {shown(str(problem))}")
        content = None
    trouble = _Trouble(content, body, retry_after, model, where, hide)
    if status != 200:
        return trouble.judged(status, str(status), content if
                              (found := _complaint(content)) is None else found)
    try:
        return _answer(content, trouble, model, generation, hide_in_answer)
    except (msgspec.MsgspecError, RecursionError) as problem:
        return Again(f"the reply is no chat completion: {shown(str(problem))}")


def _answer(content: Any, trouble: _Trouble, model: str, generation: Generation,
            hide: Callable[[str], str]) -> Answer | Again | Failure:
    """What a reply of status 200 holds. Raises msgspec's errors for what is no chat completion, and as
    ``judge``."""
    if (complaint := _complaint(content)) is not None:
        return trouble.within(complaint)
    reply = msgspec.convert(content, _Reply)
    if not reply.choices:
        return Again("the reply holds no choice")
    choice = reply.choices[0]
    if choice.error:
        return trouble.within(choice.error)
    if choice.message is None:
        raise msgspec.ValidationError("the choice has no message")
    finish = choice.finish_reason.lower() if isinstance(choice.finish_reason, str) else None
    if finish in FILTERED:
        return Failure("the server's content filter withheld the answer")
    if finish == "error":
        return Again("the server broke off the answer")
    said = hide(_whole_characters(_text(choice.message.content)))
    usage = reply.usage if isinstance(reply.usage, dict) else {}
    answer = Answer(text=generation.answer(said), model=model,
                    prompt_tokens=_count(usage.get("prompt_tokens")),
                    answer_tokens=_count(usage.get("completion_tokens")))
    cut = finish in CUT or (finish is None and (answer.answer_tokens or 0) >= generation.max_tokens)
    if not answer.text:
        refusal = _refusal(choice.message)
        if refusal:
            return Failure(f"the model refuses: {shown(' '.join(hide(refusal).split()))}")
        if choice.message.tool_calls and not said:
            return Failure("the model calls a tool instead of answering")
        if cut:  # and would be again
            return Failure("the answer is empty (its tokens were used up before it began; --max-tokens "
                           "raises them)")
        return Again("the answer is empty", empty=True)
    if len(answer.text) > max(LONGEST_TOKEN * generation.max_tokens, LONGEST_TOKEN**2):
        return Failure(f"the answer has {len(answer.text)} characters, which are no {generation.max_tokens} "
                       "tokens")
    # Where a stop string came first, what was cut off is none of the answer.
    return msgspec.structs.replace(answer, cut=cut and generation.ended(said) is None)


def _text(content: Any) -> str:
    """The text of a message, in whatever parts it comes; thoughts and pictures are none of it."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "".join(map(_text, content))
    if not isinstance(content, dict):
        raise msgspec.ValidationError(f"the content is {shown(json.dumps(content))}")
    kind = str(content.get("type", "")).lower()
    if content.get("thought") is True or kind.startswith(
        ("thinking", "thought", "reasoning", "redacted", "refusal")):
        return ""
    text = content.get("text", content.get("content"))
    return _text(text.get("value") if isinstance(text, dict) and "value" in text else text)


def _refusal(message: _Message) -> str:
    parts = [message, *(message.content if isinstance(message.content, list) else ())]
    found = (part.get("refusal") if isinstance(part, dict) else getattr(part, "refusal", None)
             for part in parts)
    return next((text for text in found if isinstance(text, str) and text.strip()), "")


def _whole_characters(text: str) -> str:
    """Halves of characters that stand together joined, and those that stand alone marked."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Trouble(NamedTuple):
    """A reply that may say what went wrong, and what that means."""

    content: Any
    body: bytes
    retry_after: str | None
    model: str
    where: str
    hide: Callable[[str], str]

    def within(self, complaint: Any) -> Again | Failure:
        """Of an error inside a reply of status 200: its own code counts as the status does elsewhere."""
        code = _code(complaint) or _code(self.content)
        return self.judged(code, f"200, with error {code} inside" if code else "200, with an error inside",
                           complaint)

    def judged(self, status: int | None, answered: str, complaint: Any) -> Again | Failure:
        """What ``status`` means, which is told as ``answered``; None may go away by itself. Raises as
        ``judge``."""
        said, where = self._shown_message(complaint), self.where
        if status in (401, 403):
            raise GmnerError(f"refuses to answer ({answered}): {said}", where=where,
                             hint="is the right key in OPENAI_API_KEY? It is sent to https addresses and to "
                                  "this machine alone")
        if status is not None and 300 <= status < 400:
            raise GmnerError(f"sends its visitors elsewhere ({answered}), where no key is taken", where=where,
                             hint="give the address it moved to with --base-url")
        if status in (404, 405, 410):
            raise GmnerError(
                f"has no model {self.model!r}, or no chat completions ({answered}): {said}", where=where,
                hint="--base-url usually ends with /v1; the server's own list is at BASE_URL/models")
        if status == 402 or (status == 429 and b"insufficient_quota" in self.body):
            raise GmnerError(f"the quota of the key is used up: {said}", where=where)
        if status is None or status in AGAIN or status >= 500:
            pause = _seconds(self.retry_after)
            if pause > LONGEST_PAUSE:
                raise GmnerError(f"asks to be left alone for {pause:.0f} seconds ({answered}): {said}",
                                 where=where, hint="run again then, with --resume")
            return Again(f"the server answered {answered}: {said}", pause)
        if status == 400 and (name := _unwanted(complaint)):
            return Again(f"the server answered {answered}: {said}", unwanted=name)
        return Failure(f"the server answered {answered}: {said}")

    def _shown_message(self, complaint: Any) -> str:
        """The message of an error, or the beginning of the reply, in one printable line."""
        text = _message(complaint) or self.body.decode("utf-8", errors="replace")
        return shown(" ".join(self.hide(text).split())) or "without a word"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _complaint(content: Any) -> Any:
    """What a reply says went wrong, an object or a text; None where it says nothing of the kind."""
    if not isinstance(content, dict):
        return None
    found = content.get("error") or content.get("errors")
    if isinstance(found, list) and found:
        found = found[0]
    if found:
        return found if isinstance(found, (dict, str)) else content
    return content if not content.get("choices") and _message(content) else None


def _message(complaint: Any) -> str:
    if isinstance(complaint, str):
        return complaint
    if not isinstance(complaint, dict):
        return ""
    told = next((complaint[name] for name in ("message", "detail", "msg", "reason") if complaint.get(name)),
                "")
    text = told if isinstance(told, str) else json.dumps(told)
    metadata = complaint.get("metadata")
    # what a proxy was told by the server behind it
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f"{text}: {raw}" if isinstance(raw, str) and raw else text


def _code(complaint: Any) -> int | None:
    """The status that an error inside a reply stands for: a number, or what its kind is called."""
    if not isinstance(complaint, dict):
        return None
    values = [complaint.get(name) for name in ("code", "status", "status_code", "type")]
    for value in values:
        if isinstance(value, int | str) and str(value).isascii() and str(value).isdigit() and 400 <= int(
                str(value)[:4]) < 600:
            return int(value)
    kinds = " ".join(value for value in values if isinstance(value, str)).lower()
    return next((code for code, words in KINDS.items() if any(word in kinds for word in words)), None)


def _unwanted(complaint: Any) -> str | None:
    """The parameter that an error calls unsupported, as models that reason do with ``temperature``."""
    if isinstance(complaint, dict) and str(complaint.get("code")).startswith("unsupported_"):
        name = complaint.get("param")
        return name if isinstance(name, str) and name in OPTIONAL else None
    return None


def _seconds(retry_after: str | None) -> float:
    """``Retry-After``, a number of seconds or a date, as seconds from now; 0 where it is neither."""
    try:
        seconds = float(retry_after or 0)
    except ValueError:
        try:
            when = parsedate_to_datetime(retry_after or "")
            aware = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
            seconds = (aware - datetime.now(timezone.utc)).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return 0.0
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0
