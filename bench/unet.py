"""The U-Net in PyTorch, as its users write it: the same parameters under the same names, fused attention."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from side import Side


class Resnet(nn.Module):
    def __init__(self, inputs, outputs, embedding, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(embedding, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x, embedding):
        h = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(embedding)[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return (x if self.conv_shortcut is None else self.conv_shortcut(x)) + h


class Attention(nn.Module):
    def __init__(self, channels, head, groups):
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, channels)
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])
        self.heads = channels // head

    def forward(self, x):
        batch, channels, height, width = x.shape
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        q, k, v = (
            layer(tokens).view(batch, -1, self.heads, channels // self.heads).transpose(1, 2)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, height * width, channels)
        return x + self.to_out[0](y).transpose(1, 2).reshape(batch, channels, height, width)


class Holder(nn.Module):
    """A convolution under the name `conv`."""

    def __init__(self, channels, stride):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=stride, padding=1)


def level(resnets, attentions, **samplers):
    parts = {"resnets": nn.ModuleList(resnets), "attentions": nn.ModuleList(attentions)}
    return nn.ModuleDict({**parts, **{k: nn.ModuleList(v) for k, v in samplers.items()}})


class UNet(nn.Module):
    def __init__(self, width, multipliers, layers, head=32, groups=8):
        super().__init__()
        widths = [width * m for m in multipliers]
        last = len(widths) - 1
        self.width = width
        self.conv_in = nn.Conv2d(1, width, 3, padding=1)
        self.time_embedding = nn.ModuleDict(
            {"linear_1": nn.Linear(width, 4 * width), "linear_2": nn.Linear(4 * width, 4 * width)}
        )

        def resnet(inputs, outputs):
            return Resnet(inputs, outputs, 4 * width, groups)

        def attend(i, count):
            return [Attention(widths[i], head, groups) for _ in range(count if i == last else 0)]

        self.down_blocks = nn.ModuleList(
            level(
                [resnet(c if j else widths[max(0, i - 1)], c) for j in range(layers)],
                attend(i, layers),
                downsamplers=[Holder(c, 2)] if i < last else [],
            )
            for i, c in enumerate(widths)
        )
        c = widths[last]
        self.mid_block = level([resnet(c, c), resnet(c, c)], [Attention(c, head, groups)])
        self.up_blocks = nn.ModuleList()
        for i in range(last, -1, -1):
            c, before, skip = widths[i], widths[min(i + 1, last)], widths[max(0, i - 1)]
            resnets = [resnet((c if j else before) + (skip if j == layers else c), c) for j in range(layers + 1)]
            self.up_blocks.append(
                level(resnets, attend(i, layers + 1), upsamplers=[Holder(c, 1)] if i > 0 else [])
            )
        self.conv_norm_out = nn.GroupNorm(groups, width)
        self.conv_out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x, t):
        half = self.width // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
        angles = t[:, None].float() * frequencies
        embedding = torch.cat([angles.cos(), angles.sin()], 1)
        embedding = self.time_embedding["linear_2"](F.silu(self.time_embedding["linear_1"](embedding)))
        active = F.silu(embedding)

        h = self.conv_in(x)
        skips = [h]
        for block in self.down_blocks:
            for j, resnet in enumerate(block["resnets"]):
                h = resnet(h, active)
                if len(block["attentions"]):
                    h = block["attentions"][j](h)
                skips.append(h)
            for down in block["downsamplers"]:
                h = down.conv(h)
                skips.append(h)
        first, second = self.mid_block["resnets"]
        h = second(self.mid_block["attentions"][0](first(h, active)), active)
        for block in self.up_blocks:
            for j, resnet in enumerate(block["resnets"]):
                h = resnet(torch.cat([h, skips.pop()], 1), active)
                if len(block["attentions"]):
                    h = block["attentions"][j](h)
            for up in block["upsamplers"]:
                h = up.conv(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return self.conv_out(F.silu(self.conv_norm_out(h)))


class ThisSide(Side):
    clip = 1.0
    average = 0.999
    unchecked = ("to_k.bias",)  # its true gradient is 0: softmax does not see what all keys share

    def network(self, size, batch, width, multipliers, layers):
        beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
        self.alpha_bar = torch.cumprod(1 - beta, 0)
        self.signal, self.sigma = self.alpha_bar.sqrt().float(), (1 - self.alpha_bar).sqrt().float()
        self.x0 = (torch.rand(batch, 1, size, size) * 2 - 1).to(memory_format=self.layout)
        return UNet(width, multipliers, layers)

    def batch(self):
        return {
            "x0": self.x0,
            "noise": torch.randn_like(self.x0),
            "t": torch.randint(0, 1000, (self.x0.shape[0],)),
        }

    def loss(self, x0, noise, t):
        xt = self.signal[t][:, None, None, None] * x0 + self.sigma[t][:, None, None, None] * noise
        return F.mse_loss(self.call(xt.to(memory_format=self.layout), t), noise)

    def sample(self, steps):
        x = torch.randn_like(self.x0)
        times = [round((steps - i) * 1000 / steps) - 1 for i in range(steps)] + [-1]
        state = {"x": x, "i": 0}

        def step():
            i, x = state["i"], state["x"]
            t, s = times[i], times[i + 1]
            a = self.alpha_bar[t].item()
            b = self.alpha_bar[s].item() if s >= 0 else 1.0
            eps = self.call(x, torch.full((x.shape[0],), t))
            x0 = ((x - (1 - a) ** 0.5 * eps) / a**0.5).clamp(-1, 1)
            eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
            state["x"], state["i"] = b**0.5 * x0 + (1 - b) ** 0.5 * eps, i + 1

        with torch.inference_mode():
            return self.timed(steps, step)
