"""A chat-completions server on this machine that behaves as a test tells it to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gmner_cli.language.llm.backend import Generation
from gmner_cli.language.llm.openai import Patience, Server
from tests.language.llm.tiny_llm import questions

SECRET = "sk-very/secret=key"
QUICK = Patience(timeout=5.0, tries=4, first=0.001, longest=0.002)


class Answering(ThreadingHTTPServer):
    """Calls ``behave(handler, prompt, times asked before)`` for every request, and notes them."""

    daemon_threads = True

    def __init__(self, behave):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behave, self.bodies, self.headers, self.lock = behave, [], [], threading.Lock()
        self.open = self.most_open = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """A client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"]
        with self.server.lock:
            before = sum(b["messages"][0]["content"] == prompt for b in self.server.bodies)
            self.server.bodies.append({**body, "path": self.path})
            self.server.headers.append(dict(self.headers))
            self.server.open += 1
            self.server.most_open = max(self.server.most_open, self.server.open)
        try:
            self.server.behave(self, prompt, before)
        finally:
            with self.server.lock:
                self.server.open -= 1

    def say(self, status: int, content: object, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, text: object, **choice: object) -> None:
        self.say(200, {"choices": [{"message": {"content": text}, "finish_reason": "stop", **choice}],
                       "usage": {"prompt_tokens": 5, "completion_tokens": 2}})

    def log_message(self, *args):
        pass


def backend(server: Answering, generation: Generation | None = None, **options) -> Server:
    return Server("some-model", generation or Generation(), base_url=server.url,
                  **{"patience": QUICK, **options})


def ask(made: Server, *prompts: str) -> list:
    answers = list(made.answers(questions(*prompts)))
    assert sorted(n for n, _ in answers) == list(range(len(prompts)))
    return [answer for _, answer in sorted(answers, key=lambda pair: pair[0])]
