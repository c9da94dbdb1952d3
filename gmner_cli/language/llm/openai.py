"""A language model behind a server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Generator as Flow
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx2
import msgspec

from gmner_cli.errors import GmnerError, UsageError, say, shown
from gmner_cli.language.llm.backend import Answer, Backend, Failure, Generation, Question
from gmner_cli.language.llm.pace import Pace
from gmner_cli.language.llm.replies import Again, judge
from gmner_cli.version import VERSION
from gmner_cli.weights import network

KEY = "OPENAI_API_KEY"
DEFAULT = "https://api.openai.com/v1"
STOPS = 4
"""Stop strings that servers take; all are heeded here."""
LARGEST = 8 * 2**20
"""Bytes of a reply; an answer has some thousand."""
SECRET = 12
"""Characters from which on a key is one; servers on one's own machine are given words such as "none" or
"ollama"."""


@dataclass(frozen=True)
class Patience:
    """How long to bear with a server. Waits between tries are drawn between 0 and ``first`` · 2^n seconds,
    ``longest`` at most."""

    timeout: float = 180.0
    """Seconds for one reply, the computing of it included."""
    tries: int = 6
    first: float = 1.0
    longest: float = 30.0


class _Key(httpx2.Auth):
    """The key on its way into requests; nothing that is printed of it, or of what holds it, shows it."""

    def __init__(self, key: str):
        if not (key.isascii() and key.isprintable()):
            raise UsageError(f"the key in {KEY} holds characters that no key has",
                             hint="was it cut, or copied with its quotes?")
        self._header = lambda: f"Bearer {key}"
        # A server may say the key back. In an answer it is looked for where it is no ordinary word.
        self.hide = lambda text: text.replace(key, "***")
        self.hide_in_answer = (lambda text: re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", "***", text)
                               ) if len(key) >= SECRET else str

    def auth_flow(self, request: httpx2.Request) -> Flow[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = self._header()
        yield request


class Server(Backend):
    """Asks a chat-completions server, several questions at a time.

    Each prompt is one message of the user. Trouble that may pass (429, 5xx, timeouts, broken connections, no
    answer or half of one) is met by asking again, after a pause that grows and is partly random, so that many
    who wait do not come back at once. If it does not pass, the question is a Failure. No redirect is
    followed. The key comes from $OPENAI_API_KEY and is sent only to https addresses and to this machine.
    Proxies are those of the environment, but none is used for this machine.
    """

    def __init__(self, model: str, generation: Generation, *, base_url: str | None = None,
                 offline: bool = False, concurrency: int = 4, per_minute: float | None = None,
                 patience: Patience | None = None):
        """Raises UsageError as ``address_of``, and for a proxy or certificates of the environment that cannot
        be used."""
        self.name, self.generation, self.patience = model, generation, patience or Patience()
        address = address_of(base_url, offline=offline)
        self._local = _loopback(address.hostname or "")
        self.where = f"{address.geturl().rstrip('/')}/chat/completions"
        key = os.environ.get(KEY, "").strip()
        self._key = _Key(key) if key and (self._local or address.scheme == "https") else None
        # Looked up here, so that what the environment says of other addresses does not matter.
        self._proxy = None if self._local else network.proxy_for(address.scheme, address.hostname or "",
                                                                 address.port)
        self._certificates = network.certificates() if address.scheme == "https" else None
        self._pace, self._concurrency, self._reached = Pace(per_minute), concurrency, False
        self._unwanted: set[str] = set()

    @property
    def identity(self) -> str:
        """Of the model by its name and address: what a server holds under them, only it knows."""
        return msgspec.json.encode([self.where, self.name, self.generation]).decode()

    def answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer | Failure]]:
        waiting: SimpleQueue[int] = SimpleQueue()
        for index in range(len(questions)):
            waiting.put(index)
        done: SimpleQueue[tuple[int, Answer | Failure | BaseException]] = SimpleQueue()
        stopped = Event()

        async def ask() -> None:
            async with self._client() as client:
                while not stopped.is_set():
                    try:
                        index = waiting.get_nowait()
                    except Empty:
                        return
                    done.put((index, await self._ask(client, questions[index].prompt, stopped)))

        def work() -> None:
            try:
                # A loop for each worker, which does one thing at a time in it: what is awaited can be given
                # up at any moment.
                asyncio.run(ask())
            except BaseException as problem:
                done.put((-1, problem))

        # Daemons: a run that is interrupted does not wait for a server that thinks.
        for _ in range(min(self._concurrency, len(questions))):
            Thread(target=work, name="gmner-llm", daemon=True).start()
        try:
            for _ in questions:
                index, outcome = done.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield index, outcome
        finally:
            stopped.set()

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            auth=self._key, trust_env=False, proxy=self._proxy, verify=self._certificates or True,
            follow_redirects=False, headers={"User-Agent": f"gmner/{VERSION}"},
            timeout=httpx2.Timeout(self.patience.timeout, connect=min(10.0, self.patience.timeout)))

    async def _ask(self, client: httpx2.AsyncClient, prompt: str, stopped: Event) -> Answer | Failure:
        again = Again("")
        for attempt in range(self.patience.tries):
            if attempt:
                self._pace.hold(again.pause)
                stopped.wait(
                    random.uniform(0, min(self.patience.longest, self.patience.first * 2 ** (attempt - 1))))
            if not self._pace.begin(stopped):
                return Failure("no longer wanted")
            # An answer that begins with a stop string is empty where the server stops: from then on only we
            # do.
            outcome = await self._once(client, prompt, stops=not again.empty)
            if not isinstance(outcome, Again):
                return outcome
            again = outcome
        if again.unreached and not self._reached:
            raise GmnerError(f"cannot be reached: {again.reason}", where=self.where,
                             hint=self._hint_unreached(again.reason))
        return Failure(f"{again.reason} (asked {self.patience.tries} times)")

    async def _once(self, client: httpx2.AsyncClient, prompt: str, stops: bool) -> Answer | Again | Failure:
        asked = {"model": self.name, "messages": [{"role": "user", "content": prompt}],
                 "max_tokens": self.generation.max_tokens, "temperature": self.generation.temperature}
        if self.generation.temperature:
            asked["seed"] = self.generation.seed
        if stops:
            asked["stop"] = list(self.generation.stop[:STOPS])
        for name in self._unwanted & asked.keys():
            value = asked.pop(name)
            if name == "max_tokens":  # has another name where thinking counts too
                asked["max_completion_tokens"] = value
        hide, hide_in_answer = (self._key.hide, self._key.hide_in_answer) if self._key else (str, str)
        try:
            # Over everything, because a server may keep any part of a reply alive that is read piece by
            # piece.
            response, body = await asyncio.wait_for(self._reply(client, asked), self.patience.timeout)
        except (asyncio.TimeoutError, httpx2.TimeoutException):
            return Again(f"no whole reply came within {self.patience.timeout:g} seconds")
        except (httpx2.ConnectError, httpx2.ProxyError) as problem:
            return Again(shown(hide(str(problem))) or type(problem).__name__, unreached=True)
        # what the client or the sockets below it raise
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as problem:
            return Again(f"the connection broke: {shown(hide(str(problem))) or type(problem).__name__}")
        if len(body) > LARGEST:
            return Again(f"the reply is larger than {LARGEST} bytes")
        outcome = judge(response.status_code, response.headers.get("Retry-After"), body, model=self.name,
                        generation=self.generation, where=self.where, hide=hide,
                        hide_in_answer=hide_in_answer)
        if isinstance(outcome, Again) and outcome.unwanted and outcome.unwanted not in self._unwanted:
            self._unwanted |= {outcome.unwanted}
            say(f"{self.name} does not take {outcome.unwanted!r}; it is asked without")
        return outcome

    def _hint_unreached(self, reason: str) -> str:
        """What to look at when no server is reached."""
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return "if you trust it, name the file with the certificate of its authority in SSL_CERT_FILE"
        if "WRONG_VERSION_NUMBER" in reason or "record layer" in reason:
            return "does the server speak https? Else the --base-url begins with http://"
        hint = "is the server running, and --base-url right?"
        if self._proxy:
            hint += (" Questions to it go through the proxy of the environment; "
                     "NO_PROXY lists hosts that need none")
        return hint

    async def _reply(self, client: httpx2.AsyncClient, asked: dict[str,
                                                                   Any]) -> tuple[httpx2.Response, bytes]:
        """A reply and its body, or of one that is too large the beginning."""
        body = bytearray()
        async with client.stream("POST", self.where, json=asked) as response:
            self._reached = True
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    break
        return response, bytes(body)


def address_of(base_url: str | None, *, offline: bool) -> SplitResult:
    """The parts of an address that questions may be sent to; None is OpenAI's.

    Raises UsageError, without showing what may be a secret, for what is no address, holds more than
    host and path, or is not on this machine when ``offline``.
    """
    address = _parts(base_url or DEFAULT)
    if offline and not _loopback(address.hostname or ""):
        raise UsageError(f"{address.geturl()} is not on this machine, and --offline forbids to ask it",
                         hint="leave --offline out, or give the --base-url of a server on localhost")
    return address


def _parts(base_url: str) -> SplitResult:
    try:
        address = urlsplit(base_url.strip())
        usable = address.scheme in ("http", "https") and bool(address.hostname) and (address.port or 1) > 0
        httpx2.URL(base_url.strip())
    except (ValueError, httpx2.InvalidURL):
        usable = False
    if not usable:
        raise UsageError("--base-url is not the address of a server", hint="such as http://localhost:8000/v1")
    if address.username is not None or address.password is not None or address.query or address.fragment:
        raise UsageError("--base-url holds more than a host and a path", hint=f"a key belongs into {KEY}")
    return address


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
