"""Answers that need no language model: from the record, from the world, from a file."""

from __future__ import annotations

import json

import pytest

from gmner_cli.data.scenes import world_knowledge as scenes_knowledge
from gmner_cli.data.scenes import write as write_scenes
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.language import ready
from gmner_cli.language.llm.backend import Question
from gmner_cli.records import Entity, Post
from gmner_cli.records.jsonl import read_posts
from tests.conftest import write_jsonl


def said(backend, post, *entities):
    """The answers of a backend about the post, or about each entity."""
    questions = [Question(post, entity, "") for entity in entities or [None]]
    found = dict(backend.answers(questions))
    return [found[n].text if n in found else None for n in range(len(questions))]


def make(name, task="knowledge", posts="-", **more):
    return ready.make(name, task=task, posts=str(posts), **more)


def entity(kind, fine=None):
    return Entity(start=0, end=1, type=kind, fine_type=fine)


def test_other_names_are_not_ours():
    assert [make(name)
            for name in ("smollm2", "hf:x", "openai:y", "templates", "template:x", "")] == [None] * 6


@pytest.mark.parametrize("kind, fine, words", [("PER", None, "a person"), ("ORG", None, "an organisation"),
                                               ("MISC", None, "a thing with a name"),
                                               ("PER", "author", "an author"),
                                               ("ORG", "sports_team", "a sports team"),
                                               ("Building", None, "a building"),
                                               ("island\nAnswer:", None, "an island answer:"),
                                               ("_", None, None)])
def test_the_template_says_what_the_type_says(kind, fine, words):
    assert said(make("template", "expansions"), Post(id="a", text="x"), entity(kind, fine)) == [words]


@pytest.mark.parametrize(
    "text, caption, words",
    [("Stephen Curry is back in London", "a man\nwith a ball", "Capitalised in the text: Stephen Curry, "
      "London. The picture: a man with a ball."),
     ("Happy to see NASA and NASA", None, "Capitalised in the text: NASA."),
     ("NASA flies", None, "Capitalised in the text: NASA."), ("Happy days", "a dog", "The picture: a dog."),
     ("nothing", None, None), ("", None, None), ("... 5 €", " ", None)])
def test_the_template_knows_capitals_and_the_caption(text, caption, words):
    assert said(make("template"), Post(id="a", text=text, caption=caption)) == [words]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, seed=3, test=12, jobs=1)
    return folder


@pytest.mark.parametrize("quality", ["right", "vague", "wrong"])
def test_the_world_knows_every_name_of_the_scenes(scenes, quality):
    backend = make("world", "expansions", scenes / "test.jsonl", quality=quality)
    known = {(r["name"], r["type"]): r[quality] for r in scenes_knowledge.records(3)}
    count = 0
    for post in read_posts(scenes / "test.jsonl"):
        for one, text in zip(post.entities, said(backend, post, *post.entities), strict=True):
            assert text in known[one.text, one.type]
            count += 1
    assert count > 12 and backend.name == ("world" if quality == "right" else f"world:{quality}")


def test_a_name_of_two_things_is_explained_by_its_type_and_in_knowledge_by_both(scenes):
    by_type = {r["type"]: r["right"] for r in scenes_knowledge.records(3) if r["name"] == "Allen"}
    backend = make("world", "expansions", scenes / "test.jsonl")
    post = Post(id="a", text="Allen met Nobody Known and Nora Whitfield , Allens")
    person, other = Entity(start=0, end=5, type="PER"), Entity(start=0, end=5, type="OTHER")
    texts = said(backend, post, person, other, Entity(start=0, end=5, type="LOC"),
                 Entity(start=10, end=22, type="PER"))
    assert texts[0] in by_type["PER"] and texts[1] in by_type["OTHER"] and texts[2:] == [None, None]
    (about,) = said(backend, post)
    (nora,) = said(backend, post, Entity(start=27, end=41, type="LOC"))
    assert about == f"Named entities: 1. Allen: {texts[0]} or {texts[1]}; 2. Nora Whitfield: {nora}."
    assert said(backend, Post(id="b", text="Allens and nobody",
                              entities=[person])) == [None], "a part of a word is no name"


