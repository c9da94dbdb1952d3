"""A tagger of one's own is one short file and one recipe: what the base does so that it can be short."""

from __future__ import annotations

import ast
import json
import signal
import tokenize
from pathlib import Path

import msgspec
import pytest
import torch

from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.model import Example
from gmner_cli.ner.tagger import Found, Words
from gmner_cli.ner.words import Window, windows
from gmner_cli.records import Entity, Post
from gmner_cli.weights.model_folder import load_model
from tests.conftest import DUMMIES, read_jsonl, write_jsonl
from tests.training.killed import killed_in_training

SPANS = f"{DUMMIES / 'span_tagger.py'}:SpanTagger"
CPU = Runtime(torch.device("cpu"))


def lines_of_code(file: Path) -> int:
    """Lines that are neither blank, comment nor docstring."""
    source = file.read_text(encoding="utf-8")
    spoken = set()
    for node in ast.walk(ast.parse(source)):
        # A docstring, of a module, class, function or attribute, is a statement that is nothing but text.
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
            spoken.update(range(node.lineno, node.end_lineno + 1))
    quiet = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
             tokenize.ENDMARKER, tokenize.ENCODING}
    with open(file, "rb") as stream:
        tokens = [t for t in tokenize.tokenize(stream.readline) if t.type not in quiet]
    return len({line for t in tokens for line in range(t.start[0], t.end[0] + 1)} - spoken)


@pytest.mark.parametrize("name,most", [("span_tagger", 130), ("colour_tagger", 50)])
def test_a_tagger_of_ones_own_is_one_short_file_and_one_recipe(name, most):
    assert 20 < lines_of_code(DUMMIES / f"{name}.py") <= most
    assert f"model: {name}.py:" in (DUMMIES / f"{name}.yaml").read_text()


def test_lines_are_counted_without_blanks_comments_and_docstrings(tmp_path):
    (tmp_path / "x.py").write_text(
        '"""A\n\nB"""\n\nimport os  # said\n# said\n\n\nclass A:\n    """C"""\n    b = """D\n\nE"""\n'
        '    """of b\n    """\n\n    def c(self):\n        return (1,\n                2)\n')
    assert lines_of_code(tmp_path / "x.py") == 1 + 1 + 3 + 1 + 2


