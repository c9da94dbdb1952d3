"""Posts that a model was trained on: found again however they are written, and told of before somebody scores
them."""

from __future__ import annotations

import pytest

from gmner_cli import recipes
from gmner_cli.errors import ModelError
from gmner_cli.language.expand.plan import Plan
from gmner_cli.records import Post
from gmner_cli.weights import trained_on
from gmner_cli.weights.trained_on import Known, fingerprint
from tests.conftest import write_jsonl
from tests.training.point import post

TEXTS = [f"Ada Brook number {word} runs in Oslo" for word in ("one", "two", "three", "four")]


@pytest.mark.parametrize("other", [
    "RT @nytimes: It's Curry's game & more http://t.co/aB1x", "rt @ NYTimes : It ' s  Curry ' s game &amp ; "
                                                              "more",
    "RT @nytimes : It ’ s Curry ’ s game &amp; more https : //t . co/aB1x", "RT @ nytimes : It's Curry 's "
                                                                            "game & more http://t. co/aB1x …",
    "RT @nytimes: It's Curry's game &amp; more pic.twitter.com/xyz", "ＲＴ @nytimes: It's Curry's game, more "
                                                                     "http…"])
def test_a_tweet_is_the_same_with_other_tokens_case_and_links(other):
    assert fingerprint(other) == fingerprint("RT @nytimes: It's Curry's game & more")
    assert fingerprint(other) != fingerprint("RT @nytimes: It's Kerr's game & more")


def test_what_anybody_may_write_is_not_known():
    assert fingerprint("good 👍 day!") is None and fingerprint("https://t.co/aB1xyzabcdefg") is None
    assert fingerprint("\ud800 a lone surrogate") is not None


@pytest.mark.parametrize(("posts", "known", "said"),
                         [([{}] * 3, 2, "2 of 3 posts"), ([{}] * 300, 2, None),
                          ([{}] * 300, 3, "3 of 300 posts"), ([{}] * 3, 0, None),
                          ([{"split": "train"}] * 3, 3, None),
                          ([{"split": "train"}] * 3 + [{"split": "test"}], 4, "1 of 1 posts"), ([], 0, None)])
def test_a_line_is_said_of_one_percent_and_more_but_not_of_the_training_split(posts, known, said):
    posts = [Post(id=str(n), text=f"text number {n} of so many", meta=meta) for n, meta in enumerate(posts)]
    stage = Known({"the tagger": frozenset(fingerprint(p.text) for p in posts[:known]), "other": frozenset()},
                  so="so")
    for start in range(0, len(posts), 7):
        part = posts[start:start + 7]
        assert stage(part) is part
    assert [line.split(" stand")[0] for line in stage.warnings] == ([said] if said else [])


@pytest.fixture
def predict(training, capsys):
    """``predict(posts, *options)``: its stderr, in this process, with the model of ``training``."""
    from gmner_cli.app import build

    def call(posts, *options) -> str:
        texts = write_jsonl(training.folder / "asked.jsonl", posts)
        with pytest.raises(SystemExit) as left:
            build()([
                str(w) for w in ("predict", "--texts", texts, "--recipe", training.folder / "Point.yaml",
                                 "--ner", training.out, "--device", "cpu", "--threads", "1", "-o",
                                 training.folder / "found.jsonl", *options)
            ])
        assert not left.value.code
        return capsys.readouterr().err

    return call


def test_predict_tells_of_posts_that_the_tagger_was_trained_on(training, predict):
    write_jsonl(training.folder / "train.jsonl", [post(f"t{n}", text=text) for n, text in enumerate(TEXTS)])
    assert training().code == 0
    assert trained_on.FILE in training.run()["files"]
    asked = [{"text": TEXTS[0].upper() + " http://t.co/x"}, {"text": "never seen before, really"}]
    err = predict(asked)
    assert err.count("1 of 2 posts stand in the data that the tagger was trained on") == 1
    assert "stand in the data" not in predict(asked[1:])
    assert "stand in the data" not in predict([{**asked[0], "entities": []}], "--gold",
                                              "spans"), "no tagger runs"
    assert training().code == 0, "a folder with hashes is a model's, and is replaced"
    (training.out / trained_on.FILE).unlink()
    assert "stand in the data" not in predict(asked), "a model from before says nothing"


def test_a_model_that_starts_from_another_knows_its_posts_too(tmp_path):
    trained_on.write(tmp_path, [Post(id="a", text=TEXTS[0])])
    (tmp_path / "second").mkdir()
    trained_on.write(tmp_path / "second", [Post(id="b", text=TEXTS[1])], init=tmp_path)
    assert trained_on.read(tmp_path / "second") == {fingerprint(text) for text in TEXTS[:2]}
    (tmp_path / trained_on.FILE).write_bytes(b"odd")
    with pytest.raises(ModelError, match="damaged"):
        trained_on.read(tmp_path)


def test_expand_tells_of_posts_that_its_tagger_was_trained_on(tmp_path):
    trained_on.write(tmp_path, [Post(id="a", text=TEXTS[0])])
    pool = write_jsonl(tmp_path / "pool.jsonl", [{"text": "x", "knowledge": [{"text": "y"}]}])
    stage = Plan("-", "knowledge", "smollm2", pool=pool, similar_by=tmp_path).known_posts()
    stage([Post(id="1", text=TEXTS[0])])
    assert "1 of 1 posts stand in the data that the tagger of --similar-by was trained on" in stage.warnings[
        0]
    assert Plan("-", "knowledge", "smollm2", pool=pool).known_posts().models, "by default mini's"
    assert not Plan("-", "knowledge", "smollm2").known_posts().models


@pytest.mark.parametrize(("folder", "split", "least"), [("twitter-2015", "test", 1563),
                                                        ("twitter-2017", "test", 467)])
def test_mini_knows_the_test_posts_of_other_data_sets(shared, folder, split, least):
    hashes = trained_on.read(recipes.load("mini").section("ner").weights_folder())
    stage = Known({"the tagger": hashes}, so="so")
    for file, found in ((f"{folder}/{split}.txt", least), ("twitter-gmner-v2/txt/test.txt", 0)):
        stage.posts = stage.found["the tagger"] = 0
        posts = (shared / "data" / file).read_text(encoding="utf-8").split("IMGID:")[1:]
        stage([
            Post(id=str(n), text=" ".join(line.split("\t")[0]
                                          for line in p.splitlines()[1:]))
            for n, p in enumerate(posts)
        ])
        assert stage.found["the tagger"] >= found and bool(stage.warnings) == bool(found)


def test_dev_posts_that_are_trained_on_are_told(tmp_path):
    mine, other = ([Post(id=str(n), text=f"{word} sings in Oslo {n}")
                    for n in range(3)]
                   for word in ("Ada", "Eve"))
    assert trained_on.told_of_dev(mine, other) is None
    assert "2 of 5 posts to choose by stand in the training data" in trained_on.told_of_dev(
        mine, [*other, *mine[:2]])
    trained_on.write(tmp_path, other)
    assert "the model it starts from" in trained_on.told_of_dev(mine, other, tmp_path)
