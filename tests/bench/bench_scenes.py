"""How well recipe mini sees on fresh scenes, and that it declines photographs.

    python -m tests.bench.bench_scenes --seed 901 --posts 1000 [--shared ../shared] [--ve DIR --vg DIR]

Every figure comes from `gmner prepare`, `predict` and `score`. The seed must be one that nothing was
trained or chosen on (cards: 201, and its dev split). These are results on drawn pictures, never on posts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.bench.markdown import conditions, show

COLUMNS = ("entities of fresh scenes", "number", "groundability accuracy", "Prec@0.5, told what is visible",
           "Prec@0.5 behind entailment", "GMNER recall, gold spans")
COLUMNS_WORDS = ("told what is visible, asked by", "held-out names", "another of the kind beside it")
COLUMNS_TEXT = ("from text to boxes, mini's own tagger", "MNER F1", "GMNER F1", "gain over no boxes at all")
COLUMNS_DECLINED = ("pictures", "number", "declined")
SLICES = {"all": "all", "seen": "seen names", "held-out": "held-out names",
          "same-class": "another of the kind beside it",
          "shared-name": "names that two things share", "small": "under 1/50 of the picture"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=900)
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--ve", type=Path)
    parser.add_argument("--vg", type=Path)
    parser.add_argument("--folder", type=Path, help="where to work, kept afterwards")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    models = [
        str(word) for name in ("ve", "vg") if getattr(given, name)
        for word in (f"--{name}", getattr(given, name))
    ]
    gmner("prepare", "scenes", "--seed", given.seed, "--train", 0, "--dev", 0, "--test", given.posts, "-o",
          folder)
    gold = folder / "test.jsonl"

    print(conditions("recipe mini", "drawn pictures: these are no results on posts"), flush=True)
    given_spans = oracle(folder, gold, "spans", models)
    given_visible = oracle(folder, gold, "groundable", models)
    rows = []
    for name in sorted(("all", *given_spans["slices"]), key=lambda name: [*SLICES, name].index(name)):
        left, right = (figures(report, name) for report in (given_spans, given_visible))
        rows.append((SLICES.get(name, name), left["gold"], *(f"{value:.1f}" for value in (
            left["groundability"], right["grounding"], left["grounding"], left["GMNER"]))))
    show("How well mini sees", COLUMNS, rows)

    scrambled = oracle(folder, scramble(gold, folder / "scrambled.jsonl"), "groundable", models, gold)
    words = (("its own expansions", given_visible), ("those of another entity of its type", scrambled))
    show("Whether it reads the words, Prec@0.5", COLUMNS_WORDS, [
        *((name, *(f"{figures(report, part)['grounding']:.1f}" for part in ("held-out", "same-class")))
          for name, report in words),
        ("(one of the figures of its kind, at random)", "", f"{100 * chance(gold):.1f}")])

    found = folder / "found.jsonl"
    gmner("predict", "--texts", gold, "--recipe", text_only(folder), "-o", found)
    none = score(nothing_visible(found, folder / "none.jsonl"), gold)["rows"]["GMNER"]["f1"]
    named = with_expansions(found, folder / "knowledge.jsonl", folder / "expanded.jsonl")
    rows = []
    for what, texts in (("without expansions", found), ("with the world's expansions", named)):
        seen = folder / f"{texts.stem}.seen.jsonl"
        gmner("predict", "--texts", texts, "--images", folder / "images", "--gold", "spans", *models, "-o",
              seen)
        mner, gmner_f1 = (score(seen, gold)["rows"][row]["f1"] for row in ("MNER", "GMNER"))
        rows.append((what, f"{mner:.2f}", f"{gmner_f1:.2f}", f"{gmner_f1 - none:+.2f}"))
    show("From text to boxes", COLUMNS_TEXT, [*rows, ("no boxes at all", f"{mner:.2f}", f"{none:.2f}", "")])

    rows = [("these scenes", given.posts, f"{100 * declined(gold, folder / 'images', folder, models):.1f}%")]
    for name, images in (("coco128", "data/coco128"), ("tweet-images", "data/tweet-images")):
        pictures = sorted(p for p in (given.shared / images).rglob("*") if p.suffix in {".jpg", ".png"})
        if pictures:
            posts = write(folder / f"{name}.jsonl",
                          [{"text": "Allen in London", "image": str(p.relative_to(given.shared))}
                           for p in pictures])
            rows.append((name, len(pictures), f"{100 * declined(posts, given.shared, folder, models):.1f}%"))
    show("Declined", COLUMNS_DECLINED, rows)


def gmner(*arguments: object) -> str:
    done = subprocess.run([sys.executable, "-m", "gmner_cli", *map(str, arguments)], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def score(predicted: Path, gold: Path) -> dict:
    return json.loads(gmner("score", predicted, gold, "--json"))


def oracle(folder: Path, texts: Path, level: str, models: list[str], gold: Path | None = None) -> dict:
    found = folder / f"{texts.stem}.{level}.jsonl"
    gmner("predict", "--texts", texts, "--images", folder / "images", "--gold", level, *models, "-o", found)
    return score(found, gold or texts)


def figures(report: dict, name: str) -> dict:
    """Of a slice, or of "all"."""
    part = report if name == "all" else report["slices"][name]
    rows = report["rows"]["GMNER"]
    return {
        "gold": rows["gold"] if name == "all" else part["gold"],
        "groundability": part["groundability"]["accuracy"], "grounding": part["grounding"]["precision"],
        "GMNER": rows["recall"] if name == "all" else part["recall"]["GMNER"]
    }


def scramble(gold: Path, out: Path) -> Path:
    """Every entity with the expansions of another entity of its type, drawn at random."""
    posts, rng = read(gold), Random(0)
    pool: dict[str, list] = {}
    for post in posts:
        for entity in post["entities"]:
            pool.setdefault(entity["type"], []).append(entity["expansions"])
    for post in posts:
        for entity in post["entities"]:
            entity["expansions"] = rng.choice(pool[entity["type"]])
    return write(out, posts)


def chance(gold: Path) -> float:
    """What picking one of the same-class figures at random would get: at best one of two."""
    counted = [
        len(e["boxes"]) / (len(e["boxes"]) + 1)
        for p in read(gold)
        for e in p["entities"]
        if "same-class" in e["slices"]
    ]
    return sum(counted) / max(1, len(counted))


def with_expansions(found: Path, knowledge: Path, out: Path) -> Path:
    """Predicted entities with what the world's knowledge says of their names; nothing where the name is not
    known."""
    known = {(entry["name"], entry["type"]): entry for entry in read(knowledge)}
    posts = read(found)
    for post in posts:
        for entity in post.get("entities") or []:
            if entry := known.get((entity["text"], entity["type"])):
                entity["expansions"] = [{"text": entry["right"][0], "source": "world"}]
    return write(out, posts)


def nothing_visible(found: Path, out: Path) -> Path:
    posts = read(found)
    for post in posts:
        for entity in post.get("entities") or []:
            entity["boxes"] = []
    return write(out, posts)


def text_only(folder: Path) -> Path:
    recipe = folder / "text-only.yaml"
    recipe.write_text("extends: mini\nstages: [ner]\n")
    return recipe


def declined(texts: Path, images: Path, folder: Path, models: list[str]) -> float:
    out = folder / f"{texts.stem}.declined.jsonl"
    gmner("predict", "--texts", texts, "--images", images, *models, "-o", out)
    posts = read(out)
    return sum(post.get("grounding") == "abstained" for post in posts) / len(posts)


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records),
                    encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
