"""Which annotated posts are shown to whom: the most alike, never the post itself, never a held-out one."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gmner_cli import recipes
from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import GmnerError, ModelError, UsageError
from gmner_cli.language.similar import SameForAll, Similar, examples_from, nearest
from gmner_cli.language.similar.features import Tagger, pool_features
from gmner_cli.language.similar.pool import neighbours, read_pool
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post
from gmner_cli.weights.model_folder import save_model
from tests.conftest import write_jsonl
from tests.language.looking import save_looking

CPU = Runtime(torch.device("cpu"))


def annotated(identity, text, **more):
    return {"id": identity, "text": text, "knowledge": [{"text": f"about {identity}"}], **more}


@pytest.fixture
def pool(tmp_path):
    """``pool(*records, **options)``: what ``read_pool`` makes of them."""
    return lambda *records, **options: read_pool(write_jsonl(tmp_path / "pool.jsonl", list(records)), **
                                                 options)


@pytest.fixture(scope="module")
def tagger(tiny_tagger):
    return Tagger(tiny_tagger, CPU, offline=True)


def axes(*rows):
    """Features that are what they say: unit vectors from rows of numbers."""
    found = np.array(rows, dtype=np.float32)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def answers(shown):
    return [[example["answer"] for example in examples] for examples in shown]


def test_the_search_is_exact_and_ties_are_in_order_of_the_pool():
    rng = np.random.default_rng(0)
    features, queries = axes(*rng.normal(size=(60, 24))), axes(*rng.normal(size=(9, 24)))
    features[[7, 31, 55]] = features[20]
    found = nearest(queries, features)
    for query, order in zip(queries, found, strict=True):
        slow = sorted(
            range(60), key=lambda i:
            (-sum(float(a) * float(b) for a, b in zip(query, features[i], strict=True)), i))
        alike = {7, 20, 31, 55}
        assert [i for i in order if i not in alike] == [i for i in slow if i not in alike]
        assert [i for i in order if i in alike] == [7, 20, 31, 55]


def test_the_most_similar_stands_last_and_there_are_n(pool):
    of = pool(annotated("a", "one"), annotated("b", "two"), annotated("c", "three"), annotated("d", "four"))
    features = axes([1, 0], [1, 1], [0, 1], [1, 0.2])
    asked = [Post(id="x", text="x"), Post(id="y", text="y")]
    found = Similar(of, features, lambda posts: axes([1, 0], [0, 1]), 3)(asked)
    assert answers(found) == [["about b", "about d", "about a"], ["about d", "about b", "about c"]]
    assert answers(Similar(of, features, lambda posts: axes([1, 0]),
                           9)(asked[:1]))[0][-1] == "about a", "as many as there are"


@pytest.mark.parametrize("post", [
    Post(id="a", text="quite another"),
    Post(id="z", text="ONE  post,\n and 2"),
    Post(id="a", text="one post , and 2")
], ids=["by id", "by text", "by both"])
def test_a_post_is_never_its_own_example(pool, post):
    of = pool(annotated("a", "one post , and 2"), annotated("b", "another"))
    similar = Similar(of, axes([1, 0], [0, 1]), lambda posts: axes([1, 0]), 1)
    assert answers(similar([post])) == [["about b"]]
    assert answers(similar([Post(id="z", text="two")])) == [["about a"]], "for others it is the most similar"
    for seed in range(4):
        assert answers(SameForAll(of, 2, seed)([post])) == [["about b"]]


def test_held_out_posts_are_never_examples(pool, tmp_path):
    test = write_jsonl(tmp_path / "held.jsonl",
                       [{"id": "t", "text": "by id"}, {"id": "other", "text": "By Text!"},
                        {"id": "bad", "text": "of a bad record", "entities": 5}])
    asked = write_jsonl(tmp_path / "asked.jsonl", [{"id": "q", "text": "q", "meta": {"split": "dev"}}, {
        "id": "r", "text": "r", "meta": {"split": "train"}
    }, {"id": "o", "text": "o", "meta": {"split": ["odd"]}}])
    of = pool(annotated("t", "x"), annotated("u", "by text !"), annotated("bad", "y"), annotated("q", "z"),
              annotated("r", "r"), annotated("s", "s", meta={"split": "test"}),
              annotated("v", "v", meta={"split": ["odd"]}), {"id": "w", "text": "w"},
              annotated("e", "e", error="failed before"),
              {"id": "k", "text": "k", "knowledge": [{"text": " \n"}]}, never=[test], asked=asked)
    assert [of.posts[i].id for i in of.usable] == ["r", "v"]
    assert str(of) == (f"{tmp_path}/pool.jsonl: 10 posts, 2 may be examples; never examples: 2 in held.jsonl "
                       "by id, "
                       "1 in held.jsonl by text, 1 in asked.jsonl by id, 1 of split test, 3 without "
                       "knowledge, or failed")
    shown = [
        *SameForAll(of, 9, 0)([Post(id="z", text="z")]),
        *Similar(of, np.eye(len(of.posts), dtype=np.float32), lambda posts: np.ones(
            (1, len(of.posts))), 9)([Post(id="z", text="z")])
    ]
    assert [sorted(a) for a in answers(shown)] == [["about r", "about v"]] * 2


def test_dev_and_test_beside_a_file_are_found(tmp_path):
    for name in ("train.jsonl", "test.jsonl", "dev.jsonl.bak"):
        (tmp_path / name).touch()
    assert neighbours(tmp_path / "train.jsonl") == neighbours(str(
        tmp_path / "test.jsonl")) == [tmp_path / "test.jsonl"]
    assert neighbours("-") == neighbours(tmp_path / "absent.jsonl") == []


def test_the_published_pools_overlap_with_twitter_gmner_as_counted(shared, gmner, tmp_path):
    """39 of the hand-annotated posts stand in its test split, 42 in its dev split; none of them is an
    example."""
    done = gmner("prepare", "twitter-gmner", "--source", shared / "data" / "twitter-gmner-v2", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    ids = [line for file in sorted((shared / "data" / "pgim").glob("annotated-*/*train.txt"))
           for line in file.read_text(encoding="utf-8").splitlines()[::2]]
    path = write_jsonl(tmp_path / "pool.jsonl",
                       [annotated(identity, f"text {n}") for n, identity in enumerate(dict.fromkeys(ids))])
    of = read_pool(path, neighbours(tmp_path / "train.jsonl"), tmp_path / "train.jsonl")
    barred = [reason for reason in of.barred if reason is not None]
    assert (barred.count("in test.jsonl by id"), barred.count("in dev.jsonl by id"), len(barred)) == (39, 42,
                                                                                                      81)


def test_one_random_set_is_the_same_for_all_and_follows_from_the_seed(pool):
    of = pool(*(annotated(f"p{n}", f"text {n}") for n in range(20)))
    asked = [Post(id=f"q{n}", text="q") for n in range(3)]
    first = answers(SameForAll(of, 5, 1)(asked))
    assert first[0] == first[1] == first[2] and len(set(first[0])) == 5
    assert answers(SameForAll(of, 5, 1)(asked)) == first != answers(SameForAll(of, 5, 2)(asked))


def test_features_are_unit_vectors_of_the_words_alone(tagger):
    long = "NASA flies over Paris and " * 12
    posts = [
        Post(id="a", text="Allen swims in London"),
        Post(id="b", text="Allen swims in London", knowledge=[]),
        Post(id="c", text="", image="gone.jpg"),
        Post(id="d", text=long),
        Post(id="e", text="Allen , swims", tokens=["Allen", ",", "swims"])
    ]
    found = tagger(posts)
    assert found.dtype == np.float32 and found.shape == (5, tagger.model.encoder.width)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1, 0, 1, 1], abs=1e-5)
    assert (found[0] == found[1]).all()
    assert len(tagger.model.examples(posts[3:4], training=False)) > 1, "the long one takes several windows"
    assert tagger(posts[::-1])[::-1] == pytest.approx(found, abs=1e-5), "whatever the batch"
    assert tagger([]).shape == (0, tagger.model.encoder.width)


def test_a_feature_is_the_mean_over_first_sub_words(tagger):
    post = Post(id="a", text="Allen swims")
    model = tagger.model
    (example,) = model.examples([post], training=False)
    batch = model.collate([example], [None])
    states = model.encoder(batch["ids"], batch["mask"], batch["kinds"], batch["cases"])[0]
    mean = torch.stack([states[1], states[1 + len(example.data.pieces[0])]]).mean(0)
    assert tagger([post])[0] == pytest.approx((mean / mean.norm()).detach().numpy(), abs=1e-6)


def test_features_of_the_pool_are_stored_and_made_again_when_anything_differs(
        pool, tagger, tiny_tagger, tmp_path, monkeypatch):
    made = []
    vectors = Tagger.vectors
    monkeypatch.setattr(Tagger, "vectors", lambda self, seen: made.append(len(seen)) or vectors(self, seen))
    path = tmp_path / "pool.jsonl.features.safetensors"
    of, told = pool(annotated("a", "Allen"), annotated("b", "London")), []
    first = pool_features(of, tagger, told.append)
    assert made == [2] and (load_file(path)["features"].numpy() == first).all()
    assert (pool_features(of, tagger, told.append) == first).all() and made == [2]
    pool_features(pool(annotated("a", "Allen"), annotated("b", "Paris")), tagger, told.append)
    assert made == [2, 2], "another text"
    other = Tagger(tiny_tagger, CPU, offline=True)
    other.identity = "other weights"
    pool_features(of, other, told.append)
    pool_features(of, tagger, told.append)
    assert made == [2, 2, 2, 2]
    path.write_bytes(path.read_bytes()[:-3])
    assert (pool_features(of, tagger, told.append) == first).all() and made == [2, 2, 2, 2, 2] and told == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pool.jsonl",
                                                          path.name], "no temporary file is left"


def test_features_that_cannot_be_stored_are_used_all_the_same(pool, tagger, tmp_path, monkeypatch):
    def refuse(*args):
        raise GmnerError("cannot write: read-only file system", where="pool")

    monkeypatch.setattr("gmner_cli.language.similar.features.write_atomic", refuse)
    told = []
    assert pool_features(pool(annotated("a", "Allen")), tagger, told.append).shape[0] == 1
    assert told == ["the features of the pool are not stored: pool: cannot write: read-only file system"]


def test_another_tagger_has_another_identity(tiny_tagger, tagger, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in tiny_tagger.iterdir():
        (folder / path.name).symlink_to(path)
    assert Tagger(folder, CPU).identity == tagger.identity
    config = json.loads((tiny_tagger / "config.json").read_text())
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps({**config, "recipe": "changed"}))
    assert Tagger(folder, CPU).identity != tagger.identity


def test_only_a_tagger_tells_what_is_alike(tmp_path):
    with pytest.raises(ModelError, match="no such model folder"):
        Tagger(tmp_path / "absent", CPU)
    from gmner_cli.entailment.blip_itm import BlipItm
    from tests.tiny import save_blip

    name = f"{BlipItm.__module__}:{BlipItm.__name__}"
    model = new_model(name, {"checkpoint": str(save_blip(tmp_path / "blip"))}, [], recipe="r", offline=True)
    save_model(model, tmp_path / "ve")
    with pytest.raises(UsageError, match="is not a tagger"):
        Tagger(tmp_path / "ve", CPU)


@pytest.fixture
def looking(tmp_path):
    """``looking()``: the tagger of ``save_looking``, and what it told."""
    save_looking(tmp_path)
    told = []
    return lambda: (Tagger(tmp_path / "tagger", CPU, code=recipes.load(str(tmp_path / "colour.yaml")).section(
        "ner"), tell=told.append, pictures=Pictures(tmp_path, "text-only")), told)


def test_a_tagger_that_looks_compares_pictures_too(looking, pool):
    tagger, told = looking()
    of = pool(annotated("a", "Allen here", image="red.png"), annotated("b", "Allen here", image="blue.png"),
              annotated("c", "Allen here"))
    similar = Similar(of, pool_features(of, tagger, told.append), tagger, 1)
    asked = [
        Post(id=name, text="who is it", image=image)
        for name, image in (("x", "blue.png"), ("y", "red.png"), ("z", None))
    ]
    assert answers(similar(asked)) == [["about b"], ["about a"], ["about c"]]
    assert asked[0].image == "blue.png" and asked[
        0].image_size is None and told == [], "what is asked about is not changed"


def test_a_picture_that_is_missing_is_told_and_the_text_is_compared(looking):
    tagger, told = looking()
    found = tagger([Post(id="x", text="who", image="absent.png"), Post(id="y", text="who")])
    assert (found[0] == found[1]).all()
    assert len(told) == 1 and "absent.png" in told[0] and "going on without its image" in told[0]


def test_features_are_made_again_for_another_picture_of_the_same_name(looking, pool, tmp_path):
    tagger, told = looking()
    of = pool(annotated("a", "Allen", image="red.png"))
    before = pool_features(of, tagger, told.append)
    Image.new("RGB", (4, 4), "green").save(tmp_path / "red.png")
    after = pool_features(of, looking()[0], told.append)
    assert before.argmax() == 0 and after.argmax() == 1


def test_code_of_ones_own_is_run_only_if_its_recipe_is_given(looking, tmp_path):
    looking()
    with pytest.raises(ModelError, match="wants to run code"):
        Tagger(tmp_path / "tagger", CPU)


def test_a_pool_of_nobody_and_of_one(pool, tmp_path):
    options = {"similar_by": None, "seed": 0, "runtime": CPU, "tell": print}
    for of in (pool(), pool({"id": "a",
                             "text": "no knowledge"}), pool(annotated("a", "a", meta={"split": "test"}))):
        with pytest.raises(GmnerError, match="holds no post that may be an example"):
            examples_from(of, 5, **options)
    one = examples_from(pool(annotated("a", "only")), 5, **options)
    assert answers(one([Post(id="x", text="x"), Post(id="a", text="y")])) == [["about a"], []]


def test_a_bad_line_of_the_pool_is_named(tmp_path):
    path = tmp_path / "pool.jsonl"
    path.write_text(json.dumps(annotated("a", "a")) + "\n{torn\n")
    with pytest.raises(GmnerError, match=r"pool\.jsonl:2: malformed JSON"):
        read_pool(path)
    with pytest.raises(GmnerError, match="no such file"):
        read_pool(tmp_path / "absent.jsonl")
