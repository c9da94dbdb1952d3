"""Where the parts of a text encoder are, which every family of networks names in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gmner_cli.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
"""What configurations call the dropout on attention weights alone."""

_OTHERS = "take a text encoder, such as BERT, RoBERTa, DeBERTa, or one with the encoder of BART or T5"


def text_encoder(net: PreTrainedModel, encoder: str) -> PreTrainedModel:
    """What reads in ``net``: of an encoder-decoder (BART, T5) its encoder, else the whole, without a pooler.

    ``encoder``: its name in messages. Raises UsageError where it is no network that could stand by itself.
    """
    from transformers import PreTrainedModel

    base = net.get_encoder() if getattr(net.config, "is_encoder_decoder", False) else net
    if not isinstance(base, PreTrainedModel):
        raise UsageError(f"{encoder} has an encoder that cannot be taken out of it", hint=_OTHERS)
    if hasattr(base, "pooler"):
        # Never used by a tagger, and untrained weights would be saved.
        base.pooler = None  # type: ignore[assignment]  # torch allows None for a module, its stubs do not
    for part in base.modules():
        if "Sinusoidal" in type(part).__name__:  # computed, not learnt; loading forgets that
            part.requires_grad_(False)
    return base


def embeddings(base: PreTrainedModel) -> list[nn.Module]:
    """The parts that make the layers' input of ids: tables of words and positions, and their norm."""
    table = getattr(base, "embeddings", None)
    if isinstance(table, nn.Module):
        return [table]
    return [part for name, part in base.named_children() if "emb" in name] or [base.get_input_embeddings()]


def layers(base: nn.Module) -> list[list[nn.Module]]:
    """The parts of each layer, the lowest first; empty where they are unknown. Layers may share (ALBERT)."""
    depth = getattr(base.config, "num_hidden_layers", None)
    groups = getattr(base.config, "num_hidden_groups", depth)
    if not isinstance(depth, int) or not isinstance(groups, int) or min(depth, groups) < 1:
        return []
    found: dict[str, nn.ModuleList] = {}
    for name, part in base.named_modules():
        inner = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(part, nn.ModuleList) and len(part) == groups and not inner:
            found[name] = part
    stack = [[part[number * groups // depth] for part in found.values()] for number in range(depth)]
    return stack if found else []


def positions(base: nn.Module) -> int | None:
    """Sub-words that the table of positions has room for; None where there is none, as in T5."""
    for name, part in base.named_modules():
        table = isinstance(part, nn.Embedding) and name.endswith("position_embeddings")
        if table and part.padding_idx is not None:
            # RoBERTa counts on from the padding's number, so its table has two positions that it never uses.
            return part.num_embeddings - part.padding_idx - 1
    for name in ("max_position_embeddings", "max_encoder_position_embeddings"):
        found = getattr(base.config, name, None)
        if isinstance(found, int) and found > 0:
            return found
    return None


def attention_dropout(value: float | None, config: Any, encoder: str) -> dict[str, float]:
    """The setting as the configuration calls it; empty where its own value stays. Raises UsageError."""
    if value is None:
        return {}
    for name in _DROPOUT:
        if hasattr(config, name):
            return {name: value}
    raise UsageError(f"{encoder} has no dropout for its attention alone",
                     hint="leave attention_dropout away (null)")


def width(base: PreTrainedModel, ids: list[int], encoder: str, embedded: bool) -> int:
    """How many numbers a state has, found by reading ``ids``: that costs little, and proves that it can.

    ``embedded``: read them as input embeddings, as case embeddings need it. Raises UsageError.
    """
    row, was = torch.tensor([ids]), base.training
    base.eval()
    try:
        with torch.no_grad():
            inputs = {"inputs_embeds": base.get_input_embeddings()(row)} if embedded else {"input_ids": row}
            states = getattr(base(**inputs, attention_mask=torch.ones_like(row)), "last_hidden_state", None)
    except Exception as problem:  # a network may refuse in any way what it was not made for
        reason = next(iter(str(problem).splitlines()), type(problem).__name__)
        wanted = "with case_embeddings" if embedded else "as a text encoder"
        raise UsageError(f"{encoder} cannot be used {wanted}: {reason}",
                         hint="leave case_embeddings away (false), or " * embedded + _OTHERS) from None
    finally:
        base.train(was)
    if not isinstance(states, Tensor) or states.shape[:2] != row.shape:
        raise UsageError(f"{encoder} gives no state for each sub-word", hint=_OTHERS)
    return states.shape[-1]
