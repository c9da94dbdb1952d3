"""What all tests share: running the real command, small random models, and where the real data is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Small models are slower on two threads than on one, and several tests' processes may share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a shell starts with & ignores Ctrl-C, and so would every command that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DUMMIES = Path(__file__).parent / "dummies"


def pytest_collection_modifyitems(items):
    """Skip ``gpu`` tests where there is no CUDA device."""
    marked = [item for item in items if "gpu" in item.keywords]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real data sets; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("GMNER_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"the real data sets are not at {folder} (set GMNER_SHARED)")
    return folder


@pytest.fixture(scope="session")
def gmner():
    """``gmner(*args, stdin=None, env=None, cwd=None)``: the command in a process of its own, offline."""

    def call(*args, stdin: str | bytes | None = None, env: dict[str, str] | None = None, cwd=None,
             timeout=300):
        data = stdin.encode() if isinstance(stdin, str) else stdin
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive", **(env or {})}
        done = subprocess.run([sys.executable, "-m", "gmner_cli", *map(str, args)], input=data,
                              capture_output=True, env=environment, cwd=cwd, timeout=timeout, check=False)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    return call


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory) -> Path:
    """A BERT of 2 layers and 32 dimensions with random weights and a character vocabulary, saved to a
    folder."""
    from tests.tiny import save_bert

    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def tiny_tagger(tmp_path_factory, gmner, tiny_encoder) -> Path:
    """A tagger trained for a moment on four posts, as ``gmner train-ner`` leaves it."""
    folder = tmp_path_factory.mktemp("tagger")
    posts = folder / "train.jsonl"
    write_jsonl(posts, SMALL_POSTS)
    done = gmner("train-ner", posts, "--dev", posts, "-o", folder / "model", *tiny_settings(tiny_encoder),
                 "--set", "epochs=30", "--threads", "1")
    assert done.returncode == 0, done.stderr
    return folder / "model"


SMALL_POSTS = [
    {"id": "a", "text": "Allen swims in London", "entities": [
        {"start": 0, "end": 5, "type": "PER"}, {"start": 15, "end": 21, "type": "LOC"}]},
    {"id": "b", "text": "NASA flies over Paris", "entities": [
        {"start": 0, "end": 4, "type": "ORG"}, {"start": 16, "end": 21, "type": "LOC"}]},
    {"id": "c", "text": "nothing to see here", "entities": []},
    {"id": "d", "text": "Maria Silva runs", "entities": [{"start": 0, "end": 11, "type": "PER"}]},
]


def tiny_settings(encoder: Path) -> list[str]:
    """Options that turn recipe mini's tagger into a tiny one that is trained whole."""
    changes = {
        "encoder": encoder, "lora_rank": 0, "train_embeddings": "true", "max_length": 64,
        "save_dtype": "float32", "dropout": 0.0, "word_dropout": 0.0, "lr": "0.01", "head_lr": "0.05",
        "batch_size": 4
    }
    words = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    return [*words, "--set", "ner.train.batch_size=4"]


def write_jsonl(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def read_jsonl(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]
