"""A race on several processes of one machine.

Each worker is a fresh process that maps the data into its memory, runs one candidate after another and tells what happens. One
that dies costs its candidate, not the race; none outlives the race, whatever ends it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch

from nnzoo.comparing.candidate import Given, Request, Result, run_candidate
from nnzoo.comparing.running import Race, Told, run_here, warm_up
from nnzoo.comparing.sharing import map_arrays, pack, received, sent, sent_back, taken_back, unpack, write_arrays
from nnzoo.core.errors import ConfigError, Interrupted
from nnzoo.core.events import Event

# what a worker needs sooner or later: seconds of imports, done once and not by each
NEEDED = ["nnzoo.comparing.workers", "nnzoo.comparing.tree_baselines", "nnzoo.data.prepare", "nnzoo.training.loop", "torch._dynamo"]
Data = tuple[bytes, Path, list[tuple[int, int]]]  # what `pack` gave, the file of the arrays, and their places in it


class Runner(Protocol):
    """What runs the candidates of a race: `count` at once, each on `threads` threads."""

    count: int
    threads: int

    def __enter__(self) -> Any:
        """Ready to run."""

    def __exit__(self, *error: Any) -> None:
        """Nothing is left of it."""

    def run(self, race: Race) -> None:
        """All candidates of a race."""


def runner_for(workers: int | str) -> Runner:
    """A runner on that many processes ("1": this one), or on a Ray cluster ("ray://HOST:PORT", "ray://local").

    Raises ConfigError if it is neither.
    """
    if str(workers).startswith("ray://"):
        from nnzoo.comparing.cluster import OnRay

        return OnRay(str(workers))
    if not str(workers).isdecimal() or int(workers) < 1:
        raise ConfigError(f"workers '{workers}' is not understood; give a number of processes, ray://local or ray://HOST:PORT")
    return Here() if int(workers) == 1 else Processes(int(workers))


class Here:
    """This process, one candidate after another."""

    count = 1

    def __init__(self) -> None:
        self.threads = torch.get_num_threads()

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def run(self, race: Race) -> None:
        """All candidates of a race."""
        run_here(race)


class Processes:
    """Several processes of this machine, which share its cores: none computes with more threads than its part of them."""

    def __init__(self, count: int):
        self.count = count
        self.threads = max(1, min(torch.get_num_threads(), cores() // count))
        self.workers: list[_Worker] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: Any) -> None:
        for worker in self.workers:
            worker.end()
        self.workers = []

    def run(self, race: Race) -> None:
        """All candidates of a race. Raises Interrupted after a signal; then, as after any error, no worker is left."""
        given = race.given
        race.workers = self.count
        skeleton, arrays = pack((given.spec, given.judge, given.host))
        with tempfile.TemporaryDirectory(prefix="nnzoo-") as folder, _signals_raise():
            path = Path(folder) / "data"
            data = skeleton, path, write_arrays(arrays, path)
            with self:
                self._run(race, data)

    def _run(self, race: Race, data: Data) -> None:
        idle: list[_Worker] = []
        while True:
            while (idle or len(self.workers) < self.count) and (request := race.next()) is not None:
                if not idle:
                    idle.append(_Worker(len(self.workers), data, race.settings.device, self.threads))
                    self.workers.append(idle[0])
                idle.pop(0).begin(request)
            busy = {worker.connection: worker for worker in self.workers if worker.request is not None}
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                request, told = worker.request, worker.hear()
                assert request is not None
                if isinstance(told, Event):
                    race.tell(Told(worker.number, request.kind, request.settings.seed, request.trial, told))
                    continue
                result = taken_back(told, race.given, request) if isinstance(told, bytes) else Result(worker.fate(request))
                if not isinstance(told, bytes):
                    worker = self.workers[worker.number] = _Worker(worker.number, data, race.settings.device, self.threads)
                worker.request = None
                idle.append(worker)
                race.take(request, result)


class _Worker:
    """One process, as its parent sees it."""

    def __init__(self, number: int, data: Data, device: str, threads: int):
        processes = _fresh_processes()
        self.number = number
        self.request: Request | None = None
        self.connection, theirs = processes.Pipe()
        self.process = processes.Process(target=work, args=(theirs, data, device, threads), daemon=True)
        self.process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def begin(self, request: Request) -> None:
        """Send a candidate."""
        self.request = request
        self.connection.send_bytes(sent(request))

    def hear(self) -> Event | bytes | None:
        """What it tells: an event, a result, or None if it is no more."""
        try:
            message = self.connection.recv_bytes()
        except (EOFError, OSError):
            return None
        return message[1:] if message[:1] == RESULT else pickle.loads(message[1:])

    def fate(self, request: Request) -> str:
        """Why it is no more, in a sentence."""
        self.end()
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            why = " (perhaps the machine was short of memory: try fewer --workers)" if name == "SIGKILL" else ""
            return f"the worker process that ran {request.kind} was ended by {name}{why}"
        return (
            f"the worker process that ran {request.kind} failed with exit code {code}; its own words stand above "
            '(in a script, compare with workers belongs under `if __name__ == "__main__":`)'
        )

    def end(self) -> None:
        """No process and no pipe is left."""
        self.connection.close()
        self.process.join(0.2)  # one that has died says how; one that waits sees the pipe closed
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()


def _fresh_processes() -> Any:
    """Processes that share no state with this one. On Linux a server that has imported what they need, and done nothing else,
    forks them; elsewhere each imports it."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(NEEDED)
    return processes


EVENT, RESULT = b"e", b"r"


def work(connection: Connection, data: Data, device: str, threads: int) -> None:
    """A worker process: candidates in, events and results out, until the pipe is closed or the parent is gone."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    torch.set_num_threads(threads)
    skeleton, path, places = data
    spec, judge, host = unpack(skeleton, map_arrays(path, places))
    given = Given.on(device, spec, judge, host)
    warm_up()

    def tell(event: Event) -> None:
        connection.send_bytes(EVENT + pickle.dumps(event))

    with threadpool_limits(threads):
        while True:
            try:
                message = connection.recv_bytes()
            except EOFError:
                return
            connection.send_bytes(RESULT + sent_back(answered(given, message, tell)))


def answered(given: Given, message: bytes, tell: Callable[[Event], Any]) -> Result:
    """The result of a request that was sent here."""
    try:
        return run_candidate(given, received(message), tell)
    except Interrupted as error:  # somebody ended this one worker
        return Result(str(error))


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _signals_raise() -> Iterator[None]:
    """While open, SIGINT and SIGTERM raise Interrupted at once, so that workers are ended and shared files removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        raise Interrupted(f"stopped by {signal.Signals(number).name}; a comparison is not kept, so begin it again")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
