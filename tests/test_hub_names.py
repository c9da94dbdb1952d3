"""Names of models as people write them: revisions, GGUF files, addresses, paths of other systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmner_cli.compute import runtime
from gmner_cli.errors import ModelError
from gmner_cli.language.llm import causal, make
from gmner_cli.language.llm.backend import Generation
from gmner_cli.weights import hub
from gmner_cli.weights.hub_names import HubName, choose
from tests.language.llm.tiny_llm import save

COMMIT = "0123456789" * 4


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """``cache(repo, branch, *files)``: an empty snapshot in a hub cache of one's own, as the hub's client
    lays it out."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    def put(repo: str, branch: str = "main", *files: str) -> Path:
        place = tmp_path / f"models--{repo.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / branch).write_text(COMMIT)
        snapshot = place / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        for file in files:
            (snapshot / file).write_bytes(b"GGUF")
        return snapshot

    return put


def test_a_revision_of_a_model_is_taken(cache):
    snapshot = cache("org/name", "v2", "config.json", "model.safetensors")
    assert hub.resolve("org/name@v2", offline=True) == snapshot
    assert hub.resolve(f"org/name@{COMMIT}", offline=True) == snapshot
    with pytest.raises(ModelError, match="org/name@v3 is not on this machine"):
        hub.resolve("org/name@v3", offline=True)


def test_a_gguf_file_of_a_repository_is_taken_by_its_quantisation(cache, tmp_path, monkeypatch):
    snapshot = cache("org/name-GGUF", "main", "Qwen-Q4_K_M.gguf", "Qwen-Q4_K_S.gguf", "Qwen-Q8_0.gguf",
                     "mmproj-Q8_0.gguf")
    read = []
    monkeypatch.setattr(causal, "converted", lambda path: read.append(path) or save(tmp_path / "made"))
    made = make("hf:org/name-GGUF:q4_k_m",
                runtime=runtime.start("cpu"),
                generation=Generation(max_tokens=2), offline=True)
    assert read == [snapshot / "Qwen-Q4_K_M.gguf"] and made.name == "org/name-GGUF:q4_k_m"
    assert hub.gguf_file(HubName("org/name-GGUF", None, "Qwen-Q8_0.gguf"),
                         offline=True).name == "Qwen-Q8_0.gguf"
    with pytest.raises(ModelError, match="none of its GGUF files is called Q2_K") as refused:
        hub.gguf_file(HubName("org/name-GGUF", None, "Q2_K"), offline=True)
    assert "Qwen-Q4_K_M.gguf, Qwen-Q4_K_S.gguf, Qwen-Q8_0.gguf" in refused.value.hint
    with pytest.raises(ModelError, match="org/other:Q8_0 is not on this machine, and --offline forbids"):
        hub.gguf_file(HubName("org/other", None, "Q8_0"), offline=True)


@pytest.mark.parametrize(("files", "quant", "found"),
                         [(["a-Q4_K_M.gguf", "a-Q4_K.gguf"], "Q4_K", "a-Q4_K.gguf"),
                          (["Q8_0/a.gguf", "b-f16.gguf"], "F16", "b-f16.gguf"),
                          (["a.Q4_0.gguf", "a.IQ4_0.gguf"], "q4_0", "a.Q4_0.gguf")])
def test_which_file_is_meant(files, quant, found):
    assert choose(files, HubName("o/n", None, quant)) == found


@pytest.mark.parametrize(
    ("files", "quant", "why"),
    [(["a-Q8_0.gguf", "b-Q8_0.gguf"], "Q8_0", "2 of its GGUF files are called Q8_0"),
     (["model.safetensors"], "Q8_0", "holds no GGUF file"),
     (["a-Q8_0-00001-of-00002.gguf", "a-Q8_0-00002-of-00002.gguf"], "Q8_0", "is in several parts")])
def test_which_is_not_clear(files, quant, why):
    with pytest.raises(ModelError, match=why):
        choose(files, HubName("o/n", None, quant))


def test_a_gguf_file_is_fetched_by_its_name_and_one_of_a_folder_alone_is_named(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    files = [
        type("File", (), {"rfilename": name, "size": 2_000_000})
        for name in ("README.md", "a-Q8_0.gguf", "a-f16.gguf")
    ]
    asked = []

    class Api:
        def model_info(self, repo, **options):
            asked.append((repo, options.get("revision")))
            return type("Info", (), {"siblings": files})

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repo, file, **at: asked.append(
        (repo, file, at)) or str(tmp_path / file))
    told = []
    assert hub.gguf_file(HubName("org/name", "v1", "Q8_0"), tell=told.append) == tmp_path / "a-Q8_0.gguf"
    assert asked == [("org/name", "v1"),
                     ("org/name", "a-Q8_0.gguf", {"revision": "v1"})] and "a-Q8_0.gguf of org/name" in told[0]
    with pytest.raises(ModelError, match="holds GGUF files alone, such as a-Q8_0.gguf") as refused:
        hub.resolve("org/name")
    assert "--llm hf:org/name:QUANT" in refused.value.hint


INSTEAD = {
    "https://huggingface.co/org/name": "org/name",
    "https://huggingface.co/org/name/": "org/name",
    "hf.co/org/name:Q4_K_M": "org/name:Q4_K_M",
    "https://huggingface.co/org/name/tree/v2": "org/name@v2",
    "https://huggingface.co/org/name/blob/main/config.json": "org/name",
    "huggingface.co/org/name": "org/name",
    "hf:org/name": "org/name",
    "org/name/": "org/name",
}


@pytest.mark.parametrize("source", INSTEAD)
def test_what_to_write_instead_is_told(source):
    with pytest.raises(ModelError, match="is not a folder with a model, nor a hub id") as refused:
        hub.resolve(source)
    assert refused.value.hint == f"write {INSTEAD[source]}"


@pytest.mark.parametrize("source", [
    "C:\\models\\qwen", "C:/qwen", "models\\x/y", "org/na me", "org/name@", "org/name:", "@v1", "a/b:c:d",
    "-org/name"
])
def test_what_is_no_name_is_one_clear_error(source):
    with pytest.raises(ModelError, match="is not a folder with a model, nor a hub id"):
        hub.resolve(source)


@pytest.mark.parametrize("source", ["org/na--me", "org/name..x", f"org/{'x' * 200}"])
def test_a_name_that_the_hub_does_not_take_is_told_by_its_words(source):
    with pytest.raises(ModelError, match="could not be fetched from the hub") as refused:
        hub.resolve(source, offline=True)
    assert len(refused.value.message) < 600


def test_other_models_than_those_of_words_have_no_quantisation():
    with pytest.raises(ModelError, match="asks for a GGUF file, Q4_K_M, which only `gmner expand"):
        hub.resolve("org/name:Q4_K_M")
