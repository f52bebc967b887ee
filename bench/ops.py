"""Single ops in PyTorch: the function itself, and it with the gradients of all its inputs."""

import time

import torch
import torch.nn.functional as F

from side import Side

functions = {
    "conv": lambda x, w, b: F.conv2d(x, w, b, padding=w.shape[2] // 2),
    "conv stride 2": lambda x, w, b: F.conv2d(x, w, b, padding=1, stride=2),
    "conv depthwise": lambda x, w, b: F.conv2d(x, w, b, padding=1, groups=x.shape[1]),
    "upsample conv": lambda x, w, b: F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), w, b, padding=1),
    "group norm": lambda x, w, b: F.group_norm(x, 8, w, b),
    "batch norm": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "layer norm": lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b),
    "max pool": lambda x: F.max_pool2d(x, 2),
    "mean pool": lambda x: F.avg_pool2d(x, 2),
    "silu": F.silu,
    "gelu": F.gelu,
    "relu": F.relu,
    "softmax": lambda x: F.softmax(x, -1),
    "linear": F.linear,
    "attention": F.scaled_dot_product_attention,
    "embedding": lambda x, i: F.embedding(i, x),
    "dropout": lambda x: F.dropout(x, 0.1),
}


class ThisSide(Side):
    def setup(self, variant, threads):
        torch.set_num_threads(threads)
        self.layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format
        return {"version": torch.__version__, "parameters": 0}

    def case(self, name, shapes, rows):
        torch.manual_seed(0)
        formats = (self.layout if len(s) == 4 else torch.contiguous_format for s in shapes)
        self.inputs = [torch.randn(s).to(memory_format=f).requires_grad_() for s, f in zip(shapes, formats)]
        self.rest = [] if rows is None else [torch.randint(0, shapes[0][0], rows)]
        self.function = functions[name]
        with torch.no_grad():
            self.g = torch.randn_like(self.function(*self.inputs, *self.rest))

    def forward(self, steps):
        with torch.inference_mode():
            return self.timed(steps, lambda: self.function(*self.inputs, *self.rest))

    def backward(self, steps):
        out = []
        for _ in range(steps):
            y = self.function(*self.inputs, *self.rest)
            start = time.perf_counter()
            torch.autograd.grad(y, self.inputs, self.g)
            out.append((time.perf_counter() - start) * 1e3)
        return out
