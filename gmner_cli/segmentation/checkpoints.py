"""SAM checkpoints of the segment-anything package: where they are, how they are read, what they hold.

They are published only as .pth files, which are pickles, and so are the one
exception to the rule that no pickle is loaded. They are read with torch's
``weights_only`` unpickler, which knows tensors and plain containers and refuses
everything else before it runs; and a file by an official name must have the
official sha256.
"""

from __future__ import annotations

import re
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gmner_cli.errors import ModelError, UsageError, did_you_mean, say
from gmner_cli.files.bounded import open_regular
from gmner_cli.weights.hub import refuse_not_finite
from gmner_cli.weights.official_files import OfficialFile, official_file

if TYPE_CHECKING:  # the names of checkpoints are known without torch
    import torch
    from torch import Tensor

SOURCE = "https://dl.fbaipublicfiles.com/segment_anything"

OFFICIAL = {
    "vit_b": OfficialFile(f"{SOURCE}/sam_vit_b_01ec64.pth", 375042383,
                          "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"),
    "vit_l": OfficialFile(f"{SOURCE}/sam_vit_l_0b3195.pth", 1249524607,
                          "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"),
    "vit_h": OfficialFile(f"{SOURCE}/sam_vit_h_4b8939.pth", 2564550879,
                          "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"),
}
"""The authors' checkpoints. The digits in their names begin the file's MD5, not its sha256."""

WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}


