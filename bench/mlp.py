"""A variational autoencoder of linear layers in PyTorch: 784-512-256-20 and back."""

import torch
import torch.nn.functional as F
from torch import nn

from side import Side


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 40))
        self.decoder = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784))

    def forward(self, x, eps):
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        logits = self.decoder(mean + (log_var / 2).exp() * eps)
        return mean, log_var, logits


class ThisSide(Side):
    def network(self, batch):
        self.x = torch.rand(batch, 784)
        return Vae()

    def batch(self):
        return {"x": self.x, "eps": torch.randn(self.x.shape[0], 20)}

    def loss(self, x, eps):
        mean, log_var, logits = self.call(x, eps)
        misfit = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum()
        return (misfit + kl) / x.shape[0]
