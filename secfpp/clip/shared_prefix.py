"""Read many sentences with a common prefix; the prefix is computed once.

In a causal tower the states of start token and prompt do not depend on the class name after them.
With 8 context tokens and 10 one-word classes a prompt takes 9 + 10 x 2 states instead of 10 x 11,
with the same result.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from open_clip.transformer import ResidualAttentionBlock, Transformer
from torch.nn import functional

from secfpp.clip.tower import TextTower

# Legend: B prompts, C classes, P tokens of the prefix, S of the suffix, Q of either, W width,
# H heads, F = W / H.


def can_share_prefix(tower: TextTower) -> bool:
    """Tell whether the tower is causal and made of open_clip's plain blocks."""
    transformer = tower.transformer
    return (
        tower.is_causal
        and type(transformer) is Transformer
        and all(type(block) is ResidualAttentionBlock for block in transformer.resblocks)
        and all(block.attn._qkv_same_embed_dim for block in transformer.resblocks)
    )


def read_shared_prefix(
    tower: TextTower, prefix_BPW: torch.Tensor, suffix_CSW: torch.Tensor, end_C: torch.Tensor
) -> torch.Tensor:
    """Read every suffix after every prefix.

    Equal to `TextTower.read` of their concatenations.

    Parameters
    ----------
    tower : TextTower
        A tower for which `can_share_prefix` holds.
    prefix_BPW : torch.Tensor, shape (B, P, W)
        Embeddings without positions.
    suffix_CSW : torch.Tensor, shape (C, S, W)
        Embeddings without positions.
    end_C : torch.Tensor of int64, shape (C,)
        End of each suffix, counted from its own start.

    Returns
    -------
    torch.Tensor, shape (B, C, E)
        Not normalised.
    """
    num_prefix, num_suffix = prefix_BPW.shape[1], suffix_CSW.shape[1]
    position_LW = tower.positional_embedding[: num_prefix + num_suffix]
    x_BPW = prefix_BPW + position_LW[:num_prefix]
    x_BCSW = suffix_CSW + position_LW[num_prefix:]
    x_BCSW = x_BCSW.expand(len(prefix_BPW), -1, -1, -1)
    causal = _Masks(
        prefix=tower.mask(num_prefix, x_BPW.device), suffix=tower.mask(num_suffix, x_BPW.device)
    )
    blocks = list(tower.transformer.resblocks)
    for i, block in enumerate(blocks):
        x_BPW, x_BCSW = _read_block(block, x_BPW, x_BCSW, causal, is_last=i == len(blocks) - 1)
    classes = torch.arange(len(end_C), device=end_C.device)
    return tower.project(x_BCSW[:, classes, end_C])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Masks:
    """Additive causal masks of the two parts."""

    prefix: torch.Tensor | None
    suffix: torch.Tensor | None


def _read_block(
    block: ResidualAttentionBlock,
    x_BPW: torch.Tensor,
    x_BCSW: torch.Tensor,
    masks: _Masks,
    *,
    is_last: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run one residual block; the last one skips the prefix, whose states are not used any more."""
    q_P, k_P, v_P = _project(block, x_BPW)
    q_S, k_S, v_S = _project(block, x_BCSW)
    if not is_last:
        mixed = functional.scaled_dot_product_attention(q_P, k_P, v_P, attn_mask=masks.prefix)
        x_BPW = _finish(block, x_BPW, mixed)
    x_BCSW = _finish(block, x_BCSW, _attend_both(q_S, k_P, v_P, k_S, v_S, masks.suffix))
    return x_BPW, x_BCSW


def _attend_both(
    q_BCHSF: torch.Tensor,
    k_BHPF: torch.Tensor,
    v_BHPF: torch.Tensor,
    k_BCHSF: torch.Tensor,
    v_BCHSF: torch.Tensor,
    mask_SS: torch.Tensor | None,
) -> torch.Tensor:
    """Let suffixes attend to the whole prefix and to themselves: (B, C, H, S, F)."""
    scale = q_BCHSF.shape[-1] ** -0.5
    to_prefix = torch.einsum("bchsf,bhpf->bchsp", q_BCHSF, k_BHPF) * scale
    to_suffix = q_BCHSF @ k_BCHSF.transpose(-1, -2) * scale
    if mask_SS is not None:
        to_suffix = to_suffix + mask_SS
    weights = torch.cat([to_prefix, to_suffix], dim=-1).softmax(dim=-1)
    num_prefix = k_BHPF.shape[-2]
    from_prefix = torch.einsum("bchsp,bhpf->bchsf", weights[..., :num_prefix], v_BHPF)
    return from_prefix + weights[..., num_prefix:] @ v_BCHSF


def _project(block: ResidualAttentionBlock, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return queries, keys and values: (..., Q, W) to three of (..., H, Q, F)."""
    attention = block.attn
    packed = functional.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
    heads = attention.num_heads
    return tuple(
        part.reshape(*part.shape[:-1], heads, -1).transpose(-2, -3)
        for part in packed.chunk(3, dim=-1)
    )


def _finish(block: ResidualAttentionBlock, x: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    """Join the heads, add to the residual stream, and run the feed-forward part."""
    joined = mixed.transpose(-2, -3).flatten(-2)
    after_attention: torch.Tensor = x + block.ls_1(block.attn.out_proj(joined))
    fed_forward: torch.Tensor = block.ls_2(block.mlp(block.ln_2(after_attention)))
    return after_attention + fed_forward
