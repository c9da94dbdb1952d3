"""GGUF files, converted once to safetensors: they take a quarter of a minute to read, which the copy does
not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from gmner_cli.errors import ModelError, say
from gmner_cli.files.digest import sha256
from gmner_cli.language.llm.cache import cache_folder
from gmner_cli.weights.hub import load


def converted(path: Path, *, digest: str | None = None, tell: Callable[[str], None] = say) -> Path:
    """The folder with the model of a GGUF file as config, tokenizer and safetensors (float32), made if it is
    not there.

    It lies in the cache folder under the sha256 of the file, which is ``digest`` where
    that is known already. Raises ModelError for what is no GGUF file or of a kind that
    transformers does not read.
    """
    with path.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise ModelError("is not a GGUF file", where=str(path))
    folder = cache_folder() / "gguf" / (digest or sha256(path))
    if (folder / "config.json").is_file():
        return folder
    missing = [name for name in ("gguf", "accelerate") if find_spec(name) is None]
    if missing:
        raise ModelError(f"reading a GGUF file needs {' and '.join(missing)}", where=str(path),
                         hint="pip install 'gmner-cli[llm]'")
    tell(f"converting {path.name} ({path.stat().st_size / 1e6:.0f} MB) to safetensors in {folder}, once")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = load(AutoTokenizer, path.parent, gguf_file=path.name)
    model = load(AutoModelForCausalLM, path.parent, gguf_file=path.name, dtype=torch.float32)
    # The weights are no longer quantised, though the model still remembers that they were.
    model.hf_quantizer = None
    model.config.__dict__.pop("quantization_config", None)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="making-") as making:
            made = Path(making) / "model"
            model.save_pretrained(made)
            tokenizer.save_pretrained(made)
            try:
                os.rename(made, folder)
            except OSError:
                if not (folder / "config.json").is_file():  # else another process was faster
                    raise
    except OSError as problem:
        raise ModelError(f"cannot be written: {problem}", where=str(folder),
                         hint="set GMNER_CACHE to a folder with room for four times the size of the file and "
                              "more") from None
    return folder
