"""A small share of ``bench_fuzz`` with fixed seeds: mutated lines and pictures through the real commands."""

from __future__ import annotations

import json
import random

import pytest

from tests.bench.bench_fuzz import Fuzz
from tests.bench.mutations import BASE, mutated_line


@pytest.fixture
def fuzz(tmp_path, tiny_tagger):
    return Fuzz(tmp_path, seed=12, tagger=tiny_tagger)


def test_mutated_lines(fuzz):
    fuzz.lines(500)
    assert not fuzz.faults, "\n".join(fuzz.faults[:5])


def test_mutated_pictures(fuzz):
    fuzz.pictures(250)
    assert not fuzz.faults, "\n".join(fuzz.faults[:5])


def test_the_mutations_are_of_every_kind():
    """Some lines stay whole, some are JSON of another record, some are no JSON at all."""
    rng, kinds = random.Random(12), {"whole": 0, "record": 0, "broken": 0}
    for _ in range(500):
        line = mutated_line(rng)
        assert b"\n" not in line and line.strip()
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            kinds["broken"] += 1
            continue
        kinds["whole" if isinstance(record, dict) and {**record, "id": "1"} == BASE else "record"] += 1
    assert min(kinds.values()) > 40, kinds


def test_a_fault_is_noticed(fuzz, monkeypatch):
    """A command that raises, and one that loses a post, must not pass."""
    from gmner_cli.segmentation import grabcut_stage

    def raises(*_):
        raise KeyError("surprise")

    monkeypatch.setattr(grabcut_stage, "_one", raises)
    fuzz.through("segment", [json.dumps(BASE).encode()] * 1,
                 ["segment", _posts(fuzz), "--images", fuzz.place / "photos"])
    assert any("surprise" in fault for fault in fuzz.faults)
    fuzz.faults.clear()
    fuzz.through("caption", [b"{}"] * 3, ["caption", _posts(fuzz), "--from", _captions(fuzz)])
    assert any("records for 3 lines" in fault for fault in fuzz.faults)


def _posts(fuzz):
    path = fuzz.place / "some.jsonl"
    path.write_text("".join(json.dumps({**BASE, "id": str(n), "image": "a.png"}) + "\n" for n in range(2)))
    return path


def _captions(fuzz):
    path = fuzz.place / "some.txt"
    path.write_text("a.png :x\n")
    return path
