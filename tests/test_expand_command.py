"""``gmner expand``: files and pipes, failures, resuming, leaks, and what a folder may not ask for."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gmner_cli.app import build
from gmner_cli.language.llm.backend import Answer, Backend, Failure
from gmner_cli.language.llm.store import Remembering, Store
from tests.conftest import SMALL_POSTS, read_jsonl, write_jsonl
from tests.language.looking import save_looking


class Dummy(Backend):
    """Says what it was asked about; ``failing`` holds ids of posts about which it has only a reason."""

    name = "dummy"

    def __init__(self):
        self.seen, self.failing, self.made = [], set(), []

    def answers(self, questions):
        self.seen += questions
        for index, question in enumerate(questions):
            about = question.post.id if question.entity is None else question.post.text[
                question.entity.start:question.entity.end]
            yield index, Failure("too busy") if question.post.id in self.failing else Answer(
                text=f"about {about}", model="dummy")

    def make(self, name, *, store, **options):
        self.made.append({"name": name, "store": store, **options})
        return Remembering(self, Store(store))


@pytest.fixture
def dummy(monkeypatch):
    backend = Dummy()
    monkeypatch.setattr("gmner_cli.language.llm.make", backend.make)
    return backend


@pytest.fixture
def run(tmp_path, monkeypatch):
    """``run(*args, stdin=None)``: expand on posts.jsonl, in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("GMNER_LLM", "GMNER_BASE_URL", "GMNER_STORE", "GMNER_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    write_jsonl(tmp_path / "posts.jsonl", SMALL_POSTS)

    def call(*args, posts="posts.jsonl", stdin=None, code=0, env=None):
        done = CliRunner().invoke(build(), ["expand", posts, *map(str, args)], input=stdin, env=env)
        assert done.exit_code == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return call


EXPANSIONS = ("--task", "expansions", "--llm", "hf:some")
KNOWLEDGE = ("--task", "knowledge", "--llm", "hf:some")


def test_records_alone_go_to_stdout_and_the_figures_to_stderr(run, dummy):
    done = run(*EXPANSIONS)
    records = read_jsonl(done.stdout)
    assert [[e["expansions"] for e in r["entities"]] for r in records] == [
        [[{"text": f"about {name}", "source": "llm:dummy", "of": "gold"}] for name in names]
        for names in (["Allen", "London"], ["NASA", "Paris"], [], ["Maria Silva"])]
    for record in records:
        for entity in record["entities"]:
            del entity["expansions"]
    assert records == SMALL_POSTS
    assert "gmner: 5 questions, 0 failed, entities: 5 gold, 0 predicted" in done.stderr
    assert dummy.made[0]["store"] is None and dummy.made[0][
        "generation"].max_tokens == 48 and not dummy.made[0]["offline"]


def test_several_models_add_several_entries_and_none_twice(run, dummy):
    run(*KNOWLEDGE, "-o", "one.jsonl")
    dummy.name = "second"
    run(*KNOWLEDGE, "-o", "two.jsonl", posts="one.jsonl")
    done = run(*KNOWLEDGE, "-o", "three.jsonl", posts="two.jsonl")
    with open("three.jsonl") as file:
        assert [[k["source"]
                 for k in json.loads(line)["knowledge"]]
                for line in file] == [["llm:dummy", "llm:second"]] * 4
    assert "0 questions, 0 failed, 4 had one before" in done.stderr and len(dummy.seen) == 8
    run(*KNOWLEDGE, "--source", "mine", "-o", "four.jsonl", posts="three.jsonl")
    with open("four.jsonl") as file:
        assert [[k["source"]
                 for k in json.loads(line)["knowledge"]]
                for line in file] == [["llm:dummy", "llm:second", "mine"]] * 4


def test_options_reach_the_model(run, dummy, tmp_path):
    run(*KNOWLEDGE, "--max-tokens", 7, "--temperature", 0.5, "--seed", 3, "--batch-size", 2, "--base-url", "http://localhost:1/v1",
        "--per-minute", 9, "--store", "kept.sqlite", "--offline")
    (made,) = dummy.made
    assert (made["name"], made["batch_size"], made["base_url"], made["per_minute"], made["offline"]) == (
        "hf:some", 2, "http://localhost:1/v1", 9, True)
    generation = made["generation"]
    assert (generation.max_tokens, generation.temperature,
            generation.seed) == (7, 0.5, 3) and generation.stop == ("\nText:", "\nQuestion:")
    assert made["store"].name == "kept.sqlite" and (tmp_path / "kept.sqlite").is_file()


def test_a_failed_question_ends_with_3_and_resume_asks_it_alone(run, dummy, tmp_path):
    dummy.failing = {"b"}
    done = run(*EXPANSIONS, "-o", "out.jsonl", code=3)
    out = read_jsonl((tmp_path / "out.jsonl").read_text())
    assert [r.get("error") for r in out] == [None, "expand: 'NASA': too busy; 'Paris': too busy", None, None]
    assert out[1]["entities"] == SMALL_POSTS[1]["entities"], "what came in is kept"
    assert "failed: posts.jsonl:2: expand: 'NASA': too busy" in done.stderr
    assert "1 records failed" in done.stderr
    assert (tmp_path / "out.jsonl.answers.sqlite").is_file()
    dummy.failing, dummy.seen = set(), []
    run(*EXPANSIONS, "-o", "out.jsonl", "--resume")
    assert [q.post.id for q in dummy.seen] == ["b", "b"]
    out = {r["id"]: r for r in read_jsonl((tmp_path / "out.jsonl").read_text())}
    assert sorted(out) == ["a", "b", "c", "d"
                           ] and "error" not in out["b"] and out["b"]["entities"][0]["expansions"]
    dummy.seen = []
    done = run(*EXPANSIONS, "-o", "out.jsonl")
    assert dummy.seen == []
    assert "5 answered from the store" in done.stderr, "a run from the start asks the store"


def test_resume_refuses_another_prompt_pool_or_generation(run, dummy, tmp_path):
    write_jsonl(tmp_path / "pool.jsonl", POOL)
    own = tmp_path / "own.txt"
    own.write_text("=== head\n=== example\nT: {text} {answer}\n=== question\nT: {text}\n")
    before = (*KNOWLEDGE, "-o", "out.jsonl", "--pool", "pool.jsonl", "--examples-fixed", 1, "--prompt", own)
    run(*before)
    run(*before, "--resume")
    for change in (["--examples", 1], ["--max-tokens", 9], ["--examples-fixed", 2], ["--overwrite"]):
        assert "was started with another configuration" in run(*before, "--resume", *change, code=1).stderr
    own.write_text("=== head\nchanged\n=== example\nT: {text} {answer}\n=== question\nT: {text}\n")
    assert "prompt (" in run(*before, "--resume", code=1).stderr


POOL = [{"id": identity, "text": text, "knowledge": [{"text": f"{identity} explained"}], **more}
        for identity, text, more in (("p1", "Allen sails to Rome", {}), ("p2", "Hugo flies over Oslo",
                                                                         {"caption": "a plane"}),
                                     ("b", "anything", {}), ("p4", "MARIA silva RUNS", {}),
                                     ("p5", "held out by its mark", {"meta": {"split": "test"}}),
                                     ("t1", "x", {}), ("p7", "held out by its  text",
                                                       {}), ("p8", "who runs here", {}))]


def test_examples_are_alike_and_no_held_out_post_is_among_them(run, dummy, tiny_tagger, tmp_path):
    write_jsonl(tmp_path / "pool.jsonl", POOL)
    write_jsonl(tmp_path / "test.jsonl", [{"id": "t1", "text": "of the test split"}])
    write_jsonl(tmp_path / "more.jsonl", [{"id": "other", "text": "Held out by its text"}])
    done = run(*KNOWLEDGE, "--pool", "pool.jsonl", "--similar-by", tiny_tagger, "--never", "more.jsonl",
               "--offline")
    assert ("gmner: pool.jsonl: 8 posts, 5 may be examples; never examples: 1 of split test, 1 in test.jsonl "
            "by id, "
            "1 in more.jsonl by text") in done.stderr
    shown = {
        q.post.id: [
            w for w in ("p1", "p2", "b", "p4", "p5", "t1", "p7", "p8") if f"{w} explained" in q.prompt
        ] for q in dummy.seen
    }
    assert shown == {
        "a": ["p1", "p2", "b", "p4", "p8"], "b": ["p1", "p2", "p4", "p8"], "c": ["p1", "p2", "b", "p4", "p8"],
        "d": ["p1", "p2", "b", "p8"]
    }, "b and d are not shown themselves, by id and by text"
    assert "2 posts with fewer examples" in done.stderr
    assert (tmp_path / "pool.jsonl.features.safetensors").is_file()
    assert "Text: Hugo flies over Oslo\nImage: a plane\n" in dummy.seen[0].prompt
    dummy.seen = []
    run(*KNOWLEDGE, "--pool", "pool.jsonl", "--similar-by", tiny_tagger, "--examples", 1, "--offline")
    assert [q.prompt.count(" explained") for q in dummy.seen] == [1] * 4


def test_a_tagger_that_looks_finds_examples_by_pictures(run, dummy, tmp_path):
    save_looking(tmp_path)
    write_jsonl(
        tmp_path / "seen.jsonl",
        [{"id": "x", "text": "who", "image": "red.png"}, {"id": "y", "text": "who", "image": "blue.png"}])
    write_jsonl(tmp_path / "pool.jsonl", [{
        "id": colour, "text": "Allen here", "image": f"{colour}.png",
        "knowledge": [{"text": f"{colour} explained"}]
    } for colour in ("blue", "red")])
    words = (*KNOWLEDGE, "--pool", "pool.jsonl", "--examples", 1, "--similar-by", "tagger", "--offline")
    assert "wants to run code" in run(*words, posts="seen.jsonl", code=1).stderr
    for more in (["--images", "."], []):
        dummy.seen = []
        run(*words, "--recipe", "colour.yaml", *more, posts="seen.jsonl")
        assert [[c
                 for c in ("red", "blue")
                 if f"{c} explained" in q.prompt]
                for q in dummy.seen] == [["red"], ["blue"]]
    (tmp_path / "empty").mkdir()
    assert "going on without its image" in run(*words, "--recipe", "colour.yaml", "--images", "empty",
                                               posts="seen.jsonl").stderr


@pytest.mark.parametrize("recipe", ["riveg", "image-text"])
def test_a_recipe_that_is_meant_for_other_commands_changes_nothing(run, dummy, tiny_tagger, tmp_path, recipe):
    write_jsonl(tmp_path / "pool.jsonl", POOL)
    words = (*KNOWLEDGE, "--pool", "pool.jsonl", "--similar-by", tiny_tagger, "--offline")
    plain = run(*words).stdout
    asked, dummy.seen = dummy.seen, []
    assert run(*words, env={"GMNER_RECIPE": recipe}).stdout == plain
    assert [q.prompt for q in dummy.seen] == [q.prompt for q in asked] and asked


def test_held_out_posts_of_the_file_itself_are_examples_for_nobody(run, dummy, tmp_path):
    write_jsonl(tmp_path / "asked.jsonl", [{"id": "p1", "text": "x", "meta": {"split": "dev"}},
                                           {"id": "z", "text": "z", "meta": {"split": "dev"}}])
    write_jsonl(tmp_path / "pool.jsonl", POOL)
    options = (*KNOWLEDGE, "--pool", "pool.jsonl", "--examples-fixed", 0, "--examples", 9)
    run(*options, posts="asked.jsonl")
    assert len(dummy.seen) == 2 and not any("p1 explained" in q.prompt for q in dummy.seen)
    # Those of a stream are known too late for that (test_expand_refusals).
    done = run(*options, posts="-", stdin='{"id": "q", "text": "x"}')
    assert "there is no dev.jsonl or test.jsonl beside POSTS, which is no file" in done.stderr
    write_jsonl(tmp_path / "dev.jsonl", [{"id": "p1", "text": "x"}])
    assert "there is no dev.jsonl" not in run(*options, posts="asked.jsonl", code=0).stderr


def test_without_examples_and_with_those_of_the_file(run, dummy):
    run(*KNOWLEDGE, "--examples", 0, "--limit", 1)
    run(*KNOWLEDGE, "--examples", 2, "--limit", 1)
    run(*KNOWLEDGE, "--limit", 1)
    assert [q.prompt.count("\nAnswer:") for q in dummy.seen] == [1, 3, 6]


@pytest.mark.parametrize("args, words", [
    (["--llm", "template", "--pool", "pool.jsonl"], "--pool means nothing here: template reads no prompt"),
    (["--llm", "template", "--temperature", "1"], "--temperature means nothing here"),
    (["--llm", "template", "--quality", "wrong"], "--quality is for --llm world alone"),
    (["--examples", "9"], "--examples 9: the prompt file holds 5"),
    (["--never", "posts.jsonl"], "--never means nothing here: there is no --pool"),
    (["--examples-fixed", "1"], "--examples-fixed means nothing here: there is no --pool"),
    (["--pool", "pool.jsonl", "--similar-by", ".", "--examples-fixed", "1"], "contradict each other"),
    (["--task", "expansions", "--pool", "pool.jsonl"], "--pool means nothing here: expansions are asked for "
                                                       "with the fixed examples"),
    (["--prompt", "posts.jsonl"], "posts.jsonl: has no part 'head'"),
    (["--task", "captions"], "--task"),
])
def test_wrong_usage(run, dummy, tmp_path, args, words):
    write_jsonl(tmp_path / "pool.jsonl", POOL)
    done = run(*KNOWLEDGE, *args, code=2)
    assert words in done.stderr and done.stdout == "" and not dummy.made


def test_models_nobody_has_and_pools_nobody_may_see(run, tmp_path):
    assert "there is no language model 'smolm2'" in run("--task", "knowledge", "--llm", "smolm2", "-o",
                                                        "out.jsonl", code=2).stderr
    assert "did you mean 'template'" in run("--task", "knowledge", "--llm", "templat", code=2).stderr
    for option in ("--pool", "--never"):
        options = {"--pool": "posts.jsonl", option: "missing.jsonl"}
        done = run(*KNOWLEDGE, *(word for pair in options.items() for word in pair), "-o", "out.jsonl",
                   code=1)
        assert "missing.jsonl: no such file" in done.stderr
    write_jsonl(tmp_path / "pool.jsonl", [])
    done = run(*KNOWLEDGE, "--pool", "pool.jsonl", "--examples-fixed", 1, "-o", "out.jsonl", code=1)
    assert "pool.jsonl: holds no post that may be an example" in done.stderr
    assert not (tmp_path / "out.jsonl").exists() and not (tmp_path / "out.jsonl.partial").exists()


@pytest.mark.parametrize("yaml, env, words", [
    ("llm: openai:gpt", {}, "./gmner.yaml: has posts sent to a server, with 'llm'"),
    ("expand: {base-url: 'http://evil.example/v1'}", {"GMNER_LLM": "openai:mine"
                                                      }, "has posts sent to a server, with 'base-url'"),
    ("base_url: 'http://evil.example/v1'\nllm: template", {}, "has posts sent to a server"),
])
def test_a_folder_cannot_have_posts_sent_to_a_server(run, dummy, tmp_path, yaml, env, words):
    (tmp_path / "gmner.yaml").write_text(yaml)
    done = run("--task", "knowledge", code=2, env=env)
    assert words in done.stderr and not dummy.made


def test_a_folder_may_choose_what_stays_here_and_the_user_anything(run, dummy, tmp_path):
    (tmp_path / "gmner.yaml").write_text("expand: {llm: 'hf:some', examples: 1}")
    run("--task", "knowledge")
    (tmp_path / "gmner.yaml").write_text("llm: openai:theirs\nbase-url: 'http://evil.example/v1'")
    run("--task", "knowledge", "--llm", "openai:mine", "--base-url", "http://localhost:1")
    assert [(m["name"], m["base_url"]) for m in dummy.made] == [("hf:some", None), ("openai:mine", "http://localhost:1")]


def test_in_a_pipe_and_without_a_model(gmner, tmp_path):
    stdin = "".join(json.dumps(p) + "\n" for p in SMALL_POSTS) + '{"id": "torn"\n'
    first = gmner("expand", "-", "--task", "knowledge", stdin=stdin)
    second = gmner("expand", "-", "--task", "expansions", stdin=first.stdout)
    assert (first.returncode, second.returncode) == (3, 3) and "stdin:5: malformed JSON" in first.stderr
    records = read_jsonl(second.stdout)
    assert records[0]["knowledge"] == [{"text": "Capitalised in the text: London.", "source": "template"}]
    assert records[1]["entities"][0]["expansions"] == [{
        "text": "an organisation", "source": "template", "of": "gold"
    }]
    assert "knowledge" not in records[2] and "1 without an answer" in first.stderr and len(records) == 5
