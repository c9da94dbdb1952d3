"""--offline with a network that is not only absent but forbidden: every attempt to use it is an error that is
noted."""

from __future__ import annotations

import pytest

from tests.conftest import read_jsonl

FORBIDDEN = '''
import os, socket

def forbidden(*args, **kwargs):
    with open(os.environ["NETWORK_LOG"], "a") as log:
        log.write(repr(args) + "\\n")
    raise OSError("the network is forbidden in this test")

for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, forbidden)
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = forbidden
'''


@pytest.fixture
def cut_off(gmner, tmp_path):
    """``gmner`` without a network; also gives what it tried to reach."""
    from tests.conftest import ROOT

    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FORBIDDEN)
    log = tmp_path / "tried.txt"
    log.touch()
    environment = {
        "PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}", "NETWORK_LOG": str(log),
        "HF_HOME": str(tmp_path / "empty"), "HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "",
        "HF_ENDPOINT": "http://127.0.0.1:9"
    }

    def call(*args, stdin=None, env=None):
        done = gmner(*args, stdin=stdin, env={**environment, **(env or {})})
        return done, log.read_text()

    return call


POSTS = '{"id": "a", "text": "Allen swims in London"}\n'


def test_predict_asks_nothing_of_the_network(cut_off, tiny_tagger):
    done, tried = cut_off("predict", "--texts", "-", "--ner", tiny_tagger, "--offline", "--device", "cpu",
                          stdin=POSTS)
    assert done.returncode == 0, done.stderr
    assert [e["text"] for e in read_jsonl(done.stdout)[0]["entities"]] == ["Allen", "London"]
    assert tried == ""


def test_training_asks_nothing_of_the_network(cut_off, tiny_encoder, tmp_path):
    from tests.conftest import SMALL_POSTS, tiny_settings, write_jsonl

    posts = write_jsonl(tmp_path / "train.jsonl", SMALL_POSTS)
    done, tried = cut_off("train-ner", posts, "--dev", posts, "-o", tmp_path / "model",
                          *tiny_settings(tiny_encoder), "--set", "epochs=1", "--offline", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert tried == ""


def test_a_hub_model_under_offline_is_refused_with_the_way_out_and_not_sought(cut_off, tiny_tagger):
    done, tried = cut_off("predict", "--texts", "-", "--recipe", "zero-shot", "--ner", tiny_tagger,
                          "--offline", "--device", "cpu", stdin=POSTS)
    assert done.returncode == 1 and done.stdout == ""
    wanted = "Salesforce/blip-itm-base-coco"
    assert f"{wanted} is not on this machine, and --offline forbids to download it" in done.stderr
    assert "download it once without --offline, or use --recipe mini" in done.stderr
    assert "Traceback" not in done.stderr
    assert tried == ""


def test_without_offline_the_hub_is_sought_and_its_absence_is_one_message(cut_off, tiny_tagger):
    """Shows that the three tests above would notice an attempt."""
    done, tried = cut_off("predict", "--texts", "-", "--recipe", "zero-shot", "--ner", tiny_tagger,
                          "--device", "cpu", stdin=POSTS)
    assert tried != ""
    assert done.returncode == 1 and done.stdout == ""
    assert "Salesforce/blip-itm-base-coco could not be fetched from the hub" in done.stderr
    assert "Traceback" not in done.stderr
