"""Several processes that train one network: how they meet, talk, and notice that one of them is gone.

torchrun starts them and keeps a small store that all can read. Each beats there once a second, from a thread of its own, and
listens to the beat of the next: so a process may be long away (a rule over the whole data set, a look at the validation part)
and is still known to be alive, and one that was killed or is frozen ends the run within `timeout` seconds instead of hanging it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from nnzoo.core.errors import ConfigError, NnzooError, RunError
from nnzoo.core.launch import local_rank, world
from nnzoo.training.signals import Stop

LOOK = 0.005  # seconds between two looks at whether a message has come
NEVER = timedelta(days=365)  # a missing beat ends the waiting, not a clock
STARTING = 60.0  # seconds that a process may take at least until its first beat
GRACE = 3.0  # seconds that the main thread has to end by itself once another process is lost
_meetings = itertools.count()


class Processes:
    """The processes that train together; this one is `rank` of `world`. What is under "talking" is called by all of them alike.

    `way_on` ends the sentence that is said if one is lost. Raises RunError wherever this process waits for one that is gone.
    """

    def __init__(self, timeout: float = 60.0):
        if dist.is_initialized():
            raise ConfigError("torch.distributed is in use already; call nnzoo before it, or destroy_process_group() first")
        meeting, self.rank, self.world = next(dist.rendezvous("env://", timeout=timedelta(seconds=max(timeout, STARTING))))
        place = f"nnzoo/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}/{next(_meetings)}"
        self.store = dist.PrefixStore(place, meeting.clone())  # a connection of its own: that of the group may be waiting
        self.timeout, self.way_on, self.lost = timeout, "start it again", ""
        self.broken = False  # whether this process has waited in vain
        self.told: Stop | None = None  # what signals tell this process; a signal to another one is passed on to the first
        self.neighbour, self.handle = (self.rank + 1) % self.world, -1
        self.closing = threading.Event()
        self.store.set(f"process/{self.rank}", str(os.getpid()))
        threading.Thread(target=self._beat, name="nnzoo heartbeat", daemon=True).start()
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        group = dist.PrefixStore(place, meeting)
        dist.init_process_group(backend, store=group, rank=self.rank, world_size=self.world, timeout=NEVER)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """The device of this process where a person says `name`: of several GPUs each process has its own."""
        return f"cuda:{local_rank()}" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else name

    # ---- talking

    def add(self, tensor: Tensor) -> None:
        """Replace a tensor by its sum over processes, which has the same bits in all of them."""
        self._wait(dist.all_reduce(tensor, async_op=True), patient=False)

    def largest(self, *figures: float) -> list[float]:
        """Of each figure the largest over processes."""
        together = torch.tensor(figures, dtype=torch.float64)
        self._wait(dist.all_reduce(together, dist.ReduceOp.MAX, async_op=True))
        return together.tolist()

    def share(self, data: bytes = b"") -> bytes:
        """What the first process gives, to all of them."""
        (length,) = self.largest(len(data) if self.first else 0)
        buffer = _bytes(data) if self.first else torch.empty(int(length), dtype=torch.uint8)
        self._wait(dist.broadcast(buffer, 0, async_op=True))
        return data if self.first else buffer.numpy().tobytes()

    def share_json(self, value: Any = None) -> Any:
        """`share` for what JSON can say."""
        return json.loads(self.share(json.dumps(value).encode() if self.first else b""))

    def gather(self, data: bytes) -> list[bytes]:
        """What each process gives, to the first; the others receive nothing."""
        lengths = torch.zeros(self.world, dtype=torch.long)
        lengths[self.rank] = len(data)
        self.add(lengths)
        padded = torch.zeros(int(lengths.max()), dtype=torch.uint8)
        padded[: len(data)] = _bytes(data)
        gathered = [torch.empty_like(padded) for _ in lengths] if self.first else None
        self._wait(dist.gather(padded, gathered, 0, async_op=True))
        return [] if gathered is None else [one[:length].numpy().tobytes() for one, length in zip(gathered, lengths)]

    def _wait(self, work: dist.Work | None, patient: bool = True) -> None:
        """Wait for others; `patient` where that may be long: then signals are heard meanwhile."""
        assert work is not None
        while patient and not work.is_completed():
            time.sleep(LOOK)
        try:
            work.wait()
        except RuntimeError:
            self.broken = True
            raise RunError(f"{self.lost or f'another of the {self.world} processes has ended'}; {self.way_on}") from None

    # ---- being there

    def _beat(self) -> None:
        """Beat, listen to the neighbour, pass signals on; if the neighbour is lost, say so and end."""
        heard, when, passed_on, lost = 0, time.monotonic(), False, ""
        while not lost:
            try:
                self.store.add(f"beat/{self.rank}", 1)
                beats, now = self.store.add(f"beat/{self.neighbour}", 0), time.monotonic()
                late = now - when > (self.timeout if heard else max(self.timeout, STARTING))
                if beats > heard:
                    self.handle = self.handle if heard else self._handle()
                    heard, when = beats, now
                elif late and not self.store.add(f"left/{self.neighbour}", 0):
                    lost = f"process {self.neighbour} of {self.world} has not been heard of for {self.timeout:g} s"
                told = self.told
                if told is not None and told and not passed_on:
                    passed_on = self.store.add("stop", 1) > 0
                elif told is not None and not told and self.first and self.store.add("stop", 0):
                    told.signal = "a signal to another process"
            except RuntimeError:
                lost, self.handle = "torchrun has ended", -1
            if self.closing.wait(min(1.0, self.timeout / 5)):
                return
        if self.claim():
            print(f"nnzoo: {lost}; {self.way_on}", file=sys.stderr, flush=True)
        self.lost = lost
        if self.handle >= 0:  # frozen, it can do nothing more for this run; torchrun would wait for it for half a minute
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        if not self.closing.wait(GRACE):  # the main thread waits for nobody, or on a device
            os._exit(2)

    def _handle(self) -> int:
        """What means the neighbour even after its process number is used again; -1 unless it is a child of the same torchrun."""
        number = int(self.store.get(f"process/{self.neighbour}"))
        with contextlib.suppress(OSError, AttributeError):  # on another machine, or no Linux
            handle = os.pidfd_open(number)
            parent = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[1]
            if int(parent) == os.getppid():
                return handle
            os.close(handle)
        return -1

    def claim(self) -> bool:
        """Whether this process is to say why the run ends: the one that asks first."""
        try:
            return self.store.add("said", 1) == 1
        except RuntimeError:
            return self.first

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the others; those that still wait for this process are told so, and who is to say why is settled."""
        if error is not None:
            if self.broken and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun ends those that are left: last words first
            claimed = self.claim()
            if isinstance(error, NnzooError):
                error.said = not claimed
        self.closing.set()
        with contextlib.suppress(RuntimeError):
            self.store.add(f"left/{self.rank}", 1)
        dist.destroy_process_group()


def together(timeout: float) -> contextlib.AbstractContextManager[Processes | None]:
    """The processes that torchrun has started, met for as long as this is open; None where this one is alone.

    An error of one ends all. The first to leave with an error is to say it; in the others it is marked as `said`.
    """
    return contextlib.nullcontext() if world() == 1 else Processes(timeout)


def _bytes(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
