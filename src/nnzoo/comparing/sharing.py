"""What candidates need and what came of them, on the way between processes: tensors of the data are shared, not sent.

Only what this program itself has packed is ever unpacked: nothing here reads a file that a person was given.
"""

from __future__ import annotations

import io
import pickle
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo import networks
from nnzoo.comparing.candidate import Given, Request, Result, build
from nnzoo.core.network import Network
from nnzoo.training.state import found_of, put, rebuilt

ALIGNED = 64  # bytes: every array in a shared file begins at a multiple of this


class _Taker(pickle.Pickler):
    """Packs an object without its tensors: those become numbered arrays of bytes, tensors that share memory one."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.arrays: list[np.ndarray] = []
        self.known: dict[tuple, int] = {}
        self.held: list[Tensor] = []  # so that no address is used twice

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return None
        key = (value.data_ptr(), value.shape, value.stride(), value.dtype)
        if key not in self.known:
            self.held.append(value)
            self.known[key] = len(self.arrays)
            self.arrays.append(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return self.known[key], value.dtype, tuple(value.shape)


class _Putter(pickle.Unpickler):
    """Unpacks with tensors that are views of the arrays."""

    def __init__(self, file: io.BytesIO, arrays: Sequence[np.ndarray]) -> None:
        super().__init__(file)
        self.arrays = arrays

    def persistent_load(self, pid: Any) -> Tensor:
        number, dtype, shape = pid
        if not self.arrays[number].size:
            return torch.empty(shape, dtype=dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a cluster's store is read-only, and nobody writes to data
            return torch.from_numpy(self.arrays[number]).view(dtype).reshape(shape)


def pack(value: Any) -> tuple[bytes, list[np.ndarray]]:
    """An object without its tensors, as bytes, and the memory of its tensors, as arrays of bytes that are not copied."""
    file = io.BytesIO()
    taker = _Taker(file)
    taker.dump(value)
    return file.getvalue(), taker.arrays


def unpack(packed: bytes, arrays: Sequence[np.ndarray]) -> Any:
    """What was packed; its tensors share memory with the arrays."""
    return _Putter(io.BytesIO(packed), arrays).load()


def write_arrays(arrays: Sequence[np.ndarray], path: Path) -> list[tuple[int, int]]:
    """All arrays in one file; where each begins and how long it is, in bytes."""
    places = []
    with path.open("wb") as file:
        for array in arrays:
            file.seek(-(-file.tell() // ALIGNED) * ALIGNED)
            places.append((file.tell(), array.nbytes))
            file.write(array.data)
    return places


def map_arrays(path: Path, places: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """The arrays of a file, mapped into memory: all processes that map them share it, and none can change it for another."""
    if not path.stat().st_size:  # which cannot be mapped
        return [np.empty(0, np.uint8) for _ in places]
    whole = np.memmap(path, dtype=np.uint8, mode="c")
    return [np.asarray(whole[begin : begin + size]) for begin, size in places]


def sent(request: Request) -> bytes:
    """A request for another process, which finds the kind by its name or file."""
    return pickle.dumps(replace(request, make=_reference(request.make)))


def received(message: bytes) -> Request:
    """The request that was sent. Raises ConfigError if the kind is not there."""
    request = pickle.loads(message)
    return replace(request, make=networks.find(request.make)) if isinstance(request.make, str) else request


def _reference(make: Any) -> Any:
    """The name or file of a kind, where it has one, since a class is only found again where its module can be imported."""
    if not (isinstance(make, type) and issubclass(make, Network)):
        return make
    if make.__module__.startswith("nnzoo_own_"):
        return str(Path(str(sys.modules[make.__module__].__file__)).resolve())
    return make.kind if make.kind in networks.names() and networks.find(make.kind) is make else make


def sent_back(result: Result) -> bytes:
    """A result for the process that asked; of a network, what rebuilds it."""
    if isinstance(result.learned, Network):
        tensors = {name: tensor.cpu() for name, tensor in result.learned.state_dict().items()}
        result = replace(result, learned=(found_of(result.learned), tensors))
    return pickle.dumps(result)


def taken_back(message: bytes, given: Given, request: Request) -> Result:
    """The result that was sent back, its network rebuilt on the device."""
    result = pickle.loads(message)
    if isinstance(result.learned, tuple):
        found, tensors = result.learned
        network = rebuilt(build(given, request), found).to(given.parts.train.device)
        put(network, tensors)
        network.eval()
        result.learned = network
    return result
