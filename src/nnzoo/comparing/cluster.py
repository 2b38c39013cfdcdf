"""A race on a Ray cluster: the same candidates as tasks; the data lie once in the cluster's store, which tasks read in place."""

from __future__ import annotations

from typing import Any

import torch

from nnzoo.comparing.candidate import Given, Request, Result
from nnzoo.comparing.running import Race, warm_up
from nnzoo.comparing.sharing import pack, sent, sent_back, taken_back, unpack
from nnzoo.comparing.workers import answered
from nnzoo.core.errors import ConfigError, RunError

LOCAL = "ray://local"


class OnRay:
    """A cluster at `ray://HOST:PORT`, or one on this machine that lasts as long as the race. Each task has one core, and a GPU
    where the cluster has them.

    A cluster that this process is connected to already is taken as it is. What a run tells on its way stays there; its beginning
    and end are told. Raises ConfigError where Ray is missing, RunError where there is no cluster at the address.
    """

    threads = 1

    def __init__(self, address: str):
        self.address, self.ray = address, _ray()
        self.ours = False
        self.count = 1

    def __enter__(self) -> OnRay:
        ray = self.ray
        if not ray.is_initialized():
            where = {"include_dashboard": False} if self.address == LOCAL else {"address": self.address}
            try:
                ray.init(log_to_driver=False, **where)
            except (ConnectionError, RuntimeError, ValueError) as error:
                why = " ".join(str(error).split()) or type(error).__name__
                raise RunError(
                    f"no Ray cluster answers at {self.address} ({why}); look at the address, or take ray://local"
                ) from None
            self.ours = True
        resources = ray.cluster_resources()
        self.gpus = 1 if resources.get("GPU") else 0
        self.count = max(1, int(resources.get("GPU" if self.gpus else "CPU", 1)))
        return self

    def __exit__(self, *error: Any) -> None:
        if self.ours:
            self.ray.shutdown()

    def run(self, race: Race) -> None:
        """All candidates of a race; after an error or a signal the tasks that are on are cancelled."""
        ray, given, device = self.ray, race.given, race.settings.device
        race.workers = self.count
        skeleton, arrays = pack((given.spec, given.judge, given.host))
        data = ray.put((skeleton, arrays))
        gpus = 0 if device == "cpu" else self.gpus
        # a task that dies has its own end; running it again would hide that
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(_task)
        tasks: dict[Any, Request] = {}
        try:
            while True:
                while len(tasks) < self.count and (request := race.next()) is not None:
                    tasks[task.remote(data, device, sent(request))] = request
                if not tasks:
                    return
                (ready, *_), _ = ray.wait(list(tasks))
                request = tasks.pop(ready)
                race.take(request, self._result(ready, given, request))
        finally:
            for reference in tasks:
                ray.cancel(reference, force=True)

    def _result(self, ready: Any, given: Given, request: Request) -> Result:
        try:
            return taken_back(self.ray.get(ready), given, request)
        except self.ray.exceptions.RayError as error:
            why = str(error).strip().splitlines()
            return Result(f"the task that ran {request.kind} failed on the cluster: {why[-1] if why else type(error).__name__}")


def _task(data: tuple[bytes, list[Any]], device: str, message: bytes) -> bytes:
    """One candidate, on any machine of the cluster."""
    torch.set_num_threads(OnRay.threads)
    skeleton, arrays = data
    given = Given.on(device, *unpack(skeleton, arrays))
    warm_up()
    return sent_back(answered(given, message, lambda event: None))


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ConfigError("workers on a cluster need Ray; install it with: pip install 'nnzoo[cluster]'") from None
    return ray
