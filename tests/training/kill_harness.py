"""Kill a training process with SIGKILL, resume it, and compare what comes out with the uninterrupted run, bit by bit.

    python tests/training/kill_harness.py --kills 100 --calls --out kills.json

Each try is a fork of this process, which has PyTorch loaded and one thread, so a kill costs a tenth of a second. A shared byte
says where in the loop the child is, so that the summary can tell where the kills hit.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import platform
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from kill_cases import CASES
from kill_hooks import FAULTS, PLACES, Hook, at_call, in_save, marking

from nnzoo.core.events import StageEnded
from nnzoo.training import loop
from nnzoo.training.checkpoints import Checkpoints
from nnzoo.training.journal import read_journal
from nnzoo.training.steps import Stepper

MOST_KILLS = 5  # of one run, before it may finish


# ---- in the child


def work(name: str, folder: Path) -> dict[str, Any]:
    """Train a case to its end, going on from whatever `folder` holds; all that must not depend on kills."""
    network, parts = CASES[name].make()
    steppers: list[Stepper] = []
    ended: dict[int, Any] = {}

    class Noted(Stepper):
        def __init__(self, *given: Any, **named: Any):
            super().__init__(*given, **named)
            steppers.append(self)

    def listen(event: Any) -> None:
        if isinstance(event, StageEnded) and steppers:
            groups = steppers.pop().tensors()
            ended[event.stage] = {f"{g}/{n}": t.detach().clone() for g, named in groups.items() for n, t in named.items()}

    loop.Stepper = Noted
    began = time.perf_counter()
    outcome = loop.train(network, parts, CASES[name].settings, folder, [listen], resume=True)
    return {
        "took": time.perf_counter() - began,
        "weights": {key: tensor.clone() for key, tensor in outcome.network.state_dict().items()},
        "stages": ended,
        "found": json.dumps(outcome.network.found, sort_keys=True),
        "history": _timeless(outcome.history),
        "journal": _timeless(read_journal(folder)),
        "counters": (outcome.steps, outcome.epochs, outcome.stopped, repr(outcome.validation)),
    }


def _timeless(lines: list[dict[str, Any]]) -> list[str]:
    return [json.dumps({k: v for k, v in line.items() if k != "seconds"}, sort_keys=True) for line in lines]


def differences(whole: dict[str, Any], resumed: dict[str, Any]) -> list[str]:
    """What is not the same, by name. Optimisers are compared for the stages that ended after the last resumption."""
    found = [f"weights: {name}" for name in _unlike(whole["weights"], resumed["weights"])]
    for stage, tensors in resumed["stages"].items():
        found += [f"stage {stage}: {name}" for name in _unlike(whole["stages"][stage], tensors)]
    return found + [key for key in ("found", "history", "journal", "counters") if whole[key] != resumed[key]]


def _unlike(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    def bits(tensor: torch.Tensor) -> bytes:
        return tensor.contiguous().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()

    return [
        n
        for n in {**one, **other}
        if n not in one or n not in other or one[n].shape != other[n].shape or bits(one[n]) != bits(other[n])
    ]


# ---- in the parent


def ready() -> None:
    """One thread, and everything loaded that a child would otherwise load anew each time: faster, and a file that is edited
    meanwhile changes nothing."""
    torch.set_num_threads(1)
    for case in CASES.values():
        case.make()
    for name in ("toy smooth", "toy players"):
        with scratch() as folder:
            network, parts = CASES[name].make()
            loop.train(network, parts, CASES[name].settings, folder)


def fork(name: str, folder: Path, hook: Hook | None, result: Path) -> tuple[int, int]:
    """Train a case in a child; its process id and a pipe that is closed when it ends. The result is a file."""
    alive = os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.close(alive[0])
            if hook is not None:
                hook()
            torch.save(work(name, folder), result)
            code = 0
        finally:
            if code:
                traceback.print_exc()
            os._exit(code)
    os.close(alive[1])
    return child, alive[0]


def ended(child: int, pipe: int, seconds: float | None = None) -> bool:
    """Wait for a child; after `seconds` kill it. Whether it finished by itself; RuntimeError if it failed."""
    if seconds is not None and not select.select([pipe], [], [], seconds)[0]:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(pipe)
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the child failed with {code}; its traceback is above")
    return code == 0


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one run, in memory where there is such a place: a kill leaves the system's own caches as they are."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="kills-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def uninterrupted(name: str) -> dict[str, Any]:
    """What a case gives when nothing disturbs it."""
    with scratch() as folder:
        assert ended(*fork(name, folder / "run", None, folder / "result"))
        return torch.load(folder / "result", weights_only=False)


def finish(name: str, folder: Path, whole: dict[str, Any], hook: Hook | None = None, saved: int = 0) -> list[str]:
    """Resume in a child to the end; the differences from the uninterrupted run. Beginning anew would give the same bits: after
    `saved` saves a whole checkpoint must have been left, of the last or the one before it."""
    found = []
    if saved:
        checkpoint, warnings = Checkpoints(folder / "run").load()
        if checkpoint is None or warnings or Checkpoints(folder / "run").number < saved:
            found = ["what was saved before is lost"]
    assert ended(*fork(name, folder / "run", hook, folder / "result"))
    return found + differences(whole, torch.load(folder / "result", weights_only=False))


def random_kills(name: str, whole: dict[str, Any], draw: random.Random, most: int = MOST_KILLS) -> dict[str, Any]:
    """One run, killed up to `most` times at random moments, then finished; where the kills hit and what differs."""
    shared, hits, halves = mmap.mmap(-1, 1), Counter[str](), 0
    with scratch() as folder:
        for _ in range(most):
            shared[0], begun = 0, os.pipe()
            child = fork(name, folder / "run", lambda begun=begun: marking(shared, begun[1]), folder / "result")
            os.close(begun[1])
            os.read(begun[0], 1)  # nothing, if the child has failed already
            finished = ended(*child, draw.uniform(0, 0.8 * whole["took"]))
            os.close(begun[0])
            if finished:
                break
            hits[PLACES[shared[0]]] += 1
            halves += any((folder / "run" / "checkpoints").glob(".*.tmp"))
        return {
            "kills": sum(hits.values()),
            "hits": dict(hits),
            "half-written files": halves,
            "differences": finish(name, folder, whole),
        }


def kills_at_calls(name: str, whole: dict[str, Any], save: int) -> Iterator[tuple[str, list[str]]]:
    """Die at every system call of one save, and in the middle of every write; (where, differences) for each."""
    for torn in (False, True):
        nth = 0
        while True:
            nth += 1
            with scratch() as folder:
                if ended(*fork(name, folder / "run", at_call(save, nth, torn), folder / "result")):
                    assert nth > 1, f"{name} came to its end before save {save}"
                    break  # this save has no more calls
                yield f"{'half of write' if torn else 'call'} {nth} of save {save}", finish(name, folder, whole, saved=save - 1)


def why_no_strace() -> str:
    """Empty if system calls can be intercepted from outside here, else the reason why not."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-f", "-o", os.devnull, "-e", "inject=fsync:signal=KILL:when=1", "true"], capture_output=True, text=True
    )
    return "" if tried.returncode == 0 else f"strace cannot trace here: {tried.stderr.strip()}"


