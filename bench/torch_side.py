"""PyTorch's side of the benches: reads one JSON request a line, answers one JSON line each."""

import copy
import json
import resource
import struct
import sys
import time

import torch
import torch.nn.functional as F

from unet import UNet


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


class Side:
    def setup(self, size, batch, width, multipliers, layers, threads, variant):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format
        self.net = UNet(width, multipliers, layers).to(memory_format=self.layout)
        self.call = torch.compile(self.net) if variant == "compile" else self.net
        self.average = copy.deepcopy(self.net)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-4, weight_decay=0.0, fused=True)
        beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
        self.alpha_bar = torch.cumprod(1 - beta, 0)
        self.signal, self.sigma = self.alpha_bar.sqrt().float(), (1 - self.alpha_bar).sqrt().float()
        self.x0 = (torch.rand(batch, 1, size, size) * 2 - 1).to(memory_format=self.layout)
        return {"version": torch.__version__, "parameters": sum(p.numel() for p in self.net.parameters())}

    def loss(self, x0, noise, t):
        xt = self.signal[t][:, None, None, None] * x0 + self.sigma[t][:, None, None, None] * noise
        return F.mse_loss(self.call(xt, t), noise)

    def step(self):
        t = torch.randint(0, 1000, (self.x0.shape[0],))
        noise = torch.randn_like(self.x0)
        loss = self.loss(self.x0, noise, t)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), 0.001)
        return loss.item()

    def train(self, steps):
        return self.timed(steps, self.step)

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
        case = read_safetensors(case)
        self.net.zero_grad(set_to_none=True)
        loss = self.loss(case["x0"].to(memory_format=self.layout), case["noise"], case["t"].long())
        loss.backward()
        apart, size, worst = 0.0, 0.0, ("", 0.0)
        for name, p in self.net.named_parameters():
            if name.endswith("to_k.bias"):
                continue  # its true gradient is 0: softmax does not see what all keys share
            d = (p.grad - case["grad." + name]).double().square().sum().item()
            n = p.grad.double().square().sum().item()
            apart, size = apart + d, size + n
            if (d / n) ** 0.5 > worst[1]:
                worst = (name, (d / n) ** 0.5)
        return {"loss": loss.item(), "gradients": (apart / size) ** 0.5, "worst": worst[0], "worst_by": worst[1]}

    def rss(self):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform != "darwin" else 1024) / 1024


def main():
    side = Side()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": getattr(side, request.pop("op"))(**request)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        print(json.dumps(answer), flush=True)


main()
