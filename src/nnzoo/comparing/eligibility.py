"""Which kinds may start: those that say they can do the task on these data; the others keep their sentence."""

from __future__ import annotations

from collections.abc import Sequence

from nnzoo import networks
from nnzoo.comparing.entries import Refused
from nnzoo.core.errors import ConfigError, Unsuitable
from nnzoo.core.fields import Spec
from nnzoo.core.network import Network, No
from nnzoo.core.task import Task


def eligible(kinds: Sequence[str | type[Network]] | None, spec: Spec, task: Task) -> tuple[dict[str, type[Network]], list[Refused]]:
    """Kinds that can, by name, and those that cannot. `kinds` are names, paths of Python files or classes; None: all there are.

    Raises ConfigError for an unknown or repeated name, Unsuitable if none of the kinds can.
    """
    able: dict[str, type[Network]] = {}
    refused: list[Refused] = []
    for chosen in networks.names() if kinds is None else kinds:
        kind = networks.find(chosen) if isinstance(chosen, str) else chosen
        name = kind.kind or kind.__name__.lower()
        if name in able:
            raise ConfigError(f"kind '{name}' is named twice; each runs once in a comparison")
        answer = kind.can(spec, task)
        if isinstance(answer, No):
            refused.append(Refused(name, str(answer)))
        else:
            able[name] = kind
    if not able:
        why = "; ".join(r.why for r in refused) or "no kind was named"
        raise Unsuitable(f"none of the kinds can do {task.name} on these data: {why}")
    return able, refused
