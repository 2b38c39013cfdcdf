"""Llama: positions that are distances, norms without a mean, keys that serve several queries."""

from __future__ import annotations

import pytest
import torch

from nnzoo import tasks
from nnzoo.blocks.rotary import Rotary
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Spec, Tokens
from nnzoo.networks.transformer.llama import Config, Llama

SPEC = Spec(inputs={"x": Tokens(vocabulary=9, longest=16, lines=False)}, train_size=4)
SMALL = {"context": 16, "width": 32, "heads": 4, "key_heads": 2, "layers": 2, "dropout": 0.0}


def network(**config) -> Llama:
    torch.manual_seed(0)
    return Llama(Config(**{**SMALL, **config}), SPEC, tasks.find("text-generation")).eval()


def test_a_turn_is_a_complex_product_and_leaves_only_distances() -> None:
    torch.manual_seed(1)
    turn, x = Rotary(8, 40, theta=100.0), torch.randn(1, 1, 12, 8)
    rate = 100.0 ** (-torch.arange(0, 8, 2) / 8)
    phase = torch.polar(torch.ones(12, 4), torch.arange(12)[:, None] * rate)
    by_hand = torch.view_as_real(torch.complex(x[..., :4], x[..., 4:]) * phase)
    assert torch.allclose(turn(x), torch.cat([by_hand[..., 0], by_hand[..., 1]], -1), atol=1e-5)
    fits = (turn(x) @ turn(x).transpose(2, 3), turn(x, 17) @ turn(x, 17).transpose(2, 3))
    assert torch.allclose(*fits, atol=1e-4)


def test_the_norm_takes_no_mean_off() -> None:
    norm, x = network().norm, torch.randn(5, 32) * 3 + 7
    by_hand = x / (x.square().mean(1, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(norm(x), by_hand, atol=1e-5)


def test_the_cache_holds_the_keys_and_no_more() -> None:
    state = network().start(3, 10)
    assert [tuple(k.shape) for k in state.keys] == [(3, 2, 10, 8)] * 2
    assert network(key_heads=4).start(1).keys[0].shape == (1, 4, 16, 8)


def test_embeddings_are_the_last_matrix_unless_they_are_untied() -> None:
    tied, untied = network(), network(tied=False)
    assert untied.count() - tied.count() == 9 * 32
    assert not any(name.endswith("bias") for name, _ in tied.named_parameters())


@pytest.mark.parametrize("wrong", [{"width": 36, "heads": 4}, {"key_heads": 3}])
def test_heads_that_do_not_divide_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="choose a"):
        network(**wrong)
