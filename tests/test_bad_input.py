"""Everything hostile at once through the real command: one valid record out for every line in, in order, with
a reason."""

from __future__ import annotations

import json

import pytest

from gmner_cli.records import Post
from gmner_cli.records.jsonl import read_lines
from tests.conftest import read_jsonl, write_jsonl
from tests.test_images import KINDS, broken, ramp16
from tests.test_jsonl import BAD_LINES
from tests.test_records import BAD

TWEETS = [
    "RT @NASA: Allen 👨‍👩‍👧‍👦 swims in 🇬🇧London🇬🇧 https://t.co/aB1?x=%F0#é",
    "#London#Paris @Maria_Silva... “Allen”—NASA’s",
    "لندن Allen نيويورك \u202eParis\u202c \u200fMaria",
    "東京でAllenがParisのNASAと",
    "Zu\u0308rich e\u0301 Alle\u0301n \u0915\u094d\u0937\u093f \u0e01\u0e33",
    "Allen\u2028London\u2029Paris\x85NASA\x0bMaria\x1cSilva",
    "Allen\tin\nLondon\r\n\r\nParis",
    "Allen\x00NASA\x00\x00 London",
    "\u200b\u200d\ufeff",
    "   ",
    "",
    "\n",
    "Allen" * 500,
    "👍" * 300,
    "Allen swims in London " * 100,
    "𝓐𝓵𝓵𝓮𝓷 in 𝕃𝕠𝕟𝕕𝕠𝕟 ℕ𝔸𝕊𝔸",
    "\x1b[31mLondon\x1b[0m",
    "&amp; &lt;b&gt;London&lt;/b&gt; <script>",
    "İstanbul ıssız ŞİŞLİ Straße ﬁne ǅ ŉ",
    "\U0010ffff\ue000\ufffe London",
]
"""Texts on which character offsets go wrong: by UTF-16 counting, normalising, lower-casing, stripping or
splitting lines."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Texts and broken lines; the file and the number of its non-blank lines."""
    lines = [line for line, _ in BAD_LINES.values()]
    lines += [json.dumps({**record, "id": f"bad {n}"} if record["id"] == "p" else record).encode()
              for n, (record, _) in enumerate(BAD.values())]
    lines += [b"", b"  \t "]
    lines += [
        json.dumps({"id": f"tweet {n}", "text": text}, ensure_ascii=n % 2 == 0).encode()
        for n, text in enumerate(TWEETS)
    ]
    lines += [json.dumps({"text": text}).encode() for text in TWEETS[:3]]
    lines += [
        b'{"id": "tweet 0", "text": "Allen again"}', b'{"id": "windows", "text": "Allen in London"}\r',
        b"\xef\xbb\xbf" + b'{"id": "bom", "text": "Allen in London"}',
        json.dumps({"id": "large", "text": "Allen in London", "payload": "ö" * 2_500_000}).encode(),
        json.dumps({"id": "n\n\x1b[31m", "text": "Allen"}).encode(),
        json.dumps({
            "id": "own fields", "text": "Allen", "input": "mine", "extra": {"a": None}, "big": 2 ** 80,
            "error": "an older one"
        }).encode(), b'{"id": "last", "text": "Allen in London"}'
    ]
    file = tmp_path_factory.mktemp("hostile") / "posts.jsonl"
    file.write_bytes(b"\n".join(lines))
    return file, sum(1 for line in lines if line.strip())


@pytest.fixture(scope="module")
def run_on_hostile(gmner, tiny_tagger, hostile):
    return gmner("predict", "--texts", hostile[0], "--ner", tiny_tagger, "--offline", "--device", "cpu")