def kill_by_strace(name: str, whole: dict[str, Any], call: str, when: int, save: int) -> list[str] | None:
    """Let the kernel's own entry into a system call be the moment; the differences, None if the save has no such call."""
    told, go = os.pipe(), os.pipe()

    def inside(begins: bool) -> None:
        os.write(told[1], b"b" if begins else b"e")
        os.read(go[0], 1)

    with scratch() as folder:
        child, pipe = fork(name, folder / "run", lambda: in_save(save, inside), folder / "result")
        os.close(told[1])
        if not os.read(told[0], 1):
            raise RuntimeError(f"{name} came to its end before save {save}")
        command = [
            "strace",
            "-f",
            "-o",
            os.devnull,
            "-p",
            str(child),
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:signal=KILL:when={when}",
        ]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None and re.search("attached", tracer.stderr.readline())
        os.write(go[1], b"g")
        select.select([told[0], pipe], [], [])
        survived = bool(os.read(told[0], 1)) if select.select([told[0]], [], [], 0)[0] else False
        if survived:
            os.kill(child, signal.SIGKILL)
        ended(child, pipe)
        tracer.wait()
        tracer.stderr.close()
        for end in (told[0], *go):
            os.close(end)
        return None if survived else finish(name, folder, whole, saved=save - 1)


