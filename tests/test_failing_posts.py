"""Posts that fail in a stage, and runs that end on them: nothing is lost, and what is finished is not made
again."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from gmner_cli.errors import GmnerError, ModelError, RecordError
from gmner_cli.flow.run_file import run_file
from gmner_cli.records import Entity
from gmner_cli.records.jsonl import read_lines
from tests.conftest import read_jsonl, write_jsonl


class Upper:
    """A stage that cannot bear some posts."""

    name = "upper"

    def __init__(self, problem=RuntimeError("strange\npost"), bad="bad"):
        self.problem, self.bad, self.seen = problem, bad, []

    def __call__(self, posts):
        if any(self.bad in post.text for post in posts if not post.set_aside):
            raise self.problem
        self.seen += [post.id for post in posts]
        return [
            post if post.set_aside else msgspec.structs.replace(post, caption=post.text.upper())
            for post in posts
        ]


def through(tmp_path, records, *stages, **options):
    source, out = write_jsonl(tmp_path / "in.jsonl", records), tmp_path / "out.jsonl"
    options.setdefault("tell", lambda message: None)
    outcome = run_file(source, out, lambda: list(stages), config={"n": 1}, **options)
    return outcome, read_jsonl(out.read_text(encoding="utf-8"))


def test_one_strange_post_does_not_lose_the_others(tmp_path):
    bad = (0, 3, 600, 601, 768, 769)  # the first and the last two are windows of their own
    records = [{"id": str(n), "text": "bad" if n in bad else f"t{n}"} for n in range(770)]
    outcome, out = through(tmp_path, records, Upper())
    assert [r["id"] for r in out] == [str(n) for n in range(770)]
    assert [int(r["id"]) for r in out if "error" in r] == [*bad]
    assert all(r.get("caption") == r["text"].upper() for r in out if "error" not in r)
    assert out[3]["error"] == "stage upper: unexpected RuntimeError: strange\\npost"
    assert outcome.failures[2] == f"{tmp_path / 'in.jsonl'}:601: {out[600]['error']}"


def test_a_post_that_an_earlier_stage_failed_is_not_given_to_a_model(tmp_path):
    second = Upper(bad="never")
    _, out = through(tmp_path, [{"id": "a", "text": "good"}, {"id": "b", "text": "bad"}],
                     Upper(RecordError("odd", where="x")), second)
    assert out[1]["error"] == "stage upper: x: odd" and "caption" not in out[1]
    assert out[0]["caption"] == "GOOD"


@pytest.mark.parametrize(
    "problem", [RuntimeError("the model is broken"),
                ModelError("wrong weights"),
                KeyboardInterrupt()])
def test_what_is_wrong_for_all_posts_ends_the_run_and_it_can_be_resumed(tmp_path, problem):
    records = [{"id": str(n), "text": "bad"} for n in range(9)]
    old = tmp_path / "out.jsonl"
    old.write_text("old\n")
    with pytest.raises(type(problem)):
        through(tmp_path, records, Upper(problem))
    assert old.read_text() == "old\n"
    _, out = through(tmp_path, records, Upper(bad="never"), resume=True)
    assert len(out) == 9 and not any("error" in r for r in out)


def test_posts_that_fail_again_fail_alone_when_a_run_is_resumed(tmp_path):
    """Nothing is left but they; that others got through tells that the model is not to blame."""
    records = [{"id": str(n), "text": "bad" if n in (2, 3, 4) else "good"} for n in range(6)]
    for resume in (False, True, True):
        outcome, out = through(tmp_path, records, Upper(), resume=resume)
        assert len(outcome.failures) == 3 and sorted(r["id"] for r in out) == list("012345")
        assert sorted(r["id"] for r in out if "error" in r) == list("234")


@pytest.mark.parametrize("aside", [2, 300])
def test_posts_that_were_set_aside_say_nothing_of_a_later_stage(tmp_path, aside):
    def marks(posts):
        return [
            msgspec.structs.replace(post, error="no picture") if post.text == "missing" else post
            for post in posts
        ]

    marks.name = "images"
    records = [{"id": str(n), "text": "missing"} for n in range(aside)] + [{"id": "x", "text": "bad"}]
    outcome, out = through(tmp_path, records, marks, Upper())
    assert [r["id"] for r in out] == [r["id"] for r in records] and len(outcome.failures) == aside + 1


def test_finished_windows_are_kept_when_a_later_one_ends_the_run(tmp_path):
    records = [{"id": str(n), "text": "bad" if n > 700 else "good"} for n in range(800)]
    said = []
    source = write_jsonl(tmp_path / "in.jsonl", records)
    with pytest.raises(ModelError):
        run_file(source, tmp_path / "out.jsonl", lambda: [Upper(ModelError("gone"))], config={},
                 tell=said.append)
    assert said == [f"stopped: 688 finished posts are in {tmp_path / 'out.jsonl.partial'}; go on with "
                    "--resume"]
    stage = Upper(bad="never")
    outcome = run_file(source, tmp_path / "out.jsonl", lambda: [stage], config={}, resume=True)
    assert (outcome.resumed, outcome.written) == (688,
                                                  112) and stage.seen == [str(n) for n in range(688, 800)]
    assert [r["id"] for r in read_jsonl((tmp_path / "out.jsonl").read_text())] == [str(n) for n in range(800)]


def test_what_a_stage_leaves_that_is_no_json_fails_that_post_alone(tmp_path):
    class Nan:
        name = "nan"

        def __call__(self, posts):
            for post in posts:
                post.entities = [
                    Entity(start=0, end=1, type="X", score=float("nan") if post.id == "b" else 0.5)
                ]
            return posts

    more = {
        "text": "x", "tokens": ["x"], "caption": "c", "image_size": [3, 4], "meta": {"split": "test"},
        "own": [None, {"a": 1}], "entities": [{"start": 0, "end": 1, "type": "GOLD"}]
    }
    outcome, out = through(tmp_path, [{"id": i, **more} for i in "abc"], Nan())
    assert ["error" in r for r in out] == [False, True, False] and len(outcome.failures) == 1
    assert "nan cannot be written as JSON" in out[1].pop("error") and out[1] == {
        "id": "b", **more
    }, "the rest is as it came in"


def test_a_failed_post_that_came_in_as_declined_is_not_counted_as_declined_now(tmp_path):
    records = [{"id": n, "text": n, "grounding": "abstained", "entities": []} for n in ("good", "bad")]
    outcome, out = through(tmp_path, records, Upper())
    assert out[1]["grounding"] == "abstained" and outcome.abstained == 1


def test_a_post_too_deep_to_be_written_fails_alone(tmp_path):
    records = [b'{"id": "a", "text": "x"}']
    for depth in range(800, 1000):
        records.append(b'{"id": "%d", "text": "y", "own": %s}' % (depth, b"[" * depth + b"]" * depth))
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(records))
    outcome = run_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", lambda: [Upper(bad="never")], config={})
    assert outcome.written == 201
    assert len(list(read_lines(tmp_path / "out.jsonl"))) == 201


def test_marks_of_an_earlier_run_are_taken_off_and_tried_again(tmp_path):
    marks = {"error": "old", "skipped": "old", "image_problem": "old"}
    unreadable = {"id": "line-4", "text": "", "error": "f:4: malformed JSON", "unreadable": "{"}
    outcome, out = through(tmp_path, [{"id": "a", "text": "x", **marks}, unreadable], Upper())
    assert out == [{"id": "a", "text": "x", "caption": "X"}, unreadable]
    assert len(outcome.failures) == 1, "what still is an error is counted"


def test_resume_sees_that_an_id_stands_for_another_post_now(tmp_path):
    texts = ["one", "two", "three"]
    through(tmp_path, [{"text": t} for t in texts], Upper())
    for changed in (["zero", *texts], ["one", "two", "3"], texts[1:]):
        stage = Upper()
        outcome, out = through(tmp_path, [{"text": t} for t in changed], stage, resume=True)
        found = {r["id"]: r["caption"] for r in out}
        assert len(found) == len(out)
        assert [found[f"line-{n}"] for n, _ in enumerate(changed, start=1)] == [t.upper() for t in changed]
        assert len(stage.seen) == outcome.written and outcome.written + outcome.resumed == len(changed)


def test_resume_looks_at_the_image_name_too_and_makes_nothing_twice(tmp_path):
    records = [{"id": "a", "text": "x", "image": "1.png"}, {"id": "b", "text": "x"}]
    through(tmp_path, records, Upper())
    said = []
    records[0]["image"] = "2.png"
    outcome, out = through(tmp_path, [*records, {"id": "c", "text": "new"}], Upper(), resume=True,
                           tell=said.append)
    assert (outcome.resumed, outcome.replaced, outcome.written) == (1, 1, 2)
    assert [(r["id"], r.get("image")) for r in out] == [("b", None), ("a", "2.png"), ("c", None)]
    assert said == ["1 posts have another text or image than under the same id before; they were made again"]
    outcome, _ = through(tmp_path, records[:1], Upper(), resume=True, tell=said.append)
    assert (outcome.resumed, outcome.written) == (1, 0)
    assert said[1:] == ["2 records of the resumed run are kept, though no post that was read has their id"]


def test_a_finished_id_whose_line_cannot_be_read_now_fails(tmp_path):
    through(tmp_path, [{"id": "a", "text": "x"}, {"id": "b", "text": "x"}], Upper())
    outcome, out = through(tmp_path, [{"id": "a", "text": 5}, {"id": "b", "text": "x"}], Upper(), resume=True)
    assert [(r["id"], "error" in r) for r in out] == [("b", False),
                                                      ("a", True)] and len(outcome.failures) == 1


def test_skipped_posts_are_counted_and_tried_again_by_resume(tmp_path):
    class Skip(Upper):
        def __call__(self, posts):
            return [msgspec.structs.replace(post, skipped="no image") for post in posts]

    outcome, out = through(tmp_path, [{"id": "a", "text": "x"}], Skip())
    assert outcome.skipped == 1 and out == [{"id": "a", "text": "x", "skipped": "no image"}]
    outcome, out = through(tmp_path, [{"id": "a", "text": "x"}], Upper(), resume=True)
    assert (outcome.skipped, outcome.resumed) == (0, 0) and out == [{"id": "a", "text": "x", "caption": "X"}]


@pytest.mark.parametrize("resume", [True, False])
def test_models_that_cannot_be_loaded_cost_no_records(tmp_path, resume):
    records = [{"id": str(n), "text": "bad" if n > 700 else "good"} for n in range(800)]
    with pytest.raises(ModelError):
        through(tmp_path, records, Upper(ModelError("gone")))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def stages():
        raise ModelError("has no weights")

    said = []
    with pytest.raises(ModelError, match="has no weights"):
        run_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", stages, config={"n": 1}, resume=resume,
                 tell=said.append)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before and not said
    outcome, _ = through(tmp_path, records, Upper(bad="never"), resume=resume, tell=said.append)
    assert (outcome.resumed, outcome.written) == ((688, 112) if resume else (0, 800))
    assert ["688 finished posts" in s and "discarded" in s for s in said] == ([] if resume else [True])


def test_a_wrong_source_leaves_out_untouched(tmp_path):
    (tmp_path / "out.jsonl").write_text("old\n")
    for source in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(GmnerError):
            run_file(source, tmp_path / "out.jsonl", lambda: pytest.fail("no model is loaded"), config={})
    assert os.listdir(tmp_path) == ["out.jsonl"]


def test_an_empty_file_gives_an_empty_file(tmp_path):
    for content in (b"", b"\n\n  \n", b"\xef\xbb\xbf"):
        Path(tmp_path / "in.jsonl").write_bytes(content)
        outcome = run_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl",
                           lambda: pytest.fail("no model is loaded"), config={})
        assert outcome.written == 0 and (tmp_path / "out.jsonl").read_bytes() == b""
