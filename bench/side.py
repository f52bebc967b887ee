"""What every side in PyTorch has: a timed training step, and a comparison with given gradients."""

import copy
import json
import resource
import struct
import sys
import time

import torch


def read_safetensors(path):
    """float32 and int32 tensors of a file by name (the package of that name is not needed)."""
    with open(path, "rb") as f:
        data = f.read()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        begin, end = (8 + size + at for at in entry["data_offsets"])
        dtype = {"F32": torch.float32, "I32": torch.int32}[entry["dtype"]]
        out[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=dtype).reshape(entry["shape"])
    return out


def adamw(parameters):
    """The fused one where this version has it for the CPU."""
    parameters = list(parameters)
    try:
        return torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.0, fused=True)
    except (RuntimeError, TypeError):
        return torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.0, foreach=True)


class Side:
    """Subclasses make a network, draw a batch, and say the loss of a batch."""

    clip = None
    average = None
    unchecked = ()

    def setup(self, variant, threads, **settings):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format
        self.net = self.network(**settings).to(memory_format=self.layout)
        self.call = torch.compile(self.net) if variant == "compile" else self.net
        self.optimizer = adamw(self.net.parameters())
        self.ema = None if self.average is None else copy.deepcopy(self.net)
        return {"version": torch.__version__, "parameters": sum(p.numel() for p in self.net.parameters())}

    def step(self):
        loss = self.loss(**self.batch())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        self.optimizer.step()
        if self.ema is not None:
            with torch.no_grad():
                torch._foreach_lerp_(list(self.ema.parameters()), list(self.net.parameters()), 1 - self.average)
        return loss.item()

    def train(self, steps):
        return self.timed(steps, self.step)

    @staticmethod
    def timed(steps, step):
        out = []
        for _ in range(steps):
            start = time.perf_counter()
            step()
            out.append((time.perf_counter() - start) * 1e3)
        return out

    def check(self, weights, case):
        """The loss of given weights and data, and how far given gradients are from ours."""
        self.net.load_state_dict(read_safetensors(weights), strict=True)
        tensors = read_safetensors(case)
        given = {k: v.long() if v.dtype == torch.int32 else v for k, v in tensors.items() if not k.startswith("grad.")}
        self.net.zero_grad(set_to_none=True)
        loss = self.loss(**given)
        loss.backward()
        apart, size, worst = 0.0, 0.0, ("", 0.0)
        for name, p in self.net.named_parameters():
            if any(name.endswith(end) for end in self.unchecked):
                continue
            d = (p.grad - tensors["grad." + name]).double().square().sum().item()
            n = p.grad.double().square().sum().item()
            apart, size = apart + d, size + n
            if (d / n) ** 0.5 > worst[1]:
                worst = (name, (d / n) ** 0.5)
        return {"loss": loss.item(), "gradients": (apart / size) ** 0.5, "worst": worst[0], "worst_by": worst[1]}

    def rss(self):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform != "darwin" else 1024) / 1024