def planted(name: str, fault: str, save: int) -> list[str]:
    """The differences when a run is killed in a save and resumed with a fault: none means that the fault went unseen."""
    whole = uninterrupted(name)
    with scratch() as folder:
        assert not ended(*fork(name, folder / "run", at_call(save, 1), folder / "result"))
        return finish(name, folder, whole, FAULTS[fault])


def main() -> None:
    """The long form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="random kills of each case")
    parser.add_argument("--cases", default="mlp,cnn,rbm,wgan_gp,gmdh", help=f"of {', '.join(CASES)}")
    parser.add_argument("--calls", action="store_true", help="also die at every system call of a save, from inside and by strace")
    parser.add_argument("--save", type=int, default=4, help="which save --calls looks at")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where to write the summary as JSON")
    options = parser.parse_args()
    ready()
    draw, summary, began = random.Random(options.seed), {}, time.perf_counter()
    for name in options.cases.split(","):
        summary[name] = case_summary(name, options.kills, options.calls, options.save, draw)
        print(name, json.dumps(summary[name]), flush=True)
    total = {
        "cases": summary,
        "kills": sum(case["kills"] for case in summary.values()),
        "differences": sum(len(case["differences"]) for case in summary.values()),
        "seconds": round(time.perf_counter() - began, 1),
        "torch": torch.__version__,
        "machine": platform.platform(),
    }
    if options.out:
        options.out.write_text(json.dumps(total, indent=1) + "\n")
    print(f"{total['kills']} kills, {total['differences']} differences, {total['seconds']} s")
    sys.exit(1 if total["differences"] else 0)


def case_summary(name: str, kills: int, calls: bool, save: int, draw: random.Random) -> dict[str, Any]:
    """The long form for one case."""
    whole = uninterrupted(name)
    hits, halves, runs, wrong = Counter[str](), 0, 0, list[str]()
    while sum(hits.values()) < kills:
        one = random_kills(name, whole, draw, min(MOST_KILLS, kills - sum(hits.values())))
        hits.update(one["hits"])
        halves, runs, wrong = halves + one["half-written files"], runs + 1, wrong + one["differences"]
    result: dict[str, Any] = {
        "seconds alone": round(whole["took"], 3),
        "random kills": dict(hits),
        "half-written files": halves,
        "runs": runs,
    }
    result["kills"] = sum(hits.values())
    if calls:
        at = list(kills_at_calls(name, whole, save))
        result["kills at calls"] = len(at)
        wrong += [f"{where}: {text}" for where, found in at for text in found]
        if not why_no_strace():
            traced = Counter[str]()
            for call in ("openat", "write", "fsync", "close", "rename", "unlink"):
                when = 1
                while (found := kill_by_strace(name, whole, call, when, save)) is not None:
                    traced[call] += 1
                    wrong += [f"strace {call} {when}: {text}" for text in found]
                    when += 1
            result["kills by strace"] = dict(traced)
        else:
            result["kills by strace"] = why_no_strace()
        result["kills"] += len(at) + sum(traced.values()) if not why_no_strace() else len(at)
    result["differences"] = wrong
    return result


if __name__ == "__main__":
    main()
