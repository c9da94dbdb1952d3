"""A model of one weight behind the real command, in this process: fast enough to kill at every step."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import write_jsonl
from tests.training.point import Killed, post


@pytest.fixture
def training(tmp_path, monkeypatch, capsys):
    """``training(*options, model="Point")``: runs ``gmner train-ner`` on ``train.jsonl`` and ``dev.jsonl``
    into ``out``."""
    from gmner_cli.app import build

    (tmp_path / "base.txt").write_text("weights")
    for name in ("Point", "Seer"):
        (tmp_path / f"{name}.yaml").write_text(
            json.dumps({
                "name": name, "stages": ["ner"], "ner": {
                    "model": f"tests.training.point:{name}", "settings": {"base": str(tmp_path / "base.txt")},
                    "weights": None, "batch_size": 2, "train": {
                        "epochs": 3, "batch_size": 2, "lr": 0.1, "warmup": 0.0, "clip": 1.0, "patience": 0
                    }
                }
            }))
    write_jsonl(tmp_path / "train.jsonl", [post(f"t{n}") for n in range(4)])
    write_jsonl(tmp_path / "dev.jsonl", [post(f"d{n}") for n in range(3)])
    out = tmp_path / "out"

    def call(*options, model: str = "Point", train: Path | str = tmp_path / "train.jsonl") -> SimpleNamespace:
        words = [
            "train-ner", train, "--dev", tmp_path / "dev.jsonl", "--recipe", tmp_path / f"{model}.yaml", "-o",
            out, "--device", "cpu", "--threads", "1", *options
        ]
        with pytest.raises((SystemExit, Killed)) as left:
            build()([str(word) for word in words])
        code = "killed" if left.type is Killed else left.value.code or 0
        err = capsys.readouterr().err
        return SimpleNamespace(code=code, err=err,
                               epochs=[line for line in err.splitlines() if line.startswith("epoch ")])

    def kill_after(epoch: int) -> None:
        from gmner_cli.training import loop

        real = loop.save_checkpoint

        def save(folder, tensors, optimizer, progress):
            real(folder, tensors, optimizer, progress)
            if progress["epoch"] == epoch:
                monkeypatch.setattr(loop, "save_checkpoint", real)
                raise Killed

        monkeypatch.setattr(loop, "save_checkpoint", save)

    call.out, call.folder, call.kill_after, call.before = out, tmp_path, kill_after, tmp_path / "out.before"
    call.run = lambda folder=out: json.loads((folder / "run.json").read_text())
    return call
