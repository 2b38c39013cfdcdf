"""A run as it stands: network, place, memory, best weights; how it is saved, taken up again, handed over, and broken off."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from torch import Tensor

from nnzoo.core.dataset import Parts
from nnzoo.core.errors import Interrupted, NotFinite, RunError
from nnzoo.core.events import Event, Saved, Warned
from nnzoo.core.learning import Stage
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.training.checkpoints import Checkpoint, Checkpoints
from nnzoo.training.devices import device_of
from nnzoo.training.handover import gathered_memory, handed_over, own_memory, shared_checkpoint
from nnzoo.training.journal import Journal
from nnzoo.training.processes import Processes
from nnzoo.training.settings import Settings
from nnzoo.training.signals import Stop
from nnzoo.training.state import Place, found_of, put, rebuilt
from nnzoo.training.steps import Stepper

BEGIN = -3  # the place of what precedes the first step among the moves of a step, for seeds


class Standing:
    """What the loop carries on, and can put down at every step boundary."""

    def __init__(
        self,
        network: Network,
        parts: Parts,
        settings: Settings,
        folder: Path | None,
        listen: Sequence[Callable[[Event], Any]],
        told: Stop,
        processes: Processes | None,
    ):
        self.device = device_of(settings.device)
        self.network = network.to(self.device)
        self.parts = parts if parts.train.device == self.device else parts.to(self.device, parts.train.resident)
        self.settings, self.folder, self.listen = settings, folder, listen
        self.processes, self.first = processes, processes is None or processes.first
        if processes is not None and folder is not None:
            processes.way_on = f"the same command with --out {folder} --resume goes on"
        self.sharing: Processes | None = None  # those that share the work of this stage
        self.told = self.stop = told  # what this process is told, and what all that share the work have heard of it
        self.journal = Journal(folder if self.first else None)
        self.checkpoints = None if folder is None or not self.first else Checkpoints(folder)
        self.place, self.best_tensors, self.memory = Place(), dict[str, Tensor](), dict[str, Tensor]()
        self.restored: Checkpoint | None = None
        self.stepper: Stepper | None = None
        self.saved_at = time.perf_counter()

    @property
    def _own(self) -> tuple[int, ...]:
        """What makes a seed one of this process alone, where it has a share of the work."""
        return () if self.sharing is None else (self.sharing.rank,)

    def _first_memory(self, rows: int) -> dict[str, Tensor]:
        seed_default(self.settings.seed, self.place.stage, 1, BEGIN, *self._own)  # chains may begin at random
        return self.network.memory(rows)

    def _save(self) -> None:
        if self.folder is None:
            return
        if self.stepper is not None:
            self._check(self.stepper)
        memory = gathered_memory(self.sharing, self.memory)
        if self.checkpoints is None:
            return
        groups = {"model": self.network.state_dict(), "best": self.best_tensors, **memory}
        if self.stepper is not None:
            groups.update(self.stepper.tensors())
        facts = {"place": self.place.facts(), "found": found_of(self.network), "journal": self.journal.settle()}
        facts["processes"] = 1 if self.processes is None else self.processes.world
        path = self.checkpoints.save(Checkpoint(facts, groups))
        self.saved_at = time.perf_counter()
        self._tell(Saved(self.place.stage, self.place.step, str(path)))

    def _restore(self) -> None:
        """Take up the newest whole checkpoint; without one, begin anew."""
        if self.folder is None:
            raise RunError("there is no folder to resume from")
        checkpoint, warnings = (None, []) if self.checkpoints is None else self.checkpoints.load()
        if self.processes is not None:
            checkpoint = shared_checkpoint(self.processes, checkpoint)
        for text in warnings:
            self._tell(Warned(text))
        if checkpoint is None:
            self.journal.cut(0)
            return
        begun, now = checkpoint.facts.get("processes", 1), 1 if self.processes is None else self.processes.world
        if begun != now:
            raise RunError(f"{self.folder} was begun on {begun} process{'es' * (begun > 1)}; resume it on as many (now: {now})")
        self.place = Place(**checkpoint.facts["place"])
        self.network = rebuilt(self.network, checkpoint.facts["found"]).to(self.device)
        put(self.network, checkpoint.groups.get("model", {}))
        self.best_tensors = {n: t.to(self.device) for n, t in checkpoint.groups.get("best", {}).items()}
        self.memory = own_memory(self.processes, checkpoint.groups, self.device)
        self.journal.cut(checkpoint.facts["journal"])
        if self.place.steps is not None or self.place.yields:
            self.restored = checkpoint

    def _put_back(self, stepper: Stepper) -> None:
        assert self.restored is not None
        stepper.load(self.restored.groups)
        self.memory = own_memory(self.sharing, self.restored.groups, self.device)
        self.restored = None

    def _hand_over(self) -> None:
        """What the first process has learned alone, to all."""
        if self.processes is not None:
            before = self.network
            self.network, self.place = handed_over(self.processes, before, self.place, self.device)
            if self.settings.compile and self.network is not before:
                self.network.compile()

    def _signal(self) -> str:
        return self.told.signal or "a signal to another process"

    def _interrupt(self, stage: Stage) -> NoReturn:
        """Save, then say how to go on."""
        self._save()
        where = f"in stage '{stage.name}' at step {self.place.step or self.place.yields}"
        if self.folder is None:
            raise Interrupted(f"stopped by {self._signal()} {where}; nothing was saved, since no folder was given")
        self.journal.write("interrupted", signal=self._signal(), step=self.place.step)
        raise Interrupted(
            f"stopped by {self._signal()} {where}; all is saved: the same command with --out {self.folder} --resume goes on"
        )

    def _tell(self, event: Event) -> None:
        for listener in self.listen:
            listener(event)

    def _check(self, stepper: Stepper) -> None:
        try:
            stepper.check()
        except NotFinite as error:
            self.journal.write("not finite", stage=error.stage, step=error.step, move=error.move)
            raise