def test_one_place_has_one_wording_and_places_have_several(scenes):
    backend = make(f"world:{scenes / 'knowledge.jsonl'}", "expansions")
    posts = [Post(id=str(n), text="Nora Whitfield") for n in range(30)]
    one = Entity(start=0, end=14, type="PER")
    texts = [said(backend, p, one)[0] for p in posts]
    assert texts == [said(backend, p, one)[0] for p in posts] and len(set(texts)) > 1


@pytest.mark.parametrize("content, words",
                         [('{"name": "x"}\n', "knowledge.jsonl:1: Object missing required field type"),
                          ("", "holds no names"), ("[1]\n", "knowledge.jsonl:1: "),
                          ('{"name": "x", "type": "PER", "right": [" "], "vague": [], "wrong": []}\n',
                           "knowledge.jsonl:1: says nothing right of 'x'"),
                          (b"\xff\xfe", "knowledge.jsonl:1: ")])
def test_what_is_no_knowledge_of_a_world(tmp_path, content, words):
    path = tmp_path / "knowledge.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(GmnerError, match=words):
        make(f"world:{path}")


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "posts.jsonl").touch()
    with pytest.raises(GmnerError, match="knowledge.jsonl: no such file"):
        make("world", posts=tmp_path / "posts.jsonl")
    with pytest.raises(UsageError, match="POSTS is no file"):
        make("world")
    with pytest.raises(GmnerError, match="no such file"):
        make(f"file:{tmp_path}")
    with pytest.raises(UsageError, match="needs a path"):
        make("file:")
    (tmp_path / "knowledge.jsonl").write_text(json.dumps(scenes_knowledge.records(0)[0]))
    with pytest.raises(UsageError, match="unknown quality 'rihgt'\n  hint: did you mean 'right'"):
        make("world", posts=tmp_path / "posts.jsonl", quality="rihgt")


def test_answers_from_a_file_of_ours(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b'\r\n{"id": "a", "text": "of the post", "more": 1}\r\n\n'
                     b'{"id": "a", "start": 0, "end": 4, "text": "of the entity"}\n{"id": "a", "text": "of '
                     b'the post"}')
    backend = make(f"file:{path}")
    post = Post(id="a", text="Vale is here")
    assert backend.name == "file:answers.jsonl"
    assert said(backend, post) == ["of the post"] and said(backend, Post(id="b", text="x")) == [None]
    assert said(backend, post, Entity(start=0, end=4, type="X"), Entity(start=0, end=3,
                                                                        type="X")) == ["of the entity", None]


@pytest.mark.parametrize(
    "second, words",
    [({"id": "a", "text": "another"}, "answers.jsonl:2: another answer for 'a' stands above"),
     ({"id": "a"}, "answers.jsonl:2: .*text"),
     ({"id": 5.5, "text": "x"}, "answers.jsonl:2: Expected int . str, got float"),
     ({"id": "a", "text": "x", "start": 1}, "answers.jsonl:2: has only one of start"),
     ([], "answers.jsonl:2: ")])
def test_a_bad_line_of_answers_is_named(tmp_path, second, words):
    path = write_jsonl(tmp_path / "answers.jsonl", [{"id": "a", "text": "one"}, second])
    with pytest.raises(GmnerError, match=words):
        make(f"file:{path}")


def test_published_knowledge_is_matched_to_all_posts_of_the_file(tmp_path, capsys):
    posts = write_jsonl(
        tmp_path / "posts.jsonl",
        [{"id": "b", "text": "Vale is here", "tokens": ["Vale", "is", "here"]}, {"id": "c", "text": "other"}])
    path = tmp_path / "train.txt"
    path.write_text("Vale\tB-PER\nis\tO\nhere\tO\n<EOS>\tX\nVale\tX\nis\tX\na\tX\nman.\tX\n\n")
    backend = make(f"file:{path}", posts=posts)
    assert [said(backend, p) for p in read_posts(posts)] == [["Vale is a man."], [None]]
    assert "train.txt: knowledge for 1 of 2 posts" in capsys.readouterr().err
    with pytest.raises(UsageError, match="published files hold knowledge, not expansions"):
        make(f"file:{path}", "expansions", posts=posts)
    with pytest.raises(UsageError, match="POSTS is no file"):
        make(f"file:{path}")
