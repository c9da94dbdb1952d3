"""Servers for the tests of those who ask them."""

from __future__ import annotations

import threading

import pytest

from tests.language.llm.answering import SECRET, Answering


@pytest.fixture
def serve():
    """``serve(behave)``: a running ``Answering``."""
    running = []

    def start(behave) -> Answering:
        server = Answering(behave)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def key(monkeypatch):
    """A key in the environment, and no proxies."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
