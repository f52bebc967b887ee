"""Draws what the folders of a list hold by diffusers' own pipelines: python travel.py tasks.json

A task is {folder, pipeline, steps, seed, count, eta, label, out}; `out` gets the images [count, channels, height, width]
in [0, 1] as npy. Prints diffusers' version.
"""

import json
import sys

import diffusers
import numpy as np
import torch

torch.set_num_threads(1)
diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()


def labelled(pipe, task, generator):
    """The pipeline's loop for a network that is told labels, which no pipeline names."""
    shape = (task["count"], pipe.unet.config.in_channels, *[pipe.unet.config.sample_size] * 2)
    x = torch.randn(shape, generator=generator)
    labels = torch.full((task["count"],), task["label"])
    pipe.scheduler.set_timesteps(task["steps"])
    for t in pipe.scheduler.timesteps:
        x = pipe.scheduler.step(pipe.unet(x, t, class_labels=labels).sample, t, x, generator=generator).prev_sample
    return (x / 2 + 0.5).clamp(0, 1).numpy()


for task in json.load(open(sys.argv[1])):
    pipe = getattr(diffusers, task["pipeline"]).from_pretrained(task["folder"])
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(task["seed"])
    with torch.inference_mode():
        if task.get("label") is not None:
            images = labelled(pipe, task, generator)
        else:
            eta = {"eta": task["eta"]} if task.get("eta") is not None else {}
            images = pipe(
                batch_size=task["count"],
                generator=generator,
                num_inference_steps=task["steps"],
                output_type="np",
                **eta,
            ).images.transpose(0, 3, 1, 2)
    np.save(task["out"], np.ascontiguousarray(images, dtype=np.float32))
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
