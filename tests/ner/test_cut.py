"""How plain text is cut into words: as the training tokens were."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.errors import ModelError
from gmner_cli.ner.cut import BETWEEN_DIGITS, FRONT, INNER, PENN, Cut, learn

TWEET = "RT @Some_One: Stephen Curry's O'Neal don’t rock 'n' roll U.S. 3.5 10,000 game-winner #GoTeam http://t.co/x1..."


def cut(text: str, how: Cut = Cut()) -> list[str]:
    return [text[a:b] for a, b in how.spans(text)]


def signs(known: str) -> st.SearchStrategy[str]:
    return st.sets(st.sampled_from(known)).map(lambda some: "".join(sorted(some)))


cuts = st.builds(Cut, inner=signs(INNER), digits=signs(BETWEEN_DIGITS), front=signs(FRONT),
                 clitics=st.booleans(), links=st.booleans(), runs=st.booleans(), whole=st.booleans())
texts = st.text(max_size=40) | st.text("aBn9'’ʼst.-_/&@#$,:%… \u0301\u200d🎉東http:/www.", max_size=40)


@given(texts, cuts)
@settings(max_examples=150, deadline=None)
def test_every_visible_character_is_in_exactly_one_word_however_texts_are_cut(text, how):
    spans = how.spans(text)
    assert all(a < b for a, b in spans) and all(x[1] <= y[0] for x, y in zip(spans, spans[1:], strict=False))
    inside = {i for a, b in spans for i in range(a, b)}
    assert all((i in inside) != c.isspace() for i, c in enumerate(text))


@pytest.mark.parametrize(("text", "words"), [
    ("Stephen Curry's", "Stephen Curry ' s"),
    ("Curry’s O’Neal", "Curry ’ s O ’ Neal"),
    ("Curryʼs", "Curry ʼ s"),
    ("McDonald's rock 'n' roll", "McDonald ' s rock ' n ' roll"),
    ("the Warriors' don't", "the Warriors ' don ' t"),
    ("U.S. 3.5 10,000 No.1", "U . S . 3.5 10 , 000 No . 1"),
    ("game-winner 2-1 9/11", "game-winner 2-1 9 / 11"),
    ("(https://t.co/aB1).", "( https://t.co/aB1 ) ."),
    ("www.bbc.co.uk, http://t.co/x… http://x.y/z東京", "www.bbc.co.uk , http://t.co/x… http://x.y/z 東 京"),
    ("R&amp;B AT&T", "R &amp ; B AT & T"),
])
def test_what_is_not_learnt_is_as_in_twitter_gmner(text, words):
    assert cut(text) == words.split()


def test_facts_of_the_data_sets(shared):
    """The defaults are Twitter-GMNER's; 2015 keeps handles and hashtags whole, 2017 cuts every hyphen."""
    files = {
        "twitter-gmner": "twitter-gmner-v2/txt/train.txt", "twitter-2015": "twitter-2015/train.txt",
        "twitter-2017": "twitter-2017/train.txt"
    }
    found = {}
    for name, file in files.items():
        posts = (shared / "data" / file).read_text(encoding="utf-8").split("\n\n")
        found[name] = learn([line.split("\t")[0]
                             for line in post.splitlines()
                             if "\t" in line]
                            for post in posts)
    assert found["twitter-gmner"] == Cut()
    assert found["twitter-2015"].front == "@#" and "-" in found["twitter-2015"].inner
    assert found[
        "twitter-2017"].front == "" and "-" not in found["twitter-2017"].inner + found["twitter-2017"].digits
    assert not any("'" in how.inner or how.clitics for how in found.values())


@pytest.mark.parametrize(("tokens", "text", "words"), [
    ("He said don't and Curry's O'Neal", "It's McDonald's, Neal’s", "It's McDonald's , Neal’s"),
    ("do n't Curry 's I 'm", "Stephen Curry's can't O'Neal we’re he 's", "Stephen Curry 's ca n't O'Neal we "
                                                                         "’re he 's"),
    ("all - time 3 - 1 X - Men", "X-Men 2-0", "X - Men 2 - 0"),
    ("@user #tag", "@ann hi #x @ #", "@ann hi #x @ #"),
    ("@ user # tag", "@ann #x", "@ ann # x"),
    ("the U.S. in D.C.", "U.S. here.Now t.co", "U.S. here . Now t . co"),
    ("10,000 or 7:30", "5,000 8:15 a,b c:d", "5,000 8:15 a , b c : d"),
    ("http : / / t . co", "http://x.yz/a", "http : / / x . yz / a"),
    ("so ... -- wow !!!", "no... yes!! -", "no ... yes !! -"),
    ("in London, in Paris! in Rome? in Bern: or", "Oslo, (Ulm) it's", "Oslo, (Ulm) it's"),
    ("a _ b some_one any_one", "x_y", "x_y"),
])
def test_texts_are_cut_as_the_training_tokens_were(tokens, text, words):
    assert cut(text, learn([tokens.split()])) == words.split()


def test_one_odd_token_among_many_changes_nothing():
    usual = [["Curry", "'", "s", "ball", ",", "@", "ann", "!"]] * 9
    assert learn([*usual, ["Kerr's"], ["Yahoo!"], ["@bob"]]) == Cut()


def test_a_name_keeps_its_apostrophe_where_only_what_hangs_on_it_is_cut():
    assert " ".join(cut(TWEET, PENN)) == ("RT @ Some _ One : Stephen Curry 's O'Neal do n’t rock ' n ' roll "
                                          "U.S. 3.5 10,000 "
                                "game-winner # GoTeam http://t.co/x1 . . .")


@pytest.mark.parametrize("odd", [{"inner": "]"}, {"inner": 3}, {"other": 1}, 5, {"front": "a"}])
def test_facts_that_say_nonsense_are_refused(odd):
    with pytest.raises(ModelError, match="cut"):
        Cut.of({"cut": odd})
    assert Cut.of({}) == Cut()


def test_what_hangs_on_initials_is_a_word_too():
    assert [[text[a:b]
             for a, b in PENN.spans(text)]
            for text in ("U.S.'s", "J.R.’s", "U.S. 's")] == [["U.S.", "'s"], ["J.R.", "’s"], ["U.S.", "'s"]]
