"""GELU made here is the library's, and so is its derivative; elsewhere the library's is taken."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.blocks.gelu import LEAST, PIECE, gelu

SPREAD = 3.0  # both ends are flat and straight


def numbers(*shape: int) -> Tensor:
    return SPREAD * torch.randn(shape, generator=torch.Generator().manual_seed(0))


def both(function: object, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The value, and the gradient of its weighted sum."""
    x = x.clone().requires_grad_()
    value = function(x)  # type: ignore[operator]
    (gradient,) = torch.autograd.grad(value, x, weights)
    return value.detach(), gradient


@pytest.mark.parametrize("shape", [(LEAST,), (3, 2 * PIECE + 7), (4, 40, 512)])
def test_values_and_slopes_are_those_of_the_equation(shape: tuple[int, ...]):
    x, weights = numbers(*shape), numbers(*shape[:-1], shape[-1] + 1)[..., 1:]
    value, gradient = both(gelu, x, weights)
    exact, slope = both(lambda x: F.gelu(x, approximate="tanh"), x.double(), weights.double())
    assert torch.allclose(value.double(), exact, atol=2e-6)
    assert torch.allclose(gradient.double(), slope, atol=1e-5)
    assert value.shape == x.shape and not torch.allclose(value.double(), F.gelu(x.double()), atol=2e-4)  # with erf it is another


def test_far_ends_are_zero_and_the_number_itself():
    x = torch.tensor([-1e4, -30.0, 0.0, 30.0, 1e4]).repeat(LEAST)
    value, gradient = both(gelu, x, torch.ones_like(x))
    assert value[:5].tolist() == [0.0, 0.0, 0.0, 30.0, 1e4]
    assert gradient[:5].tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("x", [numbers(8), numbers(64, 512).half().bfloat16(), numbers(512, 64).T, numbers(64, 512).double()])
def test_elsewhere_it_is_the_library_s_to_the_bit(x: Tensor):
    assert all(map(torch.equal, both(gelu, x, x), both(lambda x: F.gelu(x, approximate="tanh"), x, x)))
    assert torch.equal(gelu(numbers(64, 512)), F.gelu(numbers(64, 512), approximate="tanh"))


def test_a_second_derivative_is_refused_not_wrong():
    x = numbers(LEAST).requires_grad_()
    with pytest.raises(RuntimeError, match="once more; learn in float64"):
        torch.autograd.grad(gelu(x).sum(), x, create_graph=True)
    x = x.detach().double().requires_grad_()
    (gradient,) = torch.autograd.grad(gelu(x).sum(), x, create_graph=True)
    assert bool(torch.autograd.grad(gradient.sum(), x)[0].any())
