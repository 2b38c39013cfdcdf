"""What the kill harness sets in a child before it trains: where it is, when it dies, and what its checkpoints forget."""

from __future__ import annotations

import mmap
import os
import signal
from collections.abc import Callable
from typing import Any

import torch

from nnzoo.training import loop
from nnzoo.training.checkpoints import Checkpoint, Checkpoints
from nnzoo.training.steps import Stepper

Hook = Callable[[], None]
SYSTEM_CALLS = ("open", "write", "fsync", "close", "rename", "unlink", "mkdir", "truncate")
PLACES = ("between", "step", "look", "rule", "save")


def marking(shared: mmap.mmap, begun: int) -> None:
    """Write into the shared byte where in the loop the child is; write to `begun` when training begins."""
    run = loop._Run.run

    def begin(*given: Any) -> Any:
        os.write(begun, b"b")
        return run(*given)

    loop._Run.run = begin

    def marked(owner: type, method: str, place: str) -> None:
        inner = getattr(owner, method)

        def call(*given: Any, **named: Any) -> Any:
            before, shared[0] = shared[0], PLACES.index(place)
            try:
                return inner(*given, **named)
            finally:
                shared[0] = before

        setattr(owner, method, call)

    for owner, method, place in (
        (loop._Run, "_save", "save"),
        (loop._Run, "_look", "look"),
        (loop._Run, "_solve", "rule"),
        (Stepper, "step", "step"),
    ):
        marked(owner, method, place)


def in_save(number: int, inside: Callable[[bool], None]) -> None:
    """Call `inside(True)` before the `number`-th save and `inside(False)` after it."""
    inner, saves = loop._Run._save, [0]

    def save(self: Any) -> None:
        saves[0] += 1
        if saves[0] == number:
            inside(True)
        inner(self)
        if saves[0] == number:
            inside(False)
        self.saved_at = float("-inf")  # at every step, so that the number of saves is no matter of time

    loop._Run._save = save


def at_call(save: int, nth: int, torn: bool = False) -> Hook:
    """Die just before the `nth` system call of the `save`-th save; `torn`: in the middle of its `nth` write instead."""

    def hook() -> None:
        armed, count = [False], [0]

        def deadly(name: str) -> Callable[..., Any]:
            inner = getattr(os, name)

            def call(*given: Any, **named: Any) -> Any:
                count[0] += armed[0]
                if armed[0] and count[0] == nth:
                    if torn:
                        inner(given[0], bytes(given[1][: len(given[1]) // 2]))
                    os.kill(os.getpid(), signal.SIGKILL)
                return inner(*given, **named)

            return call

        for name in ("write",) if torn else SYSTEM_CALLS:
            setattr(os, name, deadly(name))
        in_save(save, lambda on: armed.__setitem__(0, on))

    return hook


def _forget(group: str) -> Hook:
    return _edited(lambda checkpoint: checkpoint.groups.pop(group, None))


def _edited(edit: Callable[[Checkpoint], Any]) -> Hook:
    def hook() -> None:
        inner = Checkpoints.load

        def load(self: Checkpoints) -> Any:
            checkpoint, warnings = inner(self)
            if checkpoint is not None:
                edit(checkpoint)
            return checkpoint, warnings

        Checkpoints.load = load

    return hook


def _forget_memory() -> None:
    inner = loop._Run._put_back

    def put_back(self: Any, stepper: Any) -> None:
        anew = self.memory
        inner(self, stepper)
        self.memory = anew

    loop._Run._put_back = put_back


FAULTS: dict[str, Hook] = {  # what a careless checkpoint might leave out
    "none": _edited(lambda checkpoint: None),
    "feed position": _edited(lambda checkpoint: checkpoint.facts["place"].update(drawn=0)),
    "optimiser": _forget("optimizer"),
    "averaged weights": _forget("ema"),
    "best weights": _forget("best"),
    "memory": _forget_memory,
    "patience": _edited(lambda checkpoint: checkpoint.facts["place"].update(since=0)),
    "running loss": _edited(lambda checkpoint: checkpoint.groups["sums"].update(loss=torch.zeros(2, dtype=torch.float64))),
    "metrics": _forget("metrics"),
    "step": _edited(lambda checkpoint: checkpoint.facts["place"].update(step=max(0, checkpoint.facts["place"]["step"] - 1))),
}
