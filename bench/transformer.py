"""A causal transformer over bytes in PyTorch, as its users write it: pre-normalised blocks, fused attention."""

import torch
import torch.nn.functional as F
from torch import nn

from side import Side


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        heads = (t.view(batch, tokens, self.heads, -1).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        y = F.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, layers, width, heads, tokens, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(tokens, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, x):
        h = self.embedding(x) + self.position(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


class ThisSide(Side):
    clip = 1.0

    def network(self, batch, layers, width, heads, tokens, vocabulary):
        self.shape, self.vocabulary = (batch, tokens), vocabulary
        return Transformer(layers, width, heads, tokens, vocabulary)

    def batch(self):
        draw = lambda: torch.randint(0, self.vocabulary, self.shape)
        return {"x": draw(), "y": draw()}

    def loss(self, x, y):
        return F.cross_entropy(self.call(x).flatten(0, 1), y.flatten())
