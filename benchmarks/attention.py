"""GPT beside `transformers`' GPT-2 of the same size and weights: a training step, tokens a second while writing, bytes of a cache.

Three sizes (layers x width): 4 x 128 and 6 x 384 with 96 symbols (nanoGPT's two recipes for characters), 12 x 768 with the 50,257
of GPT-2. Training: the same random blocks on both sides, no dropout, AdamW (fused) and clipping on both, float32; theirs in a bare
PyTorch loop, eager and compiled, ours as it is and with --compile (the compilation is not
counted). Writing: greedy, from the same prompt; theirs with its dynamic cache, its static one, and the static one compiled where
asked for; the same tokens must come out. Sides run interleaved, A-B-B-A; figures are medians, ratios of pairs with a bootstrap
interval.

    python benchmarks/attention.py [--sizes 0,1,2] [--repeats 7] [--threads 2] [--compile] [--out benchmarks/results/attention.json]
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

import numpy as np
import torch
import transformers
from peers import interleaved, ratio_of
from torch import nn

from nnzoo.blocks.cache import bytes_needed
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.fields import Spec, Tokens
from nnzoo.networks import find
from nnzoo.networks.transformer.gpt import GPT
from nnzoo.tasks import find as find_task
from nnzoo.tasks._writing import write
from nnzoo.training.allocation import keep_freed_memory
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings


class Size(NamedTuple):
    """A network and how much of it is measured."""

    layers: int
    width: int
    heads: int
    context: int
    vocabulary: int
    batch: int
    steps: int
    written: int


SIZES = (Size(4, 128, 4, 64, 96, 12, 40, 48), Size(6, 384, 6, 256, 96, 8, 4, 200), Size(12, 768, 12, 1024, 50_257, 1, 2, 32))


def theirs(size: Size) -> Any:
    """GPT-2 with random weights."""
    torch.manual_seed(1)
    config = transformers.GPT2Config(
        vocab_size=size.vocabulary,
        n_positions=size.context,
        n_embd=size.width,
        n_layer=size.layers,
        n_head=size.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=1,
        eos_token_id=None,
        pad_token_id=0,
    )
    return transformers.GPT2LMHeadModel(config)


def our_own(size: Size, model: Any) -> GPT:
    """The same network with the same weights here. Theirs keep matrices transposed."""
    spec = Spec(inputs={"text": Tokens(vocabulary=size.vocabulary, longest=10_000, lines=False)}, train_size=1)
    cls = find("gpt")
    names = {"context": size.context, "width": size.width, "heads": size.heads, "layers": size.layers}
    network = cls(cls.Config.read({**names, "dropout": 0.0, "batch": size.batch}, "gpt"), spec, find_task("text-generation"))
    assert isinstance(network, GPT)
    t = model.transformer
    pairs: list[tuple[nn.Module, nn.Module]] = [(network.embed, t.wte), (network.place, t.wpe), (network.norm, t.ln_f)]
    for mine, h in zip(network.layers, t.h):
        pairs += [(mine.norm1, h.ln_1), (mine.norm2, h.ln_2), (mine.qkv, h.attn.c_attn), (mine.proj, h.attn.c_proj)]
        pairs += [(mine.up, h.mlp.c_fc), (mine.down, h.mlp.c_proj)]
    with torch.no_grad():
        for to, came in pairs:
            for name, parameter in to.named_parameters():
                given = getattr(came, name)
                parameter.copy_(given.T if isinstance(to, nn.Linear) and name == "weight" else given)
    return network


def training(size: Size, repeats: int, compiled: bool) -> dict[str, Any]:
    """Milliseconds a step, and the losses after them, which must agree."""
    text_T = torch.randint(
        4, size.vocabulary, (size.batch * size.context * size.steps * 2,), generator=torch.Generator().manual_seed(3)
    )
    model = theirs(size)
    spec = our_own(size, model).spec
    data = Dataset(spec, {"text": {"values": text_T.to(torch.int32), "offsets": torch.tensor([0, len(text_T)])}})
    ended: dict[str, float] = {}
    compiled_model: list[Any] = []

    def ours(name: str, compile: bool) -> float:
        network = our_own(size, theirs(size))
        chosen = Settings(budget=f"{size.steps}steps", seed=3, device="cpu", compile=compile)
        outcome = train(network, Parts(data, None, None), chosen)
        ended[name] = loss_of(lambda x: outcome.network({"text": _sequence(x)})["text"])
        return outcome.seconds / outcome.steps

    def loss_of(logits: Callable[[torch.Tensor], torch.Tensor]) -> float:
        x = text_T[: size.context + 1].view(1, -1).long()
        with torch.no_grad():
            return float(nn.functional.cross_entropy(logits(x[:, :-1])[0].float(), x[0, 1:]))

    def loop(model: Any, name: str) -> float:
        network = our_own(size, theirs(size))
        (stage,) = network.stages(network.task)
        (move,) = stage.moves
        how = move.optimizer
        groups = [
            {"params": [p for p in model.parameters() if p.ndim >= 2]},
            {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=how.lr, betas=how.betas, weight_decay=how.weight_decay, fused=True)
        assert stage.feed is not None
        stream = stage.feed.open(data, network, 3, 0)
        from nnzoo.training.optimisers import factor

        model.train()
        began = time.perf_counter()
        for step in range(size.steps):
            for group in optimizer.param_groups:
                group["lr"] = how.lr * factor(how.schedule, step, size.steps)
            tokens_BT = stream.at(step).inputs["text"].tokens_BT
            logits_BTV = model(tokens_BT[:, :-1], use_cache=False).logits
            nn.functional.cross_entropy(logits_BTV.flatten(0, 1), tokens_BT[:, 1:].flatten()).backward()
            nn.utils.clip_grad_norm_(model.parameters(), move.clip)
            optimizer.step()
            optimizer.zero_grad()
        seconds = (time.perf_counter() - began) / size.steps
        model.eval()
        ended[name] = loss_of(lambda x: model(x).logits)
        return seconds

    def eager() -> float:
        return loop(theirs(size), "transformers, eager")

    def fast() -> float:
        if not compiled_model:
            compiled_model.append(torch.compile(theirs(size)))
            loop(compiled_model[0], "warm-up")
        compiled_model[0].load_state_dict({f"_orig_mod.{name}": value for name, value in theirs(size).state_dict().items()})
        return loop(compiled_model[0], "transformers, compiled")

    sides: dict[str, Callable[[], float]] = {"transformers, eager": eager, "nnzoo": lambda: ours("nnzoo", False)}
    if compiled:
        sides |= {"transformers, compiled": fast, "nnzoo, compiled": lambda: ours("nnzoo, compiled", True)}
        sides["nnzoo, compiled"]()
    found = interleaved(sides, repeats)
    ended.pop("warm-up", None)
    return {
        "steps": size.steps,
        "ms_a_step": {name: float(np.median(seconds) * 1e3) for name, seconds in found.items()},
        **{
            f"{name} / {own}": ratio_of(seconds, found[own])
            for name, seconds in found.items()
            for own in found
            if own.startswith("nnzoo") and not name.startswith("nnzoo")
        },
        "loss_afterwards": ended,
    }


def _sequence(tokens_BT: torch.Tensor) -> Any:
    from nnzoo.core.fields import Sequences

    return Sequences(tokens_BT, torch.full((len(tokens_BT),), tokens_BT.shape[1]))


@torch.no_grad()
def writing(size: Size, repeats: int, rows: int, compiled: bool) -> dict[str, Any]:
    """Tokens a second, and whether both sides write the same."""
    model = theirs(size).eval()
    network = our_own(size, model).eval()
    prompt = torch.randint(4, size.vocabulary, (rows, 16), generator=torch.Generator().manual_seed(5))
    said: dict[str, Any] = {}

    def ours(tokens: int = size.written) -> float:
        began = time.perf_counter()
        made = write(network, prompt.tolist(), tokens=tokens, temperature=0.0, opening=4, never=())
        seconds = time.perf_counter() - began
        said["nnzoo"] = made
        return seconds

    def hf(name: str, **how: Any) -> Callable[[], float]:
        def run() -> float:
            began = time.perf_counter()
            out = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=size.written,
                min_new_tokens=size.written,
                do_sample=False,
                **how,
            )
            seconds = time.perf_counter() - began
            said[name] = out[:, 16:].tolist()
            return seconds

        return run

    sides: dict[str, Callable[[], float]] = {
        "transformers, dynamic cache": hf("transformers, dynamic cache"),
        "nnzoo": ours,
        "transformers, static cache": hf("transformers, static cache", cache_implementation="static", disable_compile=True),
    }
    if compiled:
        sides["transformers, static cache, compiled"] = hf("transformers, static cache, compiled", cache_implementation="static")
    for side in sides.values():
        side()
    found = interleaved(sides, repeats)
    best = min((name for name in found if name != "nnzoo"), key=lambda name: float(np.median(found[name])))
    result = {
        "rows": rows,
        "tokens": size.written,
        "tokens_a_second": {name: rows * size.written / float(np.median(seconds)) for name, seconds in found.items()},
        "best of transformers": best,
        "best of transformers / nnzoo": ratio_of(found[best], found["nnzoo"]),
        "same_tokens": float(np.mean(np.array(said["nnzoo"]) == np.array(said[best]))),
    }
    read = sum(p.numel() for name, p in network.named_parameters() if not name.startswith("place")) * 4
    result["megabytes_read_a_token"] = read / 1e6
    rate = bandwidth()
    seconds = float(np.median(found["nnzoo"])) / size.written
    result["share_of_bandwidth"] = read / rate / seconds
    after_prompt = (float(np.median(found["nnzoo"])) - float(np.median([ours(1) for _ in range(repeats)]))) / (size.written - 1)
    result["share_of_bandwidth_after_the_prompt"] = read / rate / after_prompt
    result["bandwidth_gigabytes_a_second"] = rate / 1e9
    return result


@torch.no_grad()
def bandwidth() -> float:
    """Bytes a second of the fastest of ten products of a matrix of 400 MB with a vector, which reads all of it once."""
    matrix, vector = torch.ones(10_000, 10_000), torch.ones(10_000)
    return 4e8 / min(timed(lambda: torch.mv(matrix, vector)) for _ in range(10))


def timed(do: Callable[[], Any]) -> float:
    """Seconds of a call."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def cache(size: Size) -> dict[str, Any]:
    """Bytes of the cache of one text of 1,024 symbols beside the least: two numbers a layer, position and place of the width."""
    longer = size._replace(context=1024)
    state = our_own(longer, theirs(longer)).start(1, 1024)
    held = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in (*state.keys, *state.values)}
    least = bytes_needed(1, size.layers, size.heads, 1024, size.width // size.heads)
    return {"bytes": sum(held.values()), "least": least, "ratio": sum(held.values()) / least}


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="0,1,2")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # both sides
    transformers.logging.set_verbosity_error()
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result: dict[str, Any] = {
        "what": "GPT beside transformers' GPT-2: the same size, weights and data",
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "commit": commit,
        "sizes": {},
    }
    for place in map(int, options.sizes.split(",")):
        size = SIZES[place]
        found = {"size": size._asdict(), "training": training(size, options.repeats, options.compile)}
        found["writing"] = [writing(size, options.repeats, rows, options.compile) for rows in (1, 16)]
        found["cache of 1,024"] = cache(size)
        result["sizes"][f"{size.layers} x {size.width}"] = found
        print(json.dumps(found, indent=1), flush=True)
        if options.out is not None:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
