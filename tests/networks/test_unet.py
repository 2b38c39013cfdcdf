"""The U-Net: its parts against formulas, sizes of all sorts, what it is told, and guidance by labels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.blocks.picture_codec import PictureCodec
from nnzoo.blocks.picture_denoiser import PictureDenoiser
from nnzoo.blocks.unet import Attention, Doubled, Norm, Residual, UNet


def awake(module: torch.nn.Module) -> torch.nn.Module:
    """With random numbers where learning begins at zero."""
    torch.manual_seed(1)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return module


def test_a_residual_block_is_its_formula() -> None:
    block, x = awake(Residual(16, 24, 8, 0.0)), torch.randn(3, 16, 5, 6)
    told = torch.randn(3, 24)
    h = F.conv2d(F.silu(F.group_norm(x, 8, block.norm1.weight, block.norm1.bias)), block.conv1.weight, padding=1)
    h = F.silu(F.group_norm(h + told[:, :, None, None], 8, block.norm2.weight, block.norm2.bias))
    wanted = F.conv2d(h, block.conv2.weight, block.conv2.bias, padding=1) + F.conv2d(x, block.skip.weight, block.skip.bias)
    assert torch.allclose(block(x, told), wanted, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalisation_and_its_gradient_are_those_of_torch(dtype: torch.dtype) -> None:
    norm = awake(Norm(16, 8)).to(dtype)
    x = (torch.randn(3, 16, 7, 5, dtype=dtype) * 2 + 1).contiguous(memory_format=torch.channels_last).requires_grad_()
    given = torch.randn(3, 16, 7, 5, dtype=dtype)
    found, wanted = norm(x), F.silu(F.group_norm(x, 8, norm.weight, norm.bias))
    assert torch.allclose(found, wanted, atol=1e-5)
    mine, theirs = (torch.autograd.grad(y, (x, norm.weight, norm.bias), given) for y in (found, wanted))
    for one, other in zip(mine, theirs):
        assert torch.allclose(one, other, atol=1e-4)
    with torch.no_grad():
        assert torch.allclose(norm(x), wanted, atol=1e-5)


def test_attention_is_its_formula_and_reads_a_context() -> None:
    attention, x = awake(Attention(16, 8, 2, context=6)), torch.randn(3, 16, 4, 5)
    context = torch.randn(3, 7, 6)
    tokens = F.group_norm(x, 8, attention.norm.weight, attention.norm.bias).flatten(2).transpose(1, 2)
    q, k, v = attention.qkv(tokens).chunk(3, 2)
    more_k, more_v = attention.context(context).chunk(2, 2)
    for told, keys, values in ((None, k, v), (context, torch.cat((k, more_k), 1), torch.cat((v, more_v), 1))):
        heads = []
        for half in (slice(0, 8), slice(8, 16)):
            weights = torch.softmax(q[..., half] @ keys[..., half].transpose(1, 2) / 8**0.5, 2)
            heads.append(weights @ values[..., half])
        wanted = x + attention.out(torch.cat(heads, 2)).transpose(1, 2).unflatten(2, (4, 5))
        assert torch.allclose(attention(x, told), wanted, atol=1e-5)


def test_doubling_repeats_each_place_and_convolves() -> None:
    doubled, x = awake(Doubled(8)), torch.randn(2, 8, 5, 6)
    wanted = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), doubled.weight, doubled.bias, padding=1)
    assert torch.allclose(doubled(x), wanted, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 32, 32), (3, 30, 21), (2, 4, 4)])
def test_pictures_of_any_size_come_out_as_they_went_in(shape: tuple[int, int, int]) -> None:
    unet = UNet(shape[0], shape[0], (8, 16, 16))
    x = torch.randn(2, *shape)
    assert unet(x, unet.told(torch.tensor([1, 500]))).shape == x.shape


def test_every_weight_gets_a_gradient() -> None:
    unet = awake(UNet(3, 3, (8, 16), context=5))
    x = torch.randn(2, 3, 6, 7)
    noise = unet(x, unet.told(torch.tensor([3, 700]), torch.randn(2, unet.width)), torch.randn(2, 4, 5))
    noise.square().sum().backward()
    without = [name for name, parameter in unet.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not without, without


def test_time_condition_and_context_change_what_it_sees_row_by_row() -> None:
    unet = awake(UNet(1, 1, (8, 16), context=5))
    x, t = torch.randn(1, 1, 8, 8).expand(2, -1, -1, -1), torch.tensor([5, 5])
    condition, context = torch.randn(2, unet.width), torch.randn(2, 4, 5)

    def rows_differ(t_B: Tensor, condition_BU: Tensor | None = None, context_BTD: Tensor | None = None) -> bool:
        one, two = unet(x, unet.told(t_B, condition_BU), context_BTD)
        return not torch.allclose(one, two, atol=1e-3)

    assert not rows_differ(t)
    assert rows_differ(torch.tensor([5, 900])) and rows_differ(t, condition) and rows_differ(t, None, context)


def test_it_begins_by_seeing_no_noise_and_computes_in_the_precision_of_its_input() -> None:
    unet, x = UNet(1, 1, (8, 16)), torch.randn(2, 1, 8, 8)
    told = unet.told(torch.tensor([5, 900]))
    assert not unet(x, told).any()
    awake(unet)
    told = unet.told(torch.tensor([5, 900]))
    half = unet(x.bfloat16(), told)
    assert half.dtype == torch.bfloat16 and unet.enter.weight.dtype == torch.float32
    whole = unet(x, told)
    assert float((half - whole).norm() / whole.norm()) < 0.05


def denoiser(labels: int = 3) -> PictureDenoiser:
    return awake(PictureDenoiser(1, labels, (8, 16), 1, 1, bfloat16=False))  # type: ignore[return-value]


@torch.no_grad()
@pytest.mark.parametrize("rows", [2, 9])  # fewer rows than labels, and more
def test_guidance_of_one_is_the_conditional_model_and_of_none_the_unconditional(rows: int) -> None:
    net, x, codes = denoiser(), torch.randn(rows, 1, 8, 8), torch.arange(rows) % 3
    t = torch.full((rows,), 40)
    with_label, without = net(x, t, codes), net(x, t, torch.full((rows,), -1))
    assert float((with_label - without).abs().max()) > 0.01
    times = tuple(range(90, -1, -1))
    for g, wanted in ((1.0, with_label), (0.0, without), (2.5, without + 2.5 * (with_label - without))):
        eps = net.eps(times, codes, g)
        eps(x, 90)
        assert torch.allclose(eps(x, 40), wanted, atol=1e-4), g
    assert torch.allclose(net.eps(times)(x, 40), without, atol=1e-4)


@torch.no_grad()
def test_without_labels_a_sampler_is_told_what_training_is() -> None:
    net, x = denoiser(labels=0), torch.randn(4, 1, 8, 8)
    assert torch.allclose(net.eps((40, 20, 0))(x, 20), net(x, torch.full((4,), 20)), atol=1e-5)


@torch.no_grad()
def test_a_way_back_in_bfloat16_reads_weights_of_now_and_its_probes_are_seen() -> None:
    net = awake(PictureDenoiser(1, 3, (16, 32), 1, 1, bfloat16=True))
    x, codes, seen = torch.randn(4, 1, 8, 8), torch.arange(4) % 3, []
    net.unet.seen.register_forward_hook(lambda *told: seen.append(told[-1]))  # type: ignore[union-attr, operator]
    before = net.eps((40, 0), codes)(x, 40)  # type: ignore[operator]
    assert torch.allclose(before, net(x, torch.full((4,), 40), codes), atol=0.02) and len(seen) == 2 and torch.equal(*seen)
    for parameter in net.parameters():
        parameter.mul_(1.1)
    after = net.eps((40, 0), codes)(x, 40)  # type: ignore[operator]
    plain = net(x, torch.full((4,), 40), codes)
    assert torch.allclose(after, plain, atol=0.02) and float((after - before).abs().mean()) > 5 * float(
        (after - plain).abs().mean()
    )
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}


def test_labels_are_dropped_with_their_probability() -> None:
    torch.manual_seed(0)
    codes = denoiser().dropped(torch.ones(20_000, dtype=torch.long), 0.1)
    assert float((codes == -1).float().mean()) == pytest.approx(0.1, abs=0.01) and set(codes.tolist()) == {-1, 1}


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 30, 21), (1, 8, 8)])
def test_a_codec_of_pictures_has_small_maps_and_gives_back_the_size(shape: tuple[int, int, int]) -> None:
    codec = PictureCodec(*shape, 4, (8, 16), bfloat16=False)
    mean, log_variance = codec.q(torch.randn(2, *shape))
    assert mean.shape == log_variance.shape == (2, *codec.shape) and codec.shape == (4, -(-shape[1] // 4), -(-shape[2] // 4))
    assert codec.decode(mean).shape == (2, *shape)
