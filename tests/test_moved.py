"""One table of what was called otherwise: class paths in files, users' imports, the protocol of models."""

from __future__ import annotations

import importlib
import operator
import re
import subprocess
import sys

import pytest

from gmner_cli import moved
from gmner_cli.classes.class_paths import find_class
from gmner_cli.errors import GmnerError
from gmner_cli.files.digest import sha256
from gmner_cli.flow.sink import Sink
from gmner_cli.model import Model
from gmner_cli.moved import current
from gmner_cli.records import Post
from tests.conftest import ROOT, read_jsonl
from tests.test_compatibility import call, near, then, train  # noqa: F401 - fixtures among them

HOME = "gmner_cli"


@pytest.fixture
def table(monkeypatch):
    """``table(MODULES={...}, ...)`` adds lines to the tables; all that came of them is gone afterwards."""
    modules = dict(sys.modules)
    bodies = {kind: dict(vars(kind)) for kind in Model.__mro__[:-1]}
    monkeypatch.setattr(moved, "_said", set())

    def add(**lines):
        for name, more in lines.items():
            monkeypatch.setattr(moved, name, {**getattr(moved, name), **more})

    yield add
    for name, module in [one for one in sys.modules.items() if one[0].startswith(f"{HOME}.")]:
        above, _, own = name.rpartition(".")
        if name in modules and module is not modules[name]:
            sys.modules[name] = modules[name]
            setattr(sys.modules[above], own, modules[name])
        elif module.__name__ != name or isinstance(module.__loader__, moved._Moved):
            del sys.modules[name]
            if hasattr(sys.modules.get(above), own):
                delattr(sys.modules[above], own)
    for kind, body in bodies.items():
        for name in {*moved.RENAMED_ATTRIBUTES, *moved.RENAMED_ATTRIBUTES.values()} & vars(kind).keys():
            if name not in body:
                delattr(kind, name)
            elif vars(kind)[name] is not body[name]:
                setattr(kind, name, body[name])


def lines(capsys) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_every_line_leads_to_what_there_is():
    for old, new in moved.MODULES.items():
        assert importlib.import_module(old) is importlib.import_module(new) and current(new) == new, old
    for old, new in moved.NAMES.items():
        was, now = (operator.attrgetter(name)(importlib.import_module(module))
                    for module, name in (path.split(":") for path in (old, new)))
        assert was is now and current(new) == new, old
    for old, new in moved.RENAMED_ATTRIBUTES.items():
        assert old != new and hasattr(Model, new), old


def test_every_file_is_one_that_there_is():
    shipped = {sha256(path) for path in (ROOT / "gmner_cli").rglob("*.json")}
    assert moved.FILES and set(moved.FILES.values()) <= shipped and not shipped & set(moved.FILES)


def test_a_run_that_read_a_shipped_file_as_it_was_goes_on(tmp_path):
    (old, new), post = next(iter(moved.FILES.items())), Post(id="a", text="a")
    sink = Sink(tmp_path / "out.jsonl", config={"command": "expand", "similar_by": ["1", old]})
    sink.begin()
    sink.write(post)
    sink.close()
    config = {"command": "expand", "similar_by": ["1", new]}
    assert Sink(tmp_path / "out.jsonl", resume=True, config=config).finished
    with pytest.raises(GmnerError, match="similar_by"):
        Sink(tmp_path / "out.jsonl", resume=True, config={**config, "similar_by": [new, "1"]})


def test_a_path_is_followed_through_modules_packages_and_names(table):
    table(MODULES={"gmner_cli.a": "gmner_cli.room.a", "gmner_cli.room.a": "gmner_cli.hall.a",
                   "gmner_cli.p": "gmner_cli.q", "gmner_cli.p.odd": "gmner_cli.r",
                   "gmner_cli.x": "gmner_cli.x.y"},
          NAMES={"gmner_cli.a:Old": "gmner_cli.room.a:New"})
    for old, new in {"a:Other": "hall.a:Other", "a:Old": "hall.a:New", "p.deep.er:C": "q.deep.er:C",
                     "p.odd:C": "r:C", "x": "x.y", "x.y": "x.y"}.items():
        assert current(f"{HOME}.{old}") == f"{HOME}.{new}"
    for same in ("gmner_cli.app:A", "gmner_cli.pp:A", "gmner_cli", "mine.py:Old", "gmner_cli/a.py:C", ":"):
        assert current(same) == same


