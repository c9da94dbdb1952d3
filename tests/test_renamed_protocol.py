"""Renamed parts of the protocol of models: a class in the old words works, and is told of the new ones."""

from __future__ import annotations

from gmner_cli import moved
from gmner_cli.moved import keep_old_names
from tests.test_moved import lines


def family(monkeypatch, **body):
    """Classes as gmner has them, by the new names: a base, and one that extends it with a mixin."""
    monkeypatch.setattr(moved, "RENAMED_ATTRIBUTES", {"was_set": "is_set", "was_done": "is_done"})
    monkeypatch.setattr(moved, "RENAMED_PARAMETERS", {"site": "source"})
    monkeypatch.setattr(moved, "_said", set())
    space = {"__name__": "gmner_cli.family", "keep_old_names": keep_old_names}
    exec("""
class Base:
    is_set = frozenset()
    def __init__(self, config, source):
        self.source, self.did = source, []
    def __init_subclass__(cls):
        keep_old_names(cls)
    def is_done(self):
        self.did.append("base")
class Mixin:
    def is_done(self):
        super().is_done()
        self.did.append("mixin")
class Middle(Mixin, Base):
    pass
""", space)
    return space["Base"], space["Middle"]


def test_a_subclass_in_old_words_works_and_is_told_once(monkeypatch, capsys):
    base, middle = family(monkeypatch)

    class Mine(middle):
        was_set = frozenset({"threshold"})

        def __init__(self, config, site):
            super().__init__(config, site=site)

        def was_done(self):
            super().was_done()
            self.did.append("mine")

    class Child(Mine):
        def is_done(self):
            super().is_done()
            self.did.append("child")

    told = lines(capsys)
    assert told == [f"gmner: Mine.{old} is now {new}; the old name goes with the next release"
                    for old, new in (("was_set", "is_set"), ("was_done", "is_done"))]
    one, child = Mine(None, "here"), Child(None, "here")
    assert one.source == "here" and lines(capsys) == [
        f"gmner: {kind}(site=) is now source=; the old name goes with the next release"
        for kind in ("Mine", "Child")]
    one.is_done()
    child.was_done()
    assert one.did == ["base", "mixin", "mine"] and child.did == [*one.did, "child"]
    assert Mine.is_set == one.is_set == Mine.was_set == one.was_set == child.was_set == {"threshold"}
    one.was_done()
    assert [line for line in lines(capsys) if line.startswith("gmner: Mine.")] == []
    assert base.is_set == frozenset()


def test_old_names_are_read_and_set_on_one_of_gmners_own(monkeypatch, capsys):
    base, middle = family(monkeypatch)

    class Mine(middle):
        def is_done(self):
            return super().was_done()

    one = Mine(None, "here")
    assert one.was_set == frozenset() and Mine.was_set == frozenset() and lines(capsys) == [
        "gmner: Mine.was_set is now is_set; the old name goes with the next release"]
    one.was_set = frozenset({"a"})
    assert one.is_set == one.was_set == frozenset({"a"}) and Mine.is_set == frozenset()
    one.is_done()
    assert one.did == ["base", "mixin"]
    assert [line.split()[1] for line in lines(capsys)] == ["Mine.was_done"]
    exec("one.was_set", {"__name__": "gmner_cli.loads", "one": middle(None, "x")})
    assert lines(capsys) == []


def test_a_mixin_of_a_users_own_in_old_words(monkeypatch, capsys):
    base, middle = family(monkeypatch)

    class Extra:
        was_set = frozenset({"extra"})

        @property
        def was_done(self):
            return "a property"

    class Mine(Extra, middle):
        pass

    one = Mine(None, "here")
    assert (Mine.is_set, one.is_done) == (frozenset({"extra"}), "a property") and len(lines(capsys)) == 2
