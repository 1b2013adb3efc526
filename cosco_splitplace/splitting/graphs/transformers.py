"""A vision transformer and a small decoder-only transformer in plain torch; the paper's conclusion calls them hard."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["DecoderTransformer", "VisionTransformer"]


class _Block(nn.Module):
    """Pre-norm attention and a feed-forward network, each around a skip connection."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.before_attention, self.before_feed_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self._attention(self.before_attention(tokens))
        changed: torch.Tensor = tokens + self.feed_forward(self.before_feed_forward(tokens))
        return changed

    def _attention(self, tokens: torch.Tensor) -> torch.Tensor:
        images, length, width = tokens.shape
        parts = self.query_key_value(tokens).view(images, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        projected: torch.Tensor = self.projection(mixed.transpose(1, 2).reshape(images, length, width))
        return projected


class VisionTransformer(nn.Module):
    """Patches as tokens, a class token, learned positions (Dosovitskiy et al., 2021).

    Parameters
    ----------
    image_shape : (channels, height, width) of an image.
    patch : side of a patch in pixels; divides height and width.
    width, depth, heads : of the tokens, blocks, and attention heads.
    classes : how many.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], patch: int, width: int, depth: int, heads: int, classes: int = 1000
    ) -> None:
        super().__init__()
        channels, height, across = image_shape
        if height % patch or across % patch:
            raise ValueError(f"patches of {patch} pixels do not divide an image of {height} x {across}")
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + (height // patch) * (across // patch), width))
        self.blocks = nn.Sequential(*(_Block(width, heads, causal=False) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(images.shape[0], -1, -1), patches], dim=1) + self.positions
        classes: torch.Tensor = self.head(self.norm(self.blocks(tokens))[:, 0])
        return classes


class DecoderTransformer(nn.Module):
    """Token ids (n, length) to the logits of each following token; output weights are the embedding's (GPT-2's form).

    Parameters
    ----------
    length : the longest text, in tokens.
    vocabulary : number of tokens.
    width, depth, heads : as in `VisionTransformer`.
    """

    def __init__(self, length: int, vocabulary: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(_Block(width, heads, causal=True) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        positions = self.positions(torch.arange(tokens.shape[1]))
        logits: torch.Tensor = self.head(self.norm(self.blocks(self.embedding(tokens) + positions)))
        return logits