@pytest.fixture
def elsewhere(then, table):  # noqa: F811
    """What was made then, as if shipped models and stages had been called otherwise at the time."""
    paths = set()
    for file in then.rglob("*.json"):
        paths.update(re.findall(r'"(?:model|stage)": "(gmner_cli\.[\w.]+:\w+)"', file.read_text()))
    assert len(paths) >= 5
    names = {path: f"{HOME}.former.{path.split(':')[1].lower()}:Former{path.split(':')[1]}" for path in paths}
    for file in [*then.rglob("*.json"), *then.glob("*.yaml")]:
        text = file.read_text()
        for path, former in names.items():
            text = text.replace(f'"{path}"', f'"{former}"')
        file.write_text(text)
    assert f"{HOME}.former." in (then / "tagger" / "config.json").read_text()
    table(NAMES={former: current(path) for path, former in names.items()})
    return then


def test_checkpoints_load_by_their_old_paths(elsewhere, call):  # noqa: F811
    now, expected = elsewhere / "now.jsonl", elsewhere / "tiny.found.jsonl"
    done = call("predict", elsewhere / "dev.jsonl", "--recipe", elsewhere / "tiny.yaml", "-o", now)
    assert done.code == 0 and "is now" not in done.err, done.err
    assert near(*(read_jsonl(file.read_text()) for file in (now, expected)))


@pytest.mark.parametrize("name", ["tagger", "one_stage", "finds"])
def test_trainings_go_on_by_their_old_paths(elsewhere, call, name):  # noqa: F811
    done = call(*train(elsewhere, name, "-o", elsewhere / f"half_{name}", "--resume"))
    assert done.code == 0 and f"{HOME}.former" not in done.err, done.err
    assert f"{HOME}.former" not in (elsewhere / f"half_{name}" / "config.json").read_text()


def test_a_predict_goes_on_by_its_old_paths(elsewhere, call):  # noqa: F811
    assert f"{HOME}.former" in (elsewhere / "half_own.jsonl.run.json").read_text()
    done = call("predict", elsewhere / "dev.jsonl", "--recipe", elsewhere / "own.yaml",
                "-o", elsewhere / "half_own.jsonl", "--resume")
    assert done.code == 0 and "1 were finished before" in done.err, done.err


def test_recipes_name_old_classes(elsewhere, call):  # noqa: F811
    from gmner_cli.recipes import load

    mini = load("mini")
    former = next(old for old, new in moved.NAMES.items() if new == mini.section("ner").model)
    asked = next(old for old, new in moved.NAMES.items() if new == mini.section("expressions").stage)
    mine = elsewhere / "mine.yaml"
    mine.write_text(f"extends: mini\nner: {{model: '{former}'}}\nexpressions: {{stage: '{asked}'}}\n")
    recipe = load(str(mine))
    for section in ("ner", "expressions"):
        assert recipe.values[section] == mini.values[section]
    assert load("mini", [f"ner.model={former}"]).section("ner") == mini.section("ner")
    assert find_class(former) is find_class(mini.section("ner").model)
    done = call("predict", elsewhere / "plain.jsonl", "--recipe", mine, "--set", "stages=[ner, expressions]",
                "-o", elsewhere / "now.jsonl")
    assert done.code == 0, done.err


USES = {
    "import gmner_cli.data.former": "gmner_cli.data.former",
    "import gmner_cli.attic.places as former": "gmner_cli.attic.places",
    "from gmner_cli.gone.deep import places": "gmner_cli.gone.deep.places",
    "from gmner_cli.data.former import place": "gmner_cli.data.former",
}


