"""Published pools: ids, knowledge and entities, and the posts that they are about."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.data import load
from gmner_cli.errors import GmnerError
from gmner_cli.language.published.import_captions import ImportCaptions
from gmner_cli.language.published.pools import pool_posts, read_pool
from gmner_cli.language.similar.pool import read_pool as read_examples
from gmner_cli.records import Post
from tests.conftest import read_jsonl, write_jsonl

TEXTS = "12\r\nNamed entities:1. Ada (singer)\r\nO_7\r\nThere are none.\r\n"
LISTS = "12\r\n['Ada', 'PER'], ['Ada's Day', 'OTHER']\r\nO_7\r\nNone\r\n99\r\n[\"O'Hara\", 'PER']\r\n"
POSTS = [{"id": "x", "text": "rain"}, {"id": "O_7", "text": "it rains", "image": "O_7.jpg"}, {
    "id": "12", "text": "Ada sings", "image": "12.jpg", "caption": "a singer", "knowledge": [{"text": "old"}],
    "meta": {"split": "train"}
}]


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pool"
    place.mkdir()

    def write(texts=TEXTS, lists=LISTS):
        (place / "mine.txt").write_bytes(texts if isinstance(texts, bytes) else texts.encode())
        (place / "mine_GPT.txt").write_bytes(lists if isinstance(lists, bytes) else lists.encode())
        return place

    return write


def test_a_pool_as_published(folder):
    entries, odd = read_pool(folder())
    assert [(e.id, e.knowledge, e.entities)
            for e in entries] == [("12", "Named entities:1. Ada (singer)", [("Ada", "PER"),
                                                                            ("Ada's Day", "OTHER")]),
                                  ("O_7", "There are none.", [])]
    assert (entries[1].path, entries[1].line) == (folder() / "mine.txt",
                                                  3) and entries[1].where == f"{folder() / 'mine.txt'}:3"
    (line,) = odd
    assert "mine_GPT.txt:5: entities of 99" in line
    entries, odd = read_pool(folder(lists="12\nNone\n"))
    assert entries[1].entities is None and "mine.txt:3: O_7 has no list of entities" in odd[0]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]),
                min_size=1).filter(lambda n: "', '" not in n and "'], [" not in n)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NAMES, st.sampled_from(["PER", "LOC", "MISC"])), min_size=1, max_size=5))
def test_any_names_come_back(tmp_path_factory, entities):
    place = tmp_path_factory.getbasetemp() / "any-pool"
    place.mkdir(exist_ok=True)
    (place / "p.txt").write_text("1\nsaid\n", encoding="utf-8")
    (place / "p_GPT.txt").write_text("1\n" + ", ".join(f"['{n}', '{t}']" for n, t in entities) + "\n",
                                     encoding="utf-8")
    assert read_pool(place)[0][0].entities == entities


@pytest.mark.parametrize(("texts", "lists", "said"),
                         [(b"", LISTS, "mine.txt: is empty"),
                          (TEXTS, b"\xff\xfe\x00", "mine_GPT.txt:1: is not UTF-8"),
                          (TEXTS + "13\r\n", LISTS, "mine.txt:5: id 13 has no line after it"),
                          (TEXTS.replace("12", "a tale", 1), LISTS, "mine.txt:1: is not an id"),
                          (TEXTS + TEXTS, LISTS, "mine.txt:5: id 12 stands there twice"),
                          (TEXTS, "12\n['Ada', 'PER'\n", "mine_GPT.txt:1: the line after"),
                          (TEXTS, "12\n['Ada', 'PER'], \n", "the line after"),
                          (TEXTS, "12\n__import__('os')\n", "the line after"),
                          (TEXTS, "12\n" + "['a', 'B'], " * 80_000 + "[\n", "the line after")])
def test_what_is_torn_is_refused_with_its_line(folder, texts, lists, said):
    with pytest.raises(GmnerError, match=said) as caught:
        read_pool(folder(texts, lists))
    assert len(str(caught.value)) < 500


def test_another_folder_is_refused(tmp_path, folder):
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(GmnerError, match="is not the folder of a published pool"):
            read_pool(place)
    (folder() / "more.txt").write_text("x")
    with pytest.raises(GmnerError, match="is not the folder of a published pool"):
        read_pool(folder())


def test_posts_come_in_the_pools_order_with_its_knowledge_alone(folder):
    entries, _ = read_pool(folder(TEXTS + "404\r\nSaid of nobody.\r\n"))
    found, report = pool_posts(entries, map(Post.from_builtins, POSTS),
                               {"dev": [Post(id="O_7", text="")], "test": []})
    assert [p.id for p in found] == ["12", "O_7"]
    assert found[0].to_builtins() == {
        "id": "12", "text": "Ada sings", "image": "12.jpg", "caption": "a singer", "meta": {"split": "train"},
        "knowledge": [{"text": "Named entities:1. Ada (singer)", "source": "published:mine.txt"}],
        "annotated": [["Ada", "PER"], ["Ada's Day", "OTHER"]]}
    assert (report.unmatched, report.uncaptioned, report.elsewhere) == (["404"], ["O_7"], {"dev": ["O_7"]})


def test_a_post_stands_in_a_split_by_its_text_too_however_it_is_spaced(folder):
    entries, _ = read_pool(folder())
    others = {
        "dev": [
            Post(id="1", text="ADA  sings"),
            Post(id="1", text="of a doubled id"),
            Post(id="O_7", text="else")
        ], "test": [Post(id="2", text="Ada sang")], "val": [Post(id="12", text="else")]
    }
    _, report = pool_posts(entries, map(Post.from_builtins, POSTS), others)
    assert report.elsewhere == {"dev": ["12", "O_7"], "val": ["12"]} and report.renamed == {"dev": ["12"]}
    assert list(report.lines())[-3:] == [
        "2 stand in dev, and must not be examples there: 12, O_7",
        "1 of them stand there under another id: 12", "1 stand in val, and must not be examples there: 12"
    ]


def test_what_the_account_names_is_what_expand_leaves_out(folder, tmp_path):
    """The same posts as the leak rules of the pool that examples are drawn from."""
    found, report = pool_posts(
        read_pool(folder())[0], map(Post.from_builtins, POSTS), {"dev": [Post(id="1", text="ada SINGS")]})
    pool = write_jsonl(tmp_path / "pool.jsonl", [post.to_builtins() for post in found])
    drawn = read_examples(pool, [write_jsonl(tmp_path / "dev.jsonl", [{"id": "1", "text": "ada SINGS"}])])
    assert [post.id for post, barred in zip(drawn.posts, drawn.barred, strict=True) if barred
            ] == report.elsewhere["dev"] == ["12"]


def test_the_command_writes_a_pool_for_expand(gmner, folder, tmp_path):
    posts = write_jsonl(tmp_path / "train.jsonl", POSTS)
    done = gmner("pool", folder(), "--posts", posts, "--against", posts)
    assert done.returncode == 0, done.stderr
    assert [r["id"] for r in read_jsonl(done.stdout)] == ["12", "O_7"]
    for said in ("entities of 99", "2 annotated posts", "1 have no caption, which examples show: O_7",
                 "2 stand in"):
        assert said in done.stderr


def test_the_published_pools_and_their_leaks(shared):
    """39 of the pools' posts stand in the test split of Twitter-GMNER by id, 42 in its dev split, and there
    one more by its text."""
    texts = shared / "data/twitter-gmner-v2/txt"
    gmner_splits = {split: load("conll", texts / f"{split}.txt")[split] for split in ("train", "dev", "test")}
    leaks, renamed = {"train": 0, "dev": 0, "test": 0}, []
    for year, count, unknown in (("2015", 123, 0), ("2017", 202, 2)):
        entries, odd = read_pool(shared / f"data/pgim/annotated-{year}")
        assert (len(entries), len(odd)) == (count, unknown) and all(e.entities is not None for e in entries)
        train = load(f"twitter-{year}", shared / f"data/twitter-{year}")["train"]
        train = ImportCaptions([shared / f"data/captions/BLIP2_{year[2:]}.txt"])(train)
        found, report = pool_posts(entries, train, gmner_splits)
        assert (len(found), report.unmatched, report.uncaptioned) == (count, [], [])
        for split, ids in report.elsewhere.items():
            alone = report.renamed.get(split, [])
            leaks[split] += len(ids) - len(alone)
            renamed += [(split, identity) for identity in alone]
    assert leaks == {"train": 198, "dev": 42, "test": 39} and renamed == [("dev", "O_1761")]
