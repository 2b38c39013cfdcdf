"""From names in a stage to modules and parameters, resolved when the stage starts, since a network may have grown."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from nnzoo.core.errors import ConfigError
from nnzoo.core.network import Network


def parameters_of(network: Network, names: Sequence[str]) -> list[tuple[str, nn.Parameter]]:
    """Parameters under the named submodules, or named themselves. "" is all but the parts, which must be named to be trained. What
    the network keeps as it is, is never among them.

    Raises ConfigError for a name that the network does not have.
    """
    every = {name: parameter for name, parameter in network.named_parameters() if name not in network.kept}
    chosen: dict[str, nn.Parameter] = {}
    for name in names:
        if name == "":
            found = {key: value for key, value in every.items() if not key.startswith("parts.")}
        else:
            found = {key: value for key, value in every.items() if key == name or key.startswith(name + ".")}
            if not found and name not in network.kept and not _has_module(network, name):
                raise ConfigError(f"{type(network).__name__} has no submodule or parameter '{name}' to train")
        chosen.update(found)
    return list(chosen.items())


def prepare_modes(network: Network, trains: Sequence[str]) -> list[tuple[str, nn.Parameter]]:
    """Freeze what a stage does not train and put it into eval mode; the parameters that it does train."""
    trained = parameters_of(network, trains)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for _, parameter in trained:
        parameter.requires_grad_(True)
    training_mode(network, trains)
    return trained


def training_mode(network: Network, trains: Sequence[str]) -> None:
    """Train mode for the named submodules (a whole network's parts stay in eval mode), eval mode for the rest."""
    network.train("" in trains)
    network.parts.eval()
    for name in trains:
        if name and _has_module(network, name):
            network.get_submodule(name).train()
    for name in network.kept:
        if name.endswith("running_mean"):  # statistics that are kept stay what they are
            network.get_submodule(name.removesuffix("running_mean").rstrip(".")).eval()


def _has_module(network: Network, name: str) -> bool:
    try:
        network.get_submodule(name)
    except AttributeError:
        return False
    return True