def test_every_line_gives_one_valid_record_in_order(run_on_hostile, hostile, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_bytes(run_on_hostile.stdout.encode())
    back, source = list(read_lines(out)), list(read_lines(hostile[0]))
    assert len(back) == hostile[1] == len(run_on_hostile.stdout.encode().rstrip(b"\n").split(b"\n"))
    assert [line.error for line in back] == [None] * len(back)
    assert [line.post.id for line in back] == [line.id for line in source]
    assert len({line.post.id for line in back}) == len(back)
    for made, came in zip(back, source, strict=True):
        if came.error is None:
            assert made.post.error is None and made.post.text == came.post.text
            assert made.post.entities is not None
        else:
            assert made.post.error == came.error.reason and made.post.extra["unreadable"] == came.raw
    own = next(line.post for line in back if line.post.id == "own fields")
    assert own.extra == {"input": "mine", "extra": {"a": None},
                         "big": 2 ** 80}, "unknown fields pass, an old error is gone"


def test_the_failures_are_listed_by_line_and_the_exit_code_is_3(run_on_hostile, hostile):
    done, (file, _) = run_on_hostile, hostile
    failed = [line for line in read_lines(file) if line.error]
    assert sum("duplicate" in str(line.error) for line in failed) == 1, "the others have reasons of their own"
    assert done.returncode == 3
    assert len(failed) > 40 and f"{len(failed)} records failed" in done.stderr
    assert f"{file}:1: malformed JSON" in done.stderr
    assert "Traceback" not in done.stderr and "\x1b" not in done.stderr and len(done.stderr) < 10_000


def test_spans_are_exact_on_texts_where_offsets_go_wrong(run_on_hostile):
    records = {r["id"]: r for r in map(json.loads, run_on_hostile.stdout.split("\n")[:-1])}
    found = 0
    for number, text in enumerate(TWEETS):
        entities = records[f"tweet {number}"]["entities"]
        for before, after in zip(entities, entities[1:], strict=False):
            assert before["end"] <= after["start"]
        for entity in entities:
            assert 0 <= entity["start"] < entity["end"] <= len(text)
            assert entity["text"] == text[entity["start"]:entity["end"]]
            assert not entity["text"][0].isspace() and not entity["text"][-1].isspace()
        found += len(entities)
    assert found > 20, "the tagger must find something for this to mean anything"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A folder of pictures good and broken, posts that name them, and for each whether it can be read."""
    folder = tmp_path_factory.mktemp("gallery")
    images = folder / "images"
    images.mkdir()
    good = dict.fromkeys(KINDS, True)
    for name, (make, _) in KINDS.items():
        make(images / name)
    bad = dict.fromkeys(broken(images), False)
    ramp16().save(folder / "outside.png")
    (images / "leads out.png").symlink_to("../outside.png")
    outside = dict.fromkeys(("../outside.png", str(folder / "outside.png"), "leads out.png", "/etc/passwd"),
                            False)
    names = {**good, **bad, **outside}
    posts = write_jsonl(folder / "posts.jsonl", [{
        "id": f"p{n}", "text": "Allen swims in London", "image": name,
        "entities": [{"start": 0, "end": 1, "type": "GOLD"}], "mine": n
    } for n, name in enumerate(names)] + [{"id": "none", "text": "Allen swims in London"}])
    return posts, images, names


@pytest.fixture
def look(gmner, gallery, tiny_tagger):
    def run(policy):
        done = gmner("predict", "--texts", gallery[0], "--images", gallery[1], "--ner", tiny_tagger,
                     "--offline", "--device", "cpu", "--on-missing-image", policy, timeout=120)
        assert "Traceback" not in done.stderr
        records = read_jsonl(done.stdout)
        assert [r["id"] for r in records] == [f"p{n}" for n in range(len(gallery[2]))] + ["none"]
        assert [r.get("image") for r in records] == [*gallery[2], None], "the name of a picture is never lost"
        assert [r.get("mine") for r in records] == [*range(len(gallery[2])), None]
        for record in records:
            Post.from_builtins(record).check()
        for record, good in zip(records, [*gallery[2].values(), True], strict=True):
            if good:
                assert not {"error", "skipped", "image_problem"} & set(record)
                assert [e["text"] for e in record["entities"]] == ["Allen", "London"]
        assert all("image_size" in r for r, good in zip(records, gallery[2].values(), strict=False) if good)
        return done, [r for r, good in zip(records, gallery[2].values(), strict=False) if not good]

    return run


def test_missing_image_error_marks_the_post_and_ends_with_3(look):
    done, records = look("error")
    assert done.returncode == 3 and f"{len(records)} records failed" in done.stderr
    assert all(r["error"] and "skipped" not in r for r in records)
    assert [e["type"]
            for e in records[0]["entities"]] == ["GOLD"], "a failed post is as it came in, to be tried again"
    said = {r["image"]: r["error"] for r in records}
    assert "leaves the image folder" in said["leads out.png"] and "is not a file" in said["fifo.jpg"]


def test_missing_image_skip_passes_the_post_as_it_came(look):
    done, records = look("skip")
    assert done.returncode == 0
    assert f"{len(records) + len(KINDS) + 1} posts ({len(records)} skipped: " in done.stderr
    assert all(r["skipped"] and "error" not in r for r in records)
    assert all([e["type"] for e in r["entities"]] == ["GOLD"] for r in records), "not processed"


def test_missing_image_text_only_reads_the_text_and_keeps_the_name(look):
    done, records = look("text-only")
    assert done.returncode == 0
    assert all(r["image_problem"] and "error" not in r and "skipped" not in r for r in records)
    assert all([e["text"] for e in r["entities"]] == ["Allen", "London"] for r in records)
