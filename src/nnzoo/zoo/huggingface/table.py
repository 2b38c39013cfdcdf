"""Which of our tensors is which of theirs, as a table that is read in both directions.

    ours = [theirs_1; theirs_2; ...]      some of theirs one below the other, each transposed where they multiply from the right

Reading a table backwards cuts ours into as many equal pieces, so that a way there and back changes no bit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nnzoo.core.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

    from nnzoo.core.network import Network

Tensors = dict[str, "Tensor"]
Facts = Mapping[str, Any]
SHOWN = 5  # names in a line


class Row(NamedTuple):
    """One of our tensors, and those of theirs that it is made of."""

    ours: str
    theirs: tuple[str, ...]
    transposed: bool = False


def row(ours: str, *theirs: str, transposed: bool = False) -> Row:
    """A row of the table."""
    return Row(ours, theirs, transposed)


def module(ours: str, *theirs: str, transposed: bool = False, bias: bool = True) -> list[Row]:
    """The rows of a module: its weight, and its bias if it has one."""
    weight = Row(f"{ours}.weight", tuple(f"{one}.weight" for one in theirs), transposed)
    return [weight, *([Row(f"{ours}.bias", tuple(f"{one}.bias" for one in theirs))] if bias else [])]


def each(count: int, rows: Iterable[Row]) -> list[Row]:
    """The same rows for every layer: {l} is its number."""
    listed = list(rows)
    return [
        Row(one.ours.format(l=layer), tuple(name.format(l=layer) for name in one.theirs), one.transposed)
        for layer in range(count)
        for one in listed
    ]


@dataclass(frozen=True)
class Family:
    """How models of one family are read and written.

    `settings` turns their config.json into ours (ConfigError names what differs), `facts` the other way; `rows` is the table for a
    network's config and outputs, or of its body alone; `copies` are names of theirs that repeat another (`implied` ones also
    where they are left out); `unused` what may stand in
    their files and is not read (patterns); `prefix` goes before names that lack it, but for those that begin with one of `heads`.
    """

    kind: str
    types: tuple[str, ...]
    settings: Callable[[Facts], dict[str, Any]]
    facts: Callable[[Network], dict[str, Any]]
    rows: Callable[..., list[Row]]
    copies: Mapping[str, str] = field(default_factory=dict)
    implied: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    prefix: str = ""
    heads: tuple[str, ...] = ()

    def named(self, tensors: Tensors) -> Tensors:
        """Their tensors under their full names of today."""
        found = {}
        for name, tensor in tensors.items():
            name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name))
            found[name if name.startswith((self.prefix, *self.heads)) else self.prefix + name] = tensor
        return found


def to_ours(family: Family, rows: Sequence[Row], theirs: Tensors, ours: Mapping[str, Tensor], where: str) -> Tensors:
    """Our tensors (float32) from theirs; `ours` says which there must be and of which shape.

    Raises RunError that names what is missing, surplus or misshapen, or holds numbers that are not finite.
    """
    import torch

    theirs = family.named(theirs)
    wanted = {name for one in rows for name in one.theirs}
    for copy, name in family.copies.items():
        if copy in family.implied and copy in wanted and name in theirs:
            theirs.setdefault(copy, theirs[name])
        if copy in theirs and copy not in wanted and name in theirs:
            if not torch.equal(theirs[copy], theirs[name]):
                raise RunError(
                    f"{where}: the tensor '{copy}' differs from '{name}', which {family.kind} uses for both; untie no weights"
                )
            theirs.pop(copy)
    _say(where, "lacks", sorted(wanted - theirs.keys()), "use files that were saved with this config.json")
    surplus = [name for name in sorted(theirs.keys() - wanted) if not any(re.search(one, name) for one in family.unused)]
    _say(where, "holds unknown", surplus, f"{family.kind} has no place for them, so its answers would be others")
    misshapen, spoiled, made = [], [], {}
    for one in rows:
        parts = [theirs[name].T if one.transposed else theirs[name] for name in one.theirs]
        shape = tuple(ours[one.ours].shape)
        size = (shape[0] // len(parts), *shape[1:])
        for name, part in zip(one.theirs, parts):
            if tuple(part.shape) != size:
                needed = size[::-1] if one.transposed else size
                misshapen.append(f"{name} ({_form(theirs[name].shape)}, config.json needs {_form(needed)})")
            elif not part.is_floating_point():
                misshapen.append(f"{name} (whole numbers, as quantised weights have)")
            elif not bool(torch.isfinite(part).all()):
                spoiled.append(name)
        if not misshapen and not spoiled:
            made[one.ours] = (torch.cat(parts) if len(parts) > 1 else parts[0]).float().contiguous()
    _say(where, "holds misshapen", misshapen, "use files that were saved with this config.json")
    _say(where, "holds NaN or infinity in the", spoiled, "its weights are spoiled; copy or download it again")
    return made


def to_theirs(rows: Sequence[Row], ours: Mapping[str, Tensor]) -> Tensors:
    """Their tensors from ours, each of its own memory."""
    made = {}
    for one in rows:
        for name, part in zip(one.theirs, ours[one.ours].detach().cpu().chunk(len(one.theirs))):
            made[name] = (part.T if one.transposed else part).contiguous().clone()
    return made


def _say(where: str, what: str, names: Sequence[str], remedy: str) -> None:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise RunError(f"{where} {what} tensors: {', '.join(names[:SHOWN])}{more}; {remedy}")


def _form(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"
