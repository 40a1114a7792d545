"""The text tower of an open_clip model, with embeddings as its input.

open_clip has two forms of text towers: attributes of `CLIP`, or one `TextTransformer` inside
`CustomTextCLIP`. `TextTower` has the same names for the parts of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transformer import TextTransformer, Transformer
from torch import nn

from secfpp.errors import ModelError

# Legend: B sequences, L tokens of a sequence, W width, E embedding.


@dataclass(frozen=True, kw_only=True, eq=False)
class TextTower:
    """Parts of a text transformer.

    Parameters
    ----------
    token_embedding : torch.nn.Embedding
    positional_embedding : torch.Tensor, shape (context length, W)
    transformer : open_clip.transformer.Transformer
        Maps (B, L, W) and a mask (L, L) to (B, L, W).
    ln_final : torch.nn.Module
    projection : torch.nn.Linear, torch.Tensor of shape (W, E), or None
    is_causal : bool
        Whether a token attends only to earlier tokens. Tokens after the end of text then have no
        effect and need not be computed.
    """

    token_embedding: nn.Embedding
    positional_embedding: torch.Tensor
    transformer: Transformer
    ln_final: nn.Module
    projection: nn.Linear | torch.Tensor | None
    is_causal: bool

    @property
    def width(self) -> int:
        """Width W of a token."""
        return int(self.token_embedding.embedding_dim)

    @property
    def context_length(self) -> int:
        """Tokens that can be read, the two at the ends included."""
        return int(self.positional_embedding.shape[0])

    @property
    def embed_dim(self) -> int:
        """Dimensions E of the result."""
        if self.projection is None:
            return self.width
        if isinstance(self.projection, nn.Linear):
            return int(self.projection.out_features)
        return int(self.projection.shape[1])

    def read(self, embedded_BLW: torch.Tensor, end_B: torch.Tensor) -> torch.Tensor:
        """Run the tower on embedded tokens.

        Parameters
        ----------
        embedded_BLW : torch.Tensor, shape (B, L, W)
            Token embeddings without positions; L is at most the context length.
        end_B : torch.Tensor of int64, shape (B,)
            Position of the end of text, whose state stands for the sentence.

        Returns
        -------
        torch.Tensor, shape (B, E)
            Not normalised.
        """
        length = embedded_BLW.shape[1]
        x_BLW = embedded_BLW + self.positional_embedding[:length].to(embedded_BLW.dtype)
        x_BLW = self.transformer(x_BLW, attn_mask=self.mask(length, x_BLW.device))
        rows = torch.arange(len(x_BLW), device=x_BLW.device)
        return self.project(x_BLW[rows, end_B])

    def project(self, state_BW: torch.Tensor) -> torch.Tensor:
        """Map the states at the ends of text to embeddings, (B, W) to (B, E)."""
        state_BW = self.ln_final(state_BW)
        if self.projection is None:
            return state_BW
        if isinstance(self.projection, nn.Linear):
            return torch.nn.functional.linear(
                state_BW, self.projection.weight, self.projection.bias
            )
        return state_BW @ self.projection

    def mask(self, length: int, device: torch.device) -> torch.Tensor | None:
        """Return the additive causal mask (L, L), or None if all tokens attend to each other."""
        if not self.is_causal:
            return None
        return torch.full((length, length), float("-inf"), device=device).triu_(1)


def text_tower(model: nn.Module, name: str) -> TextTower:
    """Return the text tower of an open_clip model.

    Raises
    ------
    ModelError
        The text tower is not open_clip's standard transformer, which takes the sentence from its
        end-of-text token.
    """
    if type(model) not in (CLIP, CustomTextCLIP):
        raise ModelError(
            f"model {name!r} is a {type(model).__name__}; prompts can be placed into open_clip's "
            "CLIP and CustomTextCLIP only, for example ViT-B-32"
        )
    text = model if isinstance(model, CLIP) else model.text
    if not isinstance(text, CLIP | TextTransformer):
        raise ModelError(
            f"model {name!r} reads text with a {type(text).__name__}; prompts can be placed into "
            "open_clip's own TextTransformer only, for example that of ViT-B-32"
        )
    pool_type = text.text_pool_type if isinstance(text, CLIP) else text.pool_type
    if pool_type not in ("argmax", "eos") or getattr(text, "cls_emb", None) is not None:
        raise ModelError(
            f"model {name!r} does not take the sentence from its end-of-text token "
            f"(pooling {pool_type!r}); choose a model that does, for example ViT-B-32"
        )
    return TextTower(
        token_embedding=text.token_embedding,
        positional_embedding=text.positional_embedding,
        transformer=text.transformer,
        ln_final=text.ln_final,
        projection=text.text_projection,
        is_causal=text.attn_mask is not None,
    )