@pytest.mark.parametrize(("use", "old"), USES.items())
def test_a_module_that_moved_is_imported_under_its_old_name_with_one_line(table, capsys, use, old):
    places = importlib.import_module("gmner_cli.recipes.places")
    table(MODULES={"gmner_cli.data.former": places.__name__, "gmner_cli.gone.deep.places": places.__name__,
                   "gmner_cli.attic": places.__package__})
    spec = places.__spec__
    for _ in range(2):
        for module in ("mine", "another"):
            exec(use, {"__name__": module})
    assert lines(capsys) == [
        f"gmner: {old} is now {places.__name__}; the old name goes with the next release"]
    assert sys.modules[old] is places and places.__spec__ is spec and places.__name__ == spec.name


def test_gmners_own_imports_are_told_nothing(table, capsys):
    table(MODULES={"gmner_cli.data.former": "gmner_cli.recipes.places"},
          NAMES={"gmner_cli.classes.shipped:former": "gmner_cli.classes.shipped:is_shipped"})
    del sys.modules["gmner_cli.classes.shipped"]
    use = "import gmner_cli.data.former\nfrom gmner_cli.classes.shipped import former"
    exec(use, {"__name__": "gmner_cli.within"})
    assert lines(capsys) == []


def test_a_name_that_is_gone_from_a_module_is_found(table, capsys):
    name = "gmner_cli.classes.shipped"
    table(NAMES={f"{name}:former": f"{name}:is_shipped", f"{name}:far": "gmner_cli.records.rle:read",
                 "gmner_cli.before:earlier": f"{name}:is_shipped"},
          MODULES={"gmner_cli.before": name})
    del sys.modules[name]
    space = {"__name__": "mine"}
    exec("from gmner_cli.classes.shipped import former, far\nfrom gmner_cli.before import earlier", space)
    assert space["former"] is space["earlier"] is importlib.import_module(name).is_shipped
    assert space["far"] is importlib.import_module("gmner_cli.records.rle").read
    told = lines(capsys)
    assert [line.split()[1] for line in told] == [
        f"{name}.former", f"{name}.far", "gmner_cli.before", "gmner_cli.before.earlier"]
    with pytest.raises(ImportError):
        exec("from gmner_cli.classes.shipped import never_there", space)
    with pytest.raises(ModuleNotFoundError):
        exec("import gmner_cli.never_there", space)


def test_models_have_the_mechanism(table, capsys):
    table(RENAMED_ATTRIBUTES={"former_metric": "metric", "former_blank": "blank"})

    class Mine(Model):
        finds = ("entities",)
        former_metric = "accuracy"

        def former_blank(self, post):
            return super().former_blank(post)

    assert Mine.metric == "accuracy" and "blank" in vars(Mine)
    assert [line.split()[1] for line in lines(capsys)] == ["Mine.former_metric", "Mine.former_blank"]


def test_a_users_tagger_of_then_does_all_that_it_did(then, table, call):  # noqa: F811
    renamed = {"load_time": "adjustable", "fact_bound": "label_weights", "ready": "prepare_to_predict"}
    table(RENAMED_ATTRIBUTES=renamed)
    now = then / "now.jsonl"
    done = call("predict", then / "dev.jsonl", "--recipe", then / "own.yaml", "-o", now,
                "--set", "ner.settings.least=0.7")
    assert done.code == 0, done.err
    assert near(*(read_jsonl(file.read_text()) for file in (now, then / "least.found.jsonl")))
    told = [line.split()[1:5:3] for line in done.err.splitlines() if "is now" in line]
    assert sorted(words for words in told if words[0].startswith("Letters.")) == sorted(
        [f"Letters.{old}", f"{new};"] for old, new in renamed.items())


def test_starting_imports_neither_torch_nor_more_than_it_must():
    code = "import sys, gmner_cli; print(*{name.partition('.')[0] for name in sys.modules}, *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {*done.stdout.split()}
    assert "gmner_cli.moved" in loaded and not {"torch", "tempfile", "typer"} & loaded
