"""Runs a function in several processes that meet as under torchrun. Each is a fork of this process, which has PyTorch loaded and
one thread, so that a group costs a tenth of a second; only torchrun's own part, starting and ending them, is not in it."""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import toys

from nnzoo import networks
from nnzoo.core.errors import NnzooError
from nnzoo.training import loop
from nnzoo.training.processes import Processes, together

LIMIT = 60  # seconds until a group is killed


@dataclass
class Ended:
    """How one process ended: its exit code (2: an error for people, which `error` names), what it returned, what it said."""

    code: int
    returned: Any
    error: str
    said: str


def ready() -> None:
    """Load what children need, before the first fork: some of it when a network is first trained."""
    torch.set_num_threads(1)
    for name in networks.names():
        networks.find(name)
    toys.run(toys.new(toys.Smooth))


def group(work: Callable[[Processes], Any], world: int = 2, timeout: float = 30) -> list[Ended]:
    """Run `work` in `world` processes at once; how they ended, by rank."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server, port = _store()
        children = [_fork(work, rank, world, port, timeout, folder) for rank in range(world)]
        try:
            deadline = time.monotonic() + LIMIT
            for child, pipe in children:
                if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    os.kill(child, signal.SIGKILL)
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child, _ in children]
        finally:
            os.kill(server, signal.SIGKILL)
            os.waitpid(server, 0)
            for _, pipe in children:
                os.close(pipe)
        return [_ended(code, folder / str(rank)) for rank, code in enumerate(codes)]


def results(work: Callable[[Processes], Any], world: int = 2) -> list[Any]:
    """What `work` returned in each of the processes, none of which failed."""
    ended = group(work, world)
    assert [one.code for one in ended] == [0] * world, [(one.code, one.error, one.said) for one in ended]
    return [one.returned for one in ended]


def at_step(number: int, rank: int, processes: Processes, act: Callable[[], Any]) -> None:
    """In one of the processes, do something before a step (counted over the whole run)."""
    inner, done = loop.Stepper.step, [0]

    def step(self: Any, *given: Any) -> None:
        done[0] += 1
        if done[0] == number and processes.rank == rank:
            act()
        inner(self, *given)

    loop.Stepper.step = step  # type: ignore[method-assign]


def signal_itself(which: int) -> Callable[[], None]:
    """An act for `at_step`."""
    return lambda: os.kill(os.getpid(), which)


def _store() -> tuple[int, int]:
    """A process that keeps the store, as torchrun does; its id and port."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        store = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=LIMIT))
        os.write(writes, str(store.port).encode())
        time.sleep(2 * LIMIT)
        os._exit(0)
    os.close(writes)
    port = int(os.read(reads, 16))
    os.close(reads)
    return child, port


def _fork(work: Callable[[Processes], Any], rank: int, world: int, port: int, timeout: float, folder: Path) -> tuple[int, int]:
    """A process of the group, and a pipe that is closed when it ends."""
    alive = os.pipe()
    child = os.fork()
    if child:
        os.close(alive[1])
        return child, alive[0]
    code = 3
    try:
        os.close(alive[0])
        said = os.open(folder / f"{rank}.said", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 2)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(world),
            MASTER_ADDR="localhost",
            MASTER_PORT=str(port),
            TORCHELASTIC_USE_AGENT_STORE="True",
            TORCHELASTIC_RESTART_COUNT="0",
        )
        code = _child(work, timeout, folder / str(rank))
    finally:
        if code == 3:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)


def _child(work: Callable[[Processes], Any], timeout: float, path: Path) -> int:
    """Do the work as the command line would, but for the imports; the exit code."""
    try:
        with together(timeout) as processes:
            assert processes is not None
            torch.save(work(processes), path)
        return 0
    except NnzooError as error:
        path.with_suffix(".error").write_text(f"{type(error).__name__}: {error}")
        if not error.said:
            print(f"nnzoo: {error}", file=sys.stderr)
        return 2


def _ended(code: int, path: Path) -> Ended:
    returned = torch.load(path, weights_only=False) if path.exists() else None
    error, said = path.with_suffix(".error"), path.with_suffix(".said")
    return Ended(code, returned, error.read_text() if error.exists() else "", said.read_text() if said.exists() else "")