def locate(name: str, *, offline: bool = False) -> Path:
    """The file of a checkpoint: ``vit_b``, ``vit_l``, ``vit_h``, or a path.

    Official names are looked for in $GMNER_CACHE and in torch hub's folder, then
    downloaded. Raises UsageError for an unknown name, ModelError when the file
    cannot be had or is not what its name says.
    """
    if name in OFFICIAL:
        return official_file(OFFICIAL[name], offline=offline)
    path = Path(name).expanduser()
    if not path.is_file():
        if re.fullmatch(r"\w+", name):
            raise UsageError(f"there is no SAM {name!r}", hint=did_you_mean(name, OFFICIAL))
        raise ModelError("no such checkpoint", where=name, hint="give a .pth file, or one of "
                                                                f"{', '.join(OFFICIAL)}")
    for official in OFFICIAL.values():
        if path.name == official.name:
            official.check(path)
    return path


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file. Raises ModelError when it holds anything else, without running any of
    it."""
    import torch

    _refuse_packed(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # damage shows itself as errors of every class
        raise ModelError(
            f"is refused: {_reason(problem)}", where=str(path),
            hint="only tensors are read from a .pth file, because a pickle can run code") from None
    if not isinstance(content, dict) or not all(isinstance(v, torch.Tensor)
                                                for v in content.values()) or not content:
        raise ModelError("is not a dictionary of tensors", where=str(path))
    if sum(v.numel() * v.element_size() for v in content.values()) > 2 * path.stat().st_size:
        raise ModelError("its tensors are larger than the file", where=str(path),
                         hint="it is damaged, or made to do harm")
    refuse_not_finite(content.items(), path)
    return content


def _refuse_packed(path: Path) -> None:
    """Raise ModelError for what is no regular file, or would be larger in memory than it is; torch does not
    compress."""
    try:
        with open_regular(path) as stream:
            if not zipfile.is_zipfile(stream):
                return  # the older format, which is not packed
            unpacked = sum(entry.file_size for entry in zipfile.ZipFile(stream).infolist())
    except (OSError, zipfile.BadZipFile, ValueError) as problem:
        raise ModelError(f"is refused: {getattr(problem, 'strerror', None) or problem}",
                         where=str(path)) from None
    if unpacked > 2 * path.stat().st_size:
        raise ModelError("is compressed, which a checkpoint is not", where=str(path),
                         hint="save it again with torch.save where you trust it")


def build_sam(tensors: dict[str, Tensor], tell: Any = say) -> torch.nn.Module:
    """The ``segment_anything.modeling.Sam`` that the tensors are of, in eval mode; ``tell`` hears its size.

    Everything but the decoder's 8 heads, which all SAMs have, follows from the
    shapes. Raises ModelError when the tensors are of another model.
    """
    import torch

    try:
        parts = _parts(tensors)
        from segment_anything.modeling import (
            ImageEncoderViT,
            MaskDecoder,
            PromptEncoder,
            Sam,
            TwoWayTransformer,
        )

        encoder = parts["encoder"]
        grid = encoder["img_size"] // encoder["patch_size"]
        side, width = encoder["img_size"], encoder["out_chans"]
        net = Sam(
            image_encoder=ImageEncoderViT(mlp_ratio=parts["mlp_ratio"], qkv_bias=True, use_rel_pos=True,
                                          norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), **encoder),
            prompt_encoder=PromptEncoder(embed_dim=width, image_embedding_size=(grid, grid),
                                         input_image_size=(side, side), mask_in_chans=parts["mask_in_chans"]),
            mask_decoder=MaskDecoder(transformer_dim=width, transformer=TwoWayTransformer(
                embedding_dim=width, num_heads=8, **parts["transformer"]), **parts["decoder"]))
        net.load_state_dict(tensors)
    except (KeyError, IndexError, ValueError, RuntimeError, ZeroDivisionError, AssertionError) as problem:
        raise ModelError(f"the checkpoint is not a SAM: {_reason(problem)}",
                         hint="sam2, HQ-SAM and MobileSAM are other models") from None
    named = WIDTHS.get(encoder["embed_dim"], f"SAM {encoder['embed_dim']} wide")
    tell(f"the checkpoint is {named}: {encoder['depth']} layers, pictures of {side} pixels, "
         f"{sum(t.numel() for t in tensors.values()) / 1e6:.1f} million weights")
    return net.eval()


def _parts(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Arguments of the package's classes, read off the shapes. Raises KeyError or IndexError when one is not
    there."""

    def shape(name: str) -> tuple[int, ...]:
        return tuple(tensors[name].shape)

    def count(start: str) -> int:
        found = 1 + max(
            (int(n[len(start):].split(".")[0]) for n in tensors if n.startswith(start)), default=-1)
        if found > len(tensors):
            raise ValueError(f"{start}{found - 1} in a file of {len(tensors)} tensors")
        return found

    _, grid, _, wide = shape("image_encoder.pos_embed")
    patch = shape("image_encoder.patch_embed.proj.weight")[-1]
    depth = count("image_encoder.blocks.")
    reaches = [shape(f"image_encoder.blocks.{n}.attn.rel_pos_h") for n in range(depth)]
    windows = [length for length, _ in reaches if length != 2 * grid - 1]
    everywhere = [n for n, (length, _) in enumerate(reaches) if length == 2 * grid - 1]
    return {
        "encoder": {
            "embed_dim": wide, "depth": depth, "num_heads": wide // reaches[0][1], "img_size": grid * patch,
            "patch_size": patch, "out_chans": shape("image_encoder.neck.0.weight")[0],
            "window_size": (windows[0] + 1) // 2 if windows else 0, "global_attn_indexes": everywhere
        },
        "mlp_ratio": shape("image_encoder.blocks.0.mlp.lin1.weight")[0] / wide,
        "mask_in_chans": shape("prompt_encoder.mask_downscaling.3.weight")[0],
        "transformer": {
            "depth": count("mask_decoder.transformer.layers."),
            "mlp_dim": shape("mask_decoder.transformer.layers.0.mlp.lin1.weight")[0]
        },
        "decoder": {
            "num_multimask_outputs": shape("mask_decoder.mask_tokens.weight")[0] - 1,
            "iou_head_depth": count("mask_decoder.iou_prediction_head.layers."),
            "iou_head_hidden_dim": shape("mask_decoder.iou_prediction_head.layers.0.weight")[0]
        },
    }


def _reason(problem: Exception) -> str:
    """The first lines of an error's message, which torch spreads over many."""
    return " ".join(" ".join(str(problem).splitlines()[:2]).split()) or type(problem).__name__
