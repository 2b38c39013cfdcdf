"""Layers called as plain functions while a network writes.

A symbol of one row costs a small network a few microseconds a product, and as much again for every time that a layer is found and
called as a module: looked up by name in three tables, asked for hooks, and then run. With nothing hooked to it this is its
`forward` and no more, so that is what stands under its name while the context lasts. The numbers are the same to the bit, and a GPT
of 4 x 128 writes one row in two thirds of the time (in torch's inference mode, which is part of that).

Layers are exchanged whose parameters nobody asks them for; those that somebody has hooked stay. Of two threads that write with one
network the second waits for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, RLock
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from nnzoo.blocks.attention import Attend
from nnzoo.blocks.packed import Tied, packed
from nnzoo.blocks.probe import Probe

_RUN = (nn.Linear, Tied, nn.LayerNorm, nn.RMSNorm, Attend)
_PASS = (nn.Identity, nn.Dropout, Probe)  # what does nothing in a network that does not learn

_turns: WeakKeyDictionary[object, Any] = WeakKeyDictionary()  # a lock for each network that has written
_turns_change = Lock()


@contextmanager
def written_with(network: Any, rows: int, times: int) -> Iterator[None]:
    """While it lasts, the network does not learn and multiplies `rows` rows by matrices laid out for them, `times` times or so, in
    plain calls; then it is as it was."""
    with _turns_change:
        turn = _turns.setdefault(network, RLock())
    with turn:
        was_training = network.training
        network.eval()
        try:
            with packed(network, rows, times), direct(network):
                yield
        finally:
            if was_training:
                network.train()


@contextmanager
def direct(network: object) -> Iterator[None]:
    """While it lasts, layers of a network that does not learn are called without what surrounds a module."""
    changed: list[tuple[nn.Module, str]] = []
    if isinstance(network, nn.Module) and not network.training:
        for parent in network.modules():
            if isinstance(parent, Attend):
                continue  # it asks its probe for hooks itself
            for name, child in parent.named_children():
                plain = _plain(child)
                if plain is not None:
                    vars(parent)[name] = plain  # found before the module of this name, which stays where it is
                    changed.append((parent, name))
    try:
        yield
    finally:
        for parent, name in changed:
            vars(parent).pop(name, None)


def _plain(module: nn.Module) -> Callable[..., Any] | None:
    """What a module does when it is called, as far as that is its `forward` alone."""
    if module.training or module._forward_hooks or module._forward_pre_hooks:
        return None
    if type(module) in _PASS:
        return _same
    return module.forward if type(module) in _RUN else None


def _same(x: Any) -> Any:
    return x
