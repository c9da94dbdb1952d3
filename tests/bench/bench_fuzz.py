"""Mutated lines and pictures through the real commands: ``python -m tests.bench.bench_fuzz --lines 10000
--pictures 2000``.

Everything is drawn from ``--seed`` and runs in this process. What must hold: a command ends
with the exit code of what happened and never with a traceback or an error that it did
not expect; as many records come out as lines went in, and each of them is a valid record.
Faults are printed with the line or the picture (in hexadecimal) that showed them; exit code 1 where there are
any.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # so that it runs from a checkout that is not installed

from PIL import Image  # noqa: E402

from gmner_cli.errors import GmnerError  # noqa: E402
from gmner_cli.pictures.masks import decode  # noqa: E402
from gmner_cli.records.jsonl import read_lines  # noqa: E402
from gmner_cli.scoring.published_count import score_by_text  # noqa: E402
from gmner_cli.scoring.task_scores import score  # noqa: E402
from tests.bench.markdown import conditions, show  # noqa: E402
from tests.bench.mutations import (  # noqa: E402
    CONLL,
    FORMATS,
    mutated_bytes,
    mutated_line,
    mutated_picture,
)

COLUMNS = ("mutated", "number", "faults", "seconds")
BATCH = 250
"""Lines of one file."""
UNEXPECTED = re.compile(r"unexpected \w*(?:Error|Exception)\b")
"""How a stage's own trouble is told, as opposed to that of a post."""


