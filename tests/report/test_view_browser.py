"""The page's script in a real browser: filters, counts, hover, keys, and the content policy."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gmner_cli.records import Entity, Expansion, Post
from gmner_cli.report import render_page

SAMPLE = Path(__file__).parents[2] / "sample_data"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def dump(page: str, tmp_path: Path, address: str = "", script: str = "") -> str:
    """The document after its scripts ran. ``script`` acts as the reader's hands; the policy gives way for
    it."""
    if script:
        page = POLICY.sub("", page).replace("</body>", f"<script>{script}</script></body>")
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    done = subprocess.run([
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
        f"file://{path}{address}"
    ], capture_output=True, text=True, timeout=90, check=True)
    return done.stdout


def shown(dom: str) -> list[str]:
    articles = re.findall(r'<article (id="post-\d+"[^>]*)>', dom)
    return [
        re.search(r'id="post-(\d+)"', a)[1]
        for a in articles
        if " hidden" not in a.replace('data-search="', "", 1)
    ]


def counts(dom: str) -> dict[str, int]:
    return {name: int(count) for name, count in
            re.findall(r'data-name="([^"]*)"[^>]*>[^<]*<b>(\d+)</b>', dom)}


POSTS = (
    ("Curry beats the Warriors", [("Curry", "PER", True), ("Warriors", "ORG", True)]),
    ("Swift sings at Wembley", [("Swift", "PER", True), ("Wembley", "LOC", False)]),
    ("NASA lifts off from Canaveral", [("NASA", "ORG", True), ("Canaveral", "LOC", False)]),
    ("typical London weather at Big Ben", [("London", "LOC", False), ("Big Ben", "LOC", True)]),
    ("hello iPhone goodbye Samsung", [("iPhone", "OTHER", True), ("Samsung", "ORG", False)]),
)


def gold_posts() -> list[Post]:
    posts = []
    for number, (text, named) in enumerate(POSTS, 1):
        entities = [
            Entity(start=text.index(name), end=text.index(name) + len(name), text=name, type=kind,
                   boxes=[(20.0, 30.0, 120.0, 200.0)] if seen else [],
                   expansions=[Expansion(text="a tower of yellow stone" if name == "Big Ben" else "a thing")])
            for name, kind, seen in named
        ]
        posts.append(
            Post(id=str(number), text=text, image=f"s0{number}.jpg", image_size=(256, 256),
                 entities=entities))
    return posts


@pytest.fixture(scope="module")
def page() -> str:
    """Five posts with one error each, and one that is right."""
    gold, found = gold_posts(), gold_posts()
    found[0].entities[0].type = "ORG"
    found[1].entities[0].boxes = []
    found[2].entities.pop(0)
    found[3].entities.append(Entity(start=0, end=7, type="OTHER", boxes=[]))
    return render_page(found, gold, SAMPLE / "images", "five")


def test_opening_it_shows_all(page, tmp_path):
    dom = dump(page, tmp_path)
    assert shown(dom) == ["1", "2", "3", "4", "5"]
    assert counts(dom) == {
        "correct": 7, "wrong-type": 1, "wrong-span": 0, "missed": 1, "spurious": 1, "wrong-region": 0,
        "wrongly-grounded": 0, "wrongly-none": 1, "span": 9, "MNER": 8, "EEG": 8, "GMNER": 7, "PER": 2,
        "LOC": 4, "ORG": 4, "OTHER": 2
    }


def test_the_address_filters(page, tmp_path):
    dom = dump(page, tmp_path, "#kind=missed,wrong-type&type=ORG")
    assert shown(dom) == ["1", "3"]
    assert '<span id="status" role="status" aria-live="polite">2 of 5 posts, 2 entities</span>' in dom
    # What a button counts follows the other group: of ORG one is missed, one is of the wrong type.
    assert counts(dom)["missed"] == 1 and counts(dom)["wrongly-none"] == 0


def test_search_looks_in_texts_and_expansions(page, tmp_path):
    assert shown(dump(page, tmp_path, "#q=yellow%20stone")) == ["4"]
    assert shown(dump(page, tmp_path, "#q=zzz")) == []


def test_hovering_a_span_lights_its_box_and_row(page, tmp_path):
    dom = dump(page, tmp_path, script="""
        document.querySelector('#post-4 mark[data-tag="LOC"].found:last-of-type')
          .dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));""")
    hot = re.findall(r'<(\w+) (?:[^>]* )?class="[^"]*\bhot\b[^"]*"', dom)
    assert {"mark", "g", "tr"} <= set(hot)
    assert re.search(r'<article id="post-4" class="card lit"', dom)


def test_keys_move_and_switch(page, tmp_path):
    dom = dump(
        page, tmp_path, script="""
        const press = (key) => document.body.dispatchEvent(
            new KeyboardEvent("keydown", {key, bubbles: true}));
        press("j"); press("j"); press("j"); press("k"); press("m");""")
    assert re.search(r'<article id="post-2" class="card current"', dom)
    assert re.search(r'<body class="no-masks">', dom)


def test_clicking_a_filter_is_kept_in_the_address(page, tmp_path):
    dom = dump(page, tmp_path, script="""
        document.querySelector('[data-name="missed"]').click();
        document.title = location.hash;""")
    assert "<title>#kind=missed</title>" in dom and shown(dom) == ["3"]


def test_a_hostile_tweet_stays_text(tmp_path):
    dom = dump(render_page([Post(id=EVIL, text=EVIL, caption=EVIL)], None, SAMPLE, "safe"), tmp_path)
    assert "<title>safe</title>" in dom and dom.count("<script>") == 1


def test_the_policy_stops_a_foreign_script_and_admits_ours(page, tmp_path):
    foreign = page.replace("</body>", "<script>document.title='owned'</script></body>")
    dom = dump(foreign, tmp_path, "#kind=missed")
    assert "<title>five</title>" in dom and shown(dom) == ["3"]
