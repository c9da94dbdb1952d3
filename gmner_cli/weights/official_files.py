"""Files of weights that their authors publish on a site of their own: fetched once, known by bytes and
sha256."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gmner_cli.errors import ModelError, say
from gmner_cli.files.digest import sha256
from gmner_cli.weights import network


class OfficialFile(NamedTuple):
    """One file that its authors publish on a site of their own, and how to know it: bytes and sha256."""

    url: str
    size: int
    digest: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    def check(self, path: Path) -> Path:
        """``path``, if it is this file. Raises ModelError otherwise."""
        found = sha256(path)
        if found != self.digest:
            raise ModelError(
                f"sha256 is {found[:16]}…, that of {self.name} is {self.digest[:16]}…", where=str(path),
                hint="the file is damaged or was changed: remove it, and fetch it again or rename your own")
        return path


def official_file(wanted: OfficialFile, *, offline: bool = False, tell: Callable[[str], None] = say) -> Path:
    """The file in $GMNER_CACHE or in torch hub's folder of checkpoints; downloaded to the first of them when
    in neither.

    Raises ModelError when it is not to be had or not what it should be.
    """
    import torch

    folders = [Path(torch.hub.get_dir()) / "checkpoints"]
    if os.environ.get("GMNER_CACHE"):
        folders.insert(0, Path(os.environ["GMNER_CACHE"]).expanduser())
    for folder in folders:
        if (folder / wanted.name).is_file():
            return wanted.check(folder / wanted.name)
    if offline or os.environ.get("HF_HUB_OFFLINE") == "1":
        raise ModelError(f"{wanted.name} is not on this machine, and --offline forbids to download it",
                         hint=f"put the file into {folders[0]}, or give its path")
    path = folders[0] / wanted.name
    tell(f"downloading {wanted.name} from {wanted.url.split('/')[2]} ({wanted.size / 1e6:.0f} MB) to "
         f"{folders[0]}, once")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(wanted.url, str(path), hash_prefix=wanted.digest, progress=False)
    except Exception as problem:  # the many errors of networks and disks all mean: not to be had now
        raise ModelError(
            f"{wanted.name} could not be fetched: {network.first_words(problem)}",
            hint=f"check the network, or put the file from {wanted.url} into {folders[0]}") from None
    return path
