"""What the environment says of the way to other machines: proxies and certificates that cannot be used are
told by their variable."""

from __future__ import annotations

import socket

import pytest

from gmner_cli.errors import ModelError, UsageError
from gmner_cli.language.llm.backend import Generation
from gmner_cli.language.llm.openai import Server
from gmner_cli.weights import hub, network
from tests.language.llm.answering import ask, backend
from tests.language.llm.conftest import key, serve  # noqa: F401

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
             "OPENAI_API_KEY", "HF_HUB_OFFLINE")


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    """None of the variables set; no name of another machine is found."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)

    def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


WRONG = {
    ("ALL_PROXY", "socks5://127.0.0.1:1080"): "ALL_PROXY is a SOCKS proxy, and the package socksio",
    ("all_proxy", "socks5h://127.0.0.1:1080"): "all_proxy is a SOCKS proxy, and the package socksio",
    ("ALL_PROXY", "socks://127.0.0.1:1080/"): "ALL_PROXY is a proxy of the kind socks, which is not spoken "
                                              "here",
    ("HTTPS_PROXY", "socks4://user:secret@127.0.0.1:1080"): "HTTPS_PROXY is a proxy of the kind socks4",
    ("HTTPS_PROXY", "http://[::1"): "HTTPS_PROXY is not the address of a proxy",
    ("HTTPS_PROXY", "http://user:secret@localhost:port"): "HTTPS_PROXY is not the address of a proxy",
    ("HTTPS_PROXY", "http://"): "HTTPS_PROXY is not the address of a proxy",
    ("SSL_CERT_FILE", "/nowhere/ca.pem"): "SSL_CERT_FILE names no certificates: there is no such file",
    ("SSL_CERT_FILE", __file__): "SSL_CERT_FILE names no certificates",
    ("SSL_CERT_FILE", "/"): "SSL_CERT_FILE names no certificates: there is no such file",
    ("SSL_CERT_DIR", "/nowhere"): "SSL_CERT_DIR names no certificates: there is no such folder",
}


@pytest.mark.parametrize(("variable", "value"), WRONG)
def test_what_cannot_be_used_is_told_by_its_variable(monkeypatch, variable, value):
    monkeypatch.setattr(network, "find_spec", lambda name: None)
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as server:
        Server("m", Generation(), base_url="https://api.example.org/v1")
    with pytest.raises(ModelError) as of_hub:
        hub.resolve("nobody/such-model")
    for refused in (server.value, of_hub.value):
        assert WRONG[variable, value] in str(
            refused) and f"unset {variable}" in refused.hint and "secret" not in str(refused)
    assert "nobody/such-model could not be fetched from the hub" in str(of_hub.value)


def test_what_is_wrong_for_other_addresses_does_not_matter(monkeypatch):
    monkeypatch.setattr(network, "find_spec", lambda name: None)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    monkeypatch.setenv("NO_PROXY", "example.org, 10.0.0.0/8, *.lan, host:8000, [::2]")
    for url in ("http://example.org/v1", "http://a.example.org/v1", "http://10.1.2.3:8/v1",
                "http://gpu.lan/v1", "http://host:8000/v1", "http://[::2]/v1", "http://localhost:1/v1"):
        assert Server("m", Generation(), base_url=url)._proxy is None
    for url in ("http://badexample.org/v1", "http://11.1.2.3/v1", "http://host:8001/v1", "http://lan.org/v1"):
        with pytest.raises(UsageError, match="SOCKS"):
            Server("m", Generation(), base_url=url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    assert Server("m", Generation(), base_url="http://far.org/v1")._proxy == "http://127.0.0.1:3128"
    monkeypatch.setenv("NO_PROXY", "*")
    assert Server("m", Generation(), base_url="http://far.org/v1")._proxy is None


def test_a_socks_proxy_is_used_where_its_package_is_there(monkeypatch):
    monkeypatch.setattr(network, "find_spec", lambda name: object())
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    assert Server("m", Generation(), base_url="http://far.org/v1")._proxy == "socks5://127.0.0.1:1080"


def test_questions_go_through_the_proxy_and_one_that_is_not_there_is_told(serve, key, monkeypatch):  # noqa: F811
    monkeypatch.undo()  # a proxy here is reached by its name
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    proxy = serve(lambda h, prompt, before: h.answer("by the proxy"))
    monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
    made = backend(proxy)
    far = Server("m", Generation(), base_url="http://far.example/v1", patience=made.patience)
    assert ask(far, "x")[0].text == "by the proxy"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(Exception, match="cannot be reached") as refused:
        ask(Server("m", Generation(), base_url="http://far.example/v1", patience=made.patience), "x")
    assert "through the proxy of the environment" in refused.value.hint


@pytest.mark.parametrize(
    ("said", "told"), [("", "ValueError"), ("one\ntwo", "one"), ("\n\n", "ValueError"), ("x" * 300_000, "…"),
                       ("404 Client Error. (Request ID: Root=1)\n\nRepository Not Found for url: x.\nPlease",
                        "Repository Not Found for url: x.")])
def test_why_a_library_gave_up_is_one_short_line(said, told):
    words = network.first_words(ValueError(said))
    assert told in words and "\n" not in words and len(words) <= 200


def test_the_commands_end_with_one_message(monkeypatch, tmp_path):
    from typer.testing import CliRunner

    from gmner_cli.app import build

    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "posts.jsonl").write_text('{"id": "a", "text": "Allen", "image": "a.png"}\n')
    for code, said, command in (
            (2, "ALL_PROXY is a proxy of the kind socks", "expand posts.jsonl --task knowledge --llm "
                                                          "openai:m --base-url http://far.org/v1"),
            (1, "ALL_PROXY is a proxy of the kind socks", "expand posts.jsonl --task knowledge --llm "
                                                          "hf:nobody/such-model"),
            (1, "ALL_PROXY is a proxy of the kind socks", "expand posts.jsonl --task knowledge --llm "
                                                          "hf:nobody/such-model:Q4_K_M"),
            (1, "ALL_PROXY is a proxy of the kind socks", "caption posts.jsonl --images . --device cpu "
                                                          "--model nobody/such-model@v1"),
            (1, "write nobody/such-model", "caption posts.jsonl --images . --device cpu --model https://huggingface.co/nobody/such-model")):
        done = CliRunner().invoke(build(), command.split())
        assert (done.exit_code, said in done.stderr, "unexpected"
                in done.stderr) == (code, True, False), done.stderr