class Fuzz:
    """Runs commands in ``place`` and gathers faults."""

    def __init__(self, place: Path, seed: int, tagger: Path | None = None):
        self.place, self.seed, self.tagger = place, seed, tagger
        self.faults: list[str] = []
        (place / "photos").mkdir()
        Image.new("RGB", (40, 32), "red").save(place / "photos" / "a.png")

    def gmner(self, *words: object) -> tuple[int, str]:
        """Exit code and stderr of a command."""
        from gmner_cli.app import main

        said, before = io.StringIO(), sys.argv
        sys.argv = ["gmner", *map(str, words)]
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                main()
        except SystemExit as leaving:
            code = leaving.code or 0
        except Exception as problem:  # noqa: BLE001 - this is what is looked for
            code, said = -1, io.StringIO(f"Traceback: {problem!r}")
        finally:
            sys.argv = before
        return code, said.getvalue()

    def lines(self, count: int) -> None:
        for start in range(0, count, BATCH):
            rng = random.Random(f"{self.seed} lines {start}")
            lines = [mutated_line(rng) for _ in range(min(BATCH, count - start))]
            self.file_of(lines)
            self.conll(rng)

    def file_of(self, lines: list[bytes]) -> None:
        """A file of these lines through every command that reads records."""
        source, gold = self.place / "lines.jsonl", self.place / "gold.jsonl"
        source.write_bytes(b"\n".join(lines) + b"\n")
        captions = self.place / "captions.txt"
        captions.write_text("a.png :a picture\n")
        commands = {
            "segment": ["segment", source, "--images",
                        "photos"], "caption": ["caption", source, "--from", captions],
            "expand": ["expand", source, "--task", "expansions", "--device", "cpu"]
        }
        if self.tagger:
            commands["predict"] = [
                "predict", "--texts", source, "--ner", self.tagger, "--images", self.place / "photos",
                "--offline", "--device", "cpu", "--threads", 1, "--on-missing-image", "text-only"
            ]
        for name, words in commands.items():
            words = [self.place / word if word == "photos" else word for word in words]
            self.through(name, lines, words)
        read = list(read_lines(source))
        gold.write_bytes(b"".join(line + b"\n"
                                  for line, of in zip(lines, read, strict=True)
                                  if of.error is None))
        for match in ("span", "text"):
            self.expect(f"score --match {match}", self.gmner("score", source, gold, "--match", match,
                                                             "--json"), (0, 1), lines)
        self.expect(
            "view",
            self.gmner("view", source, "--gold", gold, "--images", self.place / "photos", "-o",
                       self.place / "page.html"), (0, 1, 3), lines)
        for line, of in zip(lines, read, strict=True):
            if of.error is None:
                self.scores(line, of)

    def scores(self, line: bytes, of) -> None:
        for count in (score, score_by_text):
            try:
                json.dumps(count([of.post], [of.post]), allow_nan=False)
            except GmnerError:
                pass
            except Exception as problem:  # noqa: BLE001
                self.fault(f"{count.__name__} raised {problem!r}", line)

    def through(self, name: str, lines: list[bytes], words: list[object]) -> None:
        """A command that gives a record for every line."""
        out = self.place / "out.jsonl"
        for left in self.place.glob("out.jsonl*"):
            left.unlink()
        code, said = self.gmner(*words, "-o", out)
        if code == 1 and len(lines) == 1 and not out.exists():  # no post got through, and the command says so
            self.expect(name, (code, said), (1,), lines)
            return
        if not self.expect(name, (code, said), (0, 3), lines):
            return
        records = list(read_lines(out))
        if len(records) != len(lines):
            self.fault(f"{name}: {len(records)} records for {len(lines)} lines", b"\n".join(lines))
            return
        failed = 0
        for line, record in zip(lines, records, strict=True):
            if record.error is not None:
                self.fault(f"{name} wrote a bad record: {record.error}", line)
                continue
            failed += record.post.error is not None
            if UNEXPECTED.search(record.post.error or ""):
                self.fault(f"{name}: {record.post.error}", line)
        if (code == 3) != bool(failed):
            self.fault(f"{name} ended with {code} and {failed} failed records", b"\n".join(lines[:3]))

    def conll(self, rng: random.Random) -> None:
        """Mutated column text through ``prepare conll``."""
        source = self.place / "tagged.txt"
        content = mutated_bytes(CONLL.encode() * 3, rng)
        source.write_bytes(content)
        for more in ((), ("--fix",), ("--check",)):
            shutil.rmtree(self.place / "set", ignore_errors=True)
            ended = self.gmner("prepare", "conll", "--source", source, "-o", self.place / "set", *more)
            self.expect(f"prepare conll {' '.join(more)}", ended, (0, 1), [content])
            if ended[0] == 0:
                for record in read_lines(self.place / "set" / "tagged.jsonl"):
                    if record.error is not None:
                        self.fault(f"prepare conll {' '.join(more)} wrote a bad record: {record.error}",
                                   content)

    def pictures(self, count: int) -> None:
        """Damaged pictures, each with a box, through ``segment`` and ``view``."""
        for start in range(0, count, BATCH):
            rng = random.Random(f"{self.seed} pictures {start}")
            files = [mutated_picture(rng, rng.choice(FORMATS)) for _ in range(min(BATCH, count - start))]
            folder = self.place / "damaged"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            posts = self.place / "pictures.jsonl"
            with posts.open("w") as stream:
                for number, content in enumerate(files):
                    (folder / f"{number}.img").write_bytes(content)
                    stream.write(
                        json.dumps({
                            "id": str(number), "text": "Allen", "image": f"{number}.img",
                            "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": [[0, 0, 9, 9]]}]
                        }) + "\n")
            self.through("segment", files, ["segment", posts, "--images", folder])
            for content, record in zip(files, read_lines(self.place / "out.jsonl"), strict=True):
                for entity in (record.post.entities or []) if record.post and not record.post.error else []:
                    for mask in entity.masks or []:
                        if decode(mask).shape[::-1] != tuple(record.post.image_size):
                            self.fault("a mask is not of its picture's size", content)
            self.expect(
                "view",
                self.gmner("view", self.place / "out.jsonl", "--images", folder, "-o",
                           self.place / "page.html"), (0, 3), files)

    def expect(self, name: str, ended: tuple[int, str], codes: tuple[int, ...], lines: list[bytes]) -> bool:
        """Note a fault unless the command ended with one of ``codes`` and an error that it knows."""
        code, said = ended
        if code in codes and "Traceback" not in said and "gmner --debug" not in said:
            return True
        if len(lines) > 1 and "score" not in name:  # which of them was it?
            found = len(self.faults)
            for line in lines:
                if name in ("segment", "caption", "expand", "predict", "view") and len(self.faults) == found:
                    self.file_of([line])
            if len(self.faults) > found:
                return False
        self.fault(f"{name} ended with {code}: {said[-500:]}", b"\n".join(lines))
        return False

    def fault(self, what: str, shown: bytes) -> None:
        text = shown[:600].decode("utf-8", "backslashreplace") if shown[:1] in b"{IA" else shown[:600].hex()
        self.faults.append(f"{what}\n    {text}")


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tagger", type=Path, help="trained tagger for `predict`; default: predict is left "
                                                    "out")
    given = parser.parse_args(words)
    print(conditions(), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        fuzz = Fuzz(Path(place), given.seed, given.tagger)
        for what in ("lines", "pictures"):
            began, before = time.perf_counter(), len(fuzz.faults)
            getattr(fuzz, what)(getattr(given, what))
            spent = time.perf_counter() - began
            rows.append((what, getattr(given, what), len(fuzz.faults) - before, f"{spent:.1f}"))
            for fault in fuzz.faults[before:][:20]:
                print(f"  {fault}", flush=True)
    show("Through the real commands", COLUMNS, rows)
    return int(bool(fuzz.faults))


if __name__ == "__main__":
    sys.exit(main())
