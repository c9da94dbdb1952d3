"""Which backend a name means, and that nothing is imported before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.language.llm import make
from tests.conftest import ROOT


@pytest.mark.parametrize(("name", "hint"), [("smolm2", "did you mean 'smollm2'?"), ("hf:", "hf:ID_OR_PATH"),
                                            ("openai", "openai:MODEL"), ("", "known: ")])
def test_an_unknown_name_is_refused_and_leaves_no_store(name, hint, tmp_path):
    with pytest.raises(UsageError) as refused:
        make(name, runtime=None, store=tmp_path / "answers.sqlite")
    assert hint in refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_none_is_noticed_before_a_model_is_sought(tmp_path):
    (tmp_path / "posts.jsonl").write_text("x" * 1000)
    with pytest.raises(GmnerError, match="not a store of answers"):
        make("hf:/no/such/model", runtime=None, store=tmp_path / "posts.jsonl")


SERVER = '''
import sys
from gmner_cli.language.llm import make
assert not {"torch", "transformers", "httpx2", "sqlite3"} & set(sys.modules)
made = make("openai:org/some-model", runtime=None, offline=True, base_url="http://localhost:1/v1")
assert made.name == "org/some-model" and made.generates and "localhost" in made.identity
assert not {"torch", "transformers"} & set(sys.modules)
'''


def test_a_server_needs_no_torch():
    done = subprocess.run([sys.executable, "-c", SERVER], env={**os.environ, "PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