NAMES = [("Ada Lovelace", "PER"), ("Alan Turing", "PER"), ("New York City", "LOC"), ("Paris", "LOC"),
         ("NASA", "ORG")]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    """Posts with names of one to three words, one of which is read in many windows."""
    folder, records = tmp_path_factory.mktemp("spans"), []
    for number in range(15):
        name, kind = NAMES[number % 5]
        other, rest = NAMES[(number + 1 + number // 5) % 5]
        words = ["so", name, "met", other, "today", "and", "went", "home"] * (6 if number == 7 else 1)
        text, entities = "", []
        for word in words:
            if word in (name, other):
                entities.append({"start": len(text), "end": len(text) + len(word),
                                 "type": kind if word == name else rest})
            text += f"{word} "
        records.append({"id": str(number), "text": text.strip(), "entities": entities})
    write_jsonl(folder / "posts.jsonl", records)
    return folder / "posts.jsonl"


def test_a_span_tagger_is_trained_killed_resumed_loaded_and_predicts(gmner, spoken, tmp_path):
    mine = DUMMIES / "span_tagger.yaml"
    words = ["train-ner", spoken, "--dev", spoken, "--recipe", mine, "--seed", "3", "--threads", "1"]
    whole = gmner(*words, "-o", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    done = killed_in_training(words, tmp_path / "broken", signal.SIGKILL)
    resumed = gmner(*words, "-o", tmp_path / "broken", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert sum(line.startswith("epoch ") for line in resumed.stderr.splitlines()) == 20 - done
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken"))
    assert one == two
    run_json = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert run_json["epochs"][-1]["f1"] == 100 and {"precision", "recall"} <= run_json["epochs"][-1].keys()
    found = gmner("predict", "--texts", spoken, "--recipe", mine, "--ner", tmp_path / "broken")
    assert found.returncode == 0, found.stderr
    gold, posts = read_jsonl(spoken.read_text()), read_jsonl(found.stdout)
    assert [[(e["start"], e["end"], e["type"]) for e in post["entities"]] for post in posts] == [
        [(e["start"], e["end"], e["type"]) for e in post["entities"]] for post in gold]
    assert all(0 < e["score"] <= 1 and e["text"] for post in posts for e in post["entities"])


# --- the base --------------------------------------------------------------------------------------

def span_tagger(posts, **settings):
    torch.manual_seed(0)
    return new_model(SPANS, settings, posts, recipe="test", offline=True)


def post(text, *entities):
    return Post(id="1", text=text, entities=[Entity(start=a, end=b, type=kind) for a, b, kind in entities])


TEN = post("a b c d e f g h i j", (0, 1, "PER"))


def example(words, keep):
    """A window of TEN."""
    count, spans = words[1] - words[0], [(2 * i, 2 * i + 1) for i in range(10)]
    return Example(0, count, Words(Window(words, keep), ["x"] * count, [[0]] * count, [], spans, None))


def written(model, outputs, parts):
    target = [msgspec.structs.replace(TEN, entities=None)]
    model.write(target, parts, outputs)
    return [(e.start // 2, (e.end + 1) // 2, e.type, e.score) for e in target[0].entities]


def test_windows_are_joined_where_each_keeps_the_first_word():
    model = span_tagger([TEN])
    parts = [example((0, 6), (0, 5)), example((4, 10), (5, 10))]
    # 4-6 begins where the first window keeps; what it says of word 5, and the second of word 4, is not asked.
    # The second window's 5-6 shares a word with 4-6 and is less sure.
    outputs = [[(0, 1, "PER", 0.9), (4, 6, "LOC", 0.8), (5, 6, "PER", 1.0)],
               [(0, 2, "ORG", 1.0), (1, 2, "PER", 0.7), (4, 6, "ORG", 0.6)]]
    assert written(model, outputs, parts) == [(0, 1, "PER", 0.9), (4, 6, "LOC", 0.8), (8, 10, "ORG", 0.6)]
    assert written(model, outputs[::-1], parts[::-1]) == written(model, outputs, parts), "in any order"
    assert written(model, [[], [(1, 3, "PER", 0.7)]], parts) == [(5, 7, "PER", 0.7)]


def test_of_spans_that_share_words_the_surest_stays_unless_the_tagger_may_nest_them():
    model = span_tagger([TEN])
    parts = [example((0, 10), (0, 10))]
    several = [[(0, 3, "LOC", 0.5), (0, 2, "PER", 0.9), (1, 2, "PER", 0.8), (2, 3, "ORG", 0.4),
                (5, 6, "PER"), (5, 7, "LOC")]]
    assert written(model, several, parts) == [(0, 2, "PER", 0.9), (2, 3, "ORG", 0.4), (5, 7, "LOC", None)]
    model.flat = False
    nested = [found[:2] for found in written(model, several, parts)]
    assert nested == [(0, 3), (0, 2), (1, 2), (2, 3), (5, 7), (5, 6)]


def test_an_entity_brings_its_fields_and_its_tokens():
    model = span_tagger([TEN])
    target = [Post(id="1", text=TEN.text, tokens=TEN.text.split()), Post(id="2", text="")]
    found = Found(1, 3, "LOC", 0.25, {"fine_type": "city", "entropy": 0.5})
    model.write(target, [example((0, 10), (0, 10))], [[found]])
    (entity,) = target[0].entities
    assert (entity.span, entity.text, entity.token_start, entity.token_end) == ((2, 5), "b c", 1, 3)
    assert (entity.type, entity.fine_type, entity.entropy, entity.score) == ("LOC", "city", 0.5, 0.25)
    assert target[1].entities == [], "a post without a window has been looked at too"


@pytest.mark.parametrize("span", [(0, 11), (3, 3), (-1, 2)])
def test_words_that_are_not_there_are_told_to_whoever_writes_the_tagger(span):
    with pytest.raises(UsageError, match="SpanTagger.predict"):
        written(span_tagger([TEN]), [[(*span, "PER", 1.0)]], [example((0, 10), (0, 10))])


def test_gold_is_given_in_words_of_the_window_and_no_window_begins_inside_an_entity():
    text = " ".join("abcdefghijklmnopqrstuvwxyz" * 3)
    entities = [(2 * a, 2 * b - 1, "PER") for a, b in ((0, 2), (4, 9), (17, 22), (40, 44), (76, 78))]
    whole = post(text, *entities)
    model = span_tagger([whole], max_length=10)
    parts = model.examples([whole], training=True)
    assert len(parts) > 5 and all(e.data.gold is None for e in model.examples([whole], training=False))
    seen = set()
    for part in parts:
        first, end = part.data.window.words
        assert part.length == end - first == len(part.data.words) <= 10
        for a, b, entity in part.data.gold:
            assert entity.start == 2 * (first + a), "it begins with its entity's first word"
            assert b == len(part.data.words) or entity.end == 2 * (first + b) - 1
            seen.add(entity.span)
    assert seen == {(a, b) for a, b, _ in entities}
    kept = [part.data.window.keep for part in model.examples([whole], training=False)]
    assert kept == [w.keep for w in windows([1] * 78, 10)]


def test_gold_that_shares_words_is_learnt_once_or_nested():
    nested = post("New York City", (0, 13, "LOC"), (4, 8, "PER"), (0, 8, "LOC"))
    model = span_tagger([nested])
    gold = [g[:2] for g in model.examples([nested], training=True)[0].data.gold]
    assert gold == [(0, 3)] and model.representable(nested) == [(0, 13, "LOC")]
    model.flat = False
    gold = [g[:2] for g in model.examples([nested], training=True)[0].data.gold]
    assert gold == [(0, 3), (0, 2), (1, 2)] and len(model.representable(nested)) == 3
    with pytest.raises(GmnerError, match="'ORG' is not among the model's: LOC, PER") as problem:
        model.examples([post("a b", (0, 1, "ORG"))], training=True)
    assert "--label-map" in problem.value.hint


def test_windows_that_a_batch_holds_together_or_apart_give_the_same(tmp_path, spoken):
    posts = [Post.from_builtins(record) for record in read_jsonl(spoken.read_text())]
    model = span_tagger(posts, dropout=0.0).eval()
    alone, together = (predict_posts(model, posts, CPU, size) for size in (1, 40))
    found = [[[(e.span, e.type) for e in p.entities] for p in posts] for posts in (alone, together)]
    assert found[0] == found[1]


def test_posts_are_alike_by_the_states_of_their_words_and_words_of_two_windows_count_once(spoken):
    posts = [Post.from_builtins(record) for record in read_jsonl(spoken.read_text())]
    model = span_tagger(posts, dropout=0.0).eval()
    model.word_states = lambda batch: torch.ones(*batch["first"].shape, 3) * batch["word_mask"][..., None]
    parts = model.examples(posts[7:8], training=False)
    sums = model.embed(parts, model.collate(parts, [None] * len(parts)))
    assert sums.shape == (len(parts), 3) and sums.sum(0).tolist() == [len(parts[0].data.spans)] * 3


def test_a_tagger_goes_on_from_one_that_was_trained_on_words_cut_otherwise(spoken, tmp_path):
    from gmner_cli.weights.model_folder import init_from, save_model

    posts = [Post.from_builtins(record) for record in read_jsonl(spoken.read_text())]
    save_model(span_tagger(posts), tmp_path / "m")
    assert load_model(tmp_path / "m", wanted=SPANS).facts == span_tagger(posts).facts
    texts = [p.text.replace("home", "home's") for p in posts]
    cut = [msgspec.structs.replace(p, text=text, tokens=text.split())
           for p, text in zip(posts, texts, strict=True)]
    assert span_tagger(cut).facts["cut"] != span_tagger(posts).facts["cut"]
    used, there = init_from(span_tagger(cut), tmp_path / "m")
    assert used == there
    fewer = [p for p in posts if all(e.type != "ORG" for e in p.entities)]
    used, there = init_from(span_tagger(fewer), tmp_path / "m")
    assert used == there - 2, "the rows of types are its own"
