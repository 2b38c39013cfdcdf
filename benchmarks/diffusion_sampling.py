"""Sampling pictures beside `diffusers`: its UNet2DModel and DPM-Solver++ with ours, of the same shape and with the same weights.

Equal steps, solver, times, first noise and precision; both eager, without gradients. Theirs runs as it comes (channels first) and
with channels last, the leanest setting that it documents; with labels both read the two halves of guidance in one batch. Both must
make the same pictures: the largest difference of pixels is told. Sides run interleaved, A-B-B-A; figures are medians, ratios of
pairs with a bootstrap interval.

Written for diffusers 0.42 (UNet2DModel, DPMSolverMultistepScheduler.set_timesteps with `timesteps`).

    python benchmarks/diffusion_sampling.py [--sizes 0,1] [--precisions float32,bfloat16] [--steps 20] [--repeats 7] [--threads 2]
        [--device cpu] [--out benchmarks/results/diffusion_sampling.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import numpy as np
import torch
from peers import interleaved, ratio_of
from torch import Tensor, nn

from nnzoo.blocks.noise_process import NoiseProcess
from nnzoo.blocks.noise_schedules import linear_betas
from nnzoo.blocks.picture_denoiser import PictureDenoiser
from nnzoo.blocks.samplers import dpm_solver, way_back
from nnzoo.blocks.unet import Doubled, Layer, UNet, groups_for

HEAD = 32  # channels of a head
GUIDANCE = 2.0


class Size(NamedTuple):
    """A U-Net and what it makes."""

    channels: int
    side: int
    widths: tuple[int, ...]
    blocks: int
    labels: int
    batch: int


SIZES = (Size(1, 28, (32, 64, 64), 1, 10, 16), Size(3, 32, (128, 256, 256), 2, 10, 2), Size(1, 28, (32, 64, 64), 1, 0, 16))


def theirs(size: Size) -> Any:
    """UNet2DModel with random weights, attention at the lowest level."""
    torch.manual_seed(1)
    levels = len(size.widths)
    return diffusers.UNet2DModel(
        sample_size=size.side,
        in_channels=size.channels,
        out_channels=size.channels,
        freq_shift=0,
        flip_sin_to_cos=False,
        block_out_channels=size.widths,
        layers_per_block=size.blocks,
        down_block_types=(*["DownBlock2D"] * (levels - 1), "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", *["UpBlock2D"] * (levels - 1)),
        attention_head_dim=HEAD,
        norm_num_groups=groups_for(size.widths[0]),
        norm_eps=1e-5,
        num_class_embeds=size.labels + 1 if size.labels else None,
    ).eval()


def our_own(size: Size, model: Any, bfloat16: bool) -> PictureDenoiser:
    """The same network with the same weights here. Names there, by part: time_embedding.linear_1 and linear_2, class_embedding,
    conv_in, conv_norm_out, conv_out; resnets: norm1, conv1, time_emb_proj, norm2, conv2, conv_shortcut; attentions: group_norm,
    to_q, to_k, to_v, to_out[0]; downsamplers[0].conv, upsamplers[0].conv."""
    net = PictureDenoiser(size.channels, size.labels, size.widths, size.blocks, 1, bfloat16=bfloat16)
    unet: UNet = net.unet
    pairs: list[tuple[nn.Module, nn.Module]] = [(unet.times[0], model.time_embedding.linear_1)]
    pairs += [(unet.times[2], model.time_embedding.linear_2), (unet.enter, model.conv_in)]
    pairs += [(unet.norm, model.conv_norm_out), (unet.leave, model.conv_out)]
    if net.labels is not None:
        pairs.append((net.labels, model.class_embedding))
    layers: list[tuple[Layer, Any, Any]] = []
    mine = iter(unet.down)
    for block in model.down_blocks:
        attentions = getattr(block, "attentions", [None] * len(block.resnets))
        layers += [(next(mine), r, a) for r, a in zip(block.resnets, attentions)]  # type: ignore[misc]
        pairs += [(next(mine), d.conv) for d in block.downsamplers or ()]
    first, second = unet.middle
    layers += [(first, model.mid_block.resnets[0], model.mid_block.attentions[0]), (second, model.mid_block.resnets[1], None)]  # type: ignore[list-item]
    mine = iter(unet.up)
    for block in model.up_blocks:
        attentions = getattr(block, "attentions", [None] * len(block.resnets))
        layers += [(next(mine), r, a) for r, a in zip(block.resnets, attentions)]  # type: ignore[misc]
        for upsampler in block.upsamplers or ():
            doubled = next(mine)
            assert isinstance(doubled, Doubled)
            pairs.append((doubled, upsampler.conv))
    told_weights, told_biases = [], []
    for layer, r, a in layers:
        ours = layer.block
        pairs += [(ours.norm1, r.norm1), (ours.conv1, r.conv1), (ours.norm2, r.norm2), (ours.conv2, r.conv2)]
        if r.conv_shortcut is not None:
            pairs.append((ours.skip, r.conv_shortcut))
        told_weights.append(r.time_emb_proj.weight)
        told_biases.append(r.time_emb_proj.bias)
        assert (layer.attention is None) == (a is None)
        if layer.attention is not None:
            pairs += [(layer.attention.norm, a.group_norm), (layer.attention.out, a.to_out[0])]
    with torch.no_grad():
        for to, came in pairs:
            for name, parameter in to.named_parameters():
                parameter.copy_(getattr(came, name))
        unet.tell.weight.copy_(torch.cat(told_weights))
        unet.tell.bias.copy_(torch.cat(told_biases))
        for layer, _, a in layers:
            if layer.attention is not None:
                layer.attention.qkv.weight.copy_(torch.cat([a.to_q.weight, a.to_k.weight, a.to_v.weight]))
                layer.attention.qkv.bias.copy_(torch.cat([a.to_q.bias, a.to_k.bias, a.to_v.bias]))
    return net.eval()


def wait(device: torch.device) -> None:
    """Until the device has done all."""
    if device.type == "cuda":
        torch.cuda.synchronize()


@torch.no_grad()
def sampling(size: Size, steps: int, repeats: int, bfloat16: bool, device: torch.device) -> dict[str, Any]:
    """Pictures a second of each side, and how far the pictures are apart."""
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    model = theirs(size)
    net = our_own(size, model, bfloat16).to(device)
    kept = NoiseProcess(linear_betas(1000)).kept
    times = way_back(kept, steps)
    noise = torch.randn(size.batch, size.channels, size.side, size.side, generator=torch.Generator().manual_seed(3)).to(device)
    codes_B = torch.arange(size.batch, device=device) % size.labels if size.labels else None
    made: dict[str, Tensor] = {}

    def ours() -> float:
        began = time.perf_counter()
        # theirs counts steps from 0
        eps = net.eps(tuple(t - 1 for t in times if t), codes_B, GUIDANCE)
        made["nnzoo"] = dpm_solver(lambda x, t: eps(x, t - 1), kept, noise, times)
        wait(device)
        return time.perf_counter() - began

    def peer(name: str, last: bool) -> Callable[[], float]:
        chosen = theirs(size).to(device, dtype)
        if last:
            chosen = chosen.to(memory_format=torch.channels_last)
        scheduler = diffusers.DPMSolverMultistepScheduler(
            num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear", solver_order=2,
            algorithm_type="dpmsolver++", prediction_type="epsilon", final_sigmas_type="zero", lower_order_final=True,
        )  # fmt: skip
        labels = None if codes_B is None else torch.cat((codes_B + 1, torch.zeros_like(codes_B)))

        def run() -> float:
            began = time.perf_counter()
            scheduler.set_timesteps(timesteps=[t - 1 for t in times if t], device=device)
            x = noise.to(dtype)
            if last:
                x = x.contiguous(memory_format=torch.channels_last)
            for t in scheduler.timesteps:
                if labels is None:
                    eps = model_output(chosen, x, t, None)
                else:
                    with_label, without = model_output(chosen, torch.cat((x, x)), t, labels).chunk(2)
                    eps = without + GUIDANCE * (with_label - without)
                x = scheduler.step(eps, t, x).prev_sample
            made[name] = x.float()
            wait(device)
            return time.perf_counter() - began

        return run

    sides: dict[str, Callable[[], float]] = {
        "diffusers": peer("diffusers", False),
        "nnzoo": ours,
        "diffusers, channels last": peer("diffusers, channels last", True),
    }
    found = interleaved(sides, repeats)
    best = min((name for name in found if name != "nnzoo"), key=lambda name: float(np.median(found[name])))
    return {
        "precision": "bfloat16" if bfloat16 else "float32",
        "pictures_a_second": {name: size.batch / float(np.median(seconds)) for name, seconds in found.items()},
        **{f"{name} / nnzoo": ratio_of(found[name], found["nnzoo"]) for name in found if name != "nnzoo"},
        "best of diffusers": best,
        "largest_difference": {name: float((x - made["nnzoo"]).abs().max()) for name, x in made.items() if name != "nnzoo"},
        "largest_pixel": float(made["nnzoo"].abs().max()),
    }


def model_output(model: Any, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
    """The noise that their network sees."""
    return model(x, t, class_labels=labels, return_dict=False)[0]


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="0,1")
    parser.add_argument("--precisions", default="float32,bfloat16")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result: dict[str, Any] = {
        "what": "sampling with a U-Net beside diffusers: the same shape, weights, noise, solver and steps",
        "steps": options.steps,
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores"
        + (f", {torch.cuda.get_device_name()}" if device.type == "cuda" else ""),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "commit": commit,
        "sizes": [],
    }
    for place in map(int, options.sizes.split(",")):
        size = SIZES[place]
        found = [
            sampling(size, options.steps, options.repeats, precision == "bfloat16", device)
            for precision in options.precisions.split(",")
        ]
        result["sizes"].append({"size": size._asdict(), "sampling": found})
        print(json.dumps(result["sizes"][-1], indent=1), flush=True)
        if options.out is not None:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
