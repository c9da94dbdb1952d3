"""Finding weights: packages, folders, the hub; pickles and damaged files are refused."""

from __future__ import annotations

import pytest

from gmner_cli.errors import ModelError, UsageError
from gmner_cli.weights import hub


def test_a_folder_with_safetensors_is_taken_and_a_pickle_is_not(tmp_path):
    with pytest.raises(ModelError, match="no config.json"):
        hub.resolve(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="only a pickle"):
        hub.resolve(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert hub.resolve(str(tmp_path)) == tmp_path


def test_a_path_that_is_not_there_is_not_taken_for_a_hub_id():
    for name in ("./nowhere", "/nowhere/at/all", "justaname", "a/b/c"):
        with pytest.raises(ModelError, match="not a folder"):
            hub.resolve(name)


def test_offline_a_hub_id_is_refused_before_any_request(monkeypatch):
    import socket

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ModelError, match="--offline"):
        hub.resolve("nobody/such-model", offline=True)


def test_an_unreachable_hub_is_one_clear_error(monkeypatch):
    import huggingface_hub

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    class Unreachable:
        def model_info(self, *args, **kwargs):
            raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "HfApi", Unreachable)
    with pytest.raises(ModelError, match="no route to host") as problem:
        hub.resolve("nobody/such-model")
    assert "--recipe mini" in problem.value.hint


def test_a_package_is_found_without_running_it_and_its_weights_are_checked(tmp_path, monkeypatch):
    package = tmp_path / "carrier_of_weights"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    weights = package / "model" / "model.safetensors"
    weights.write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    digest = hub.sha256(weights)
    monkeypatch.setitem(hub.PACKAGES, "carrier",
                        ("carrier_of_weights", "model", "carrier==1", {"model.safetensors": digest}))
    hub._from_package.cache_clear()
    assert hub.resolve("package:carrier") == package / "model"
    hub._from_package.cache_clear()
    weights.write_bytes(b"wEights")
    with pytest.raises(ModelError, match="sha256"):
        hub.resolve("package:carrier")
    monkeypatch.setitem(hub.PACKAGES, "absent", ("no_such_package_here", "model", "absent==1", {}))
    with pytest.raises(ModelError, match="not installed") as problem:
        hub.resolve("package:absent")
    assert "pip install absent==1" in problem.value.hint
    with pytest.raises(UsageError, match="no known package"):
        hub.resolve("package:other")
