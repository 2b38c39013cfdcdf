"""A named point on a tensor worth seeing: an identity that `looking/` and `probe()` hook. It costs nothing and changes nothing."""

from torch import Tensor, nn


class Probe(nn.Module):
    """Identity; its place in the module tree is its name."""

    def forward(self, x: Tensor) -> Tensor:
        """The same tensor."""
        return x
