"""Pairs of pictures made of single ones: what is taken from a picture, so that a network learns to give it back.

    edges        white lines on black where grey values change most: maxima along the gradient of Sobel's operator
    grey         the picture without its colours
    masked       a square hole of half the height and half the width, mid-grey, anywhere
    downscaled   half the height and width, and back to full size: what a small picture is when it is opened at that size
    noisy        every value with noise of standard deviation 50 (of 255), clipped

Whatever is random follows from the picture's own pixels, so that the same picture is changed in the same way wherever it stands.

N pictures, H W C.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

STEP = 48  # grey levels that make an edge
HOLE = 128
NOISE = 50.0
SMALLER = 2
AT_ONCE = 256  # pictures


def edges(x_NHWC: np.ndarray) -> np.ndarray:
    """Lines (N H W 1), 255 on 0, one pixel wide as far as the gradient's larger part tells."""
    grey_NHW = _grey(x_NHWC).astype(np.float32)
    p = np.pad(grey_NHW, ((0, 0), (1, 1), (1, 1)), mode="edge")
    right, left = p[:, :-2, 2:] + 2 * p[:, 1:-1, 2:] + p[:, 2:, 2:], p[:, :-2, :-2] + 2 * p[:, 1:-1, :-2] + p[:, 2:, :-2]
    below, above = p[:, 2:, :-2] + 2 * p[:, 2:, 1:-1] + p[:, 2:, 2:], p[:, :-2, :-2] + 2 * p[:, :-2, 1:-1] + p[:, :-2, 2:]
    across, down = (right - left) / 4, (below - above) / 4
    size = np.hypot(across, down)
    q = np.pad(size, ((0, 0), (1, 1), (1, 1)))
    sideways = np.abs(across) >= np.abs(down)
    before = np.where(sideways, q[:, 1:-1, :-2], q[:, :-2, 1:-1])
    after = np.where(sideways, q[:, 1:-1, 2:], q[:, 2:, 1:-1])
    found = (size >= STEP) & (size >= before) & (size > after)  # of two equal neighbours the second
    return (found * np.uint8(255))[..., None]


def grey(x_NHWC: np.ndarray) -> np.ndarray:
    """Grey values (N H W 1)."""
    return _grey(x_NHWC)[..., None]


def masked(x_NHWC: np.ndarray) -> np.ndarray:
    """The pictures with a hole."""
    _, height, width, _ = x_NHWC.shape
    tall, wide = max(1, height // 2), max(1, width // 2)
    made = x_NHWC.copy()
    for picture, one in zip(x_NHWC, made):
        draw = _chance_of(picture)
        top, left = draw.randint(height - tall + 1), draw.randint(width - wide + 1)
        one[top : top + tall, left : left + wide] = HOLE
    return made


def downscaled(x_NHWC: np.ndarray) -> np.ndarray:
    """The pictures without their finer details, by the filter that opens pictures of another size."""
    _, height, width, channels = x_NHWC.shape
    small = (max(1, width // SMALLER), max(1, height // SMALLER))
    made = np.empty_like(x_NHWC)
    for picture, one in zip(x_NHWC, made):
        whole = Image.fromarray(picture[..., 0] if channels == 1 else picture)
        back = whole.resize(small, Image.Resampling.BILINEAR).resize((width, height), Image.Resampling.BILINEAR)
        one[...] = np.asarray(back).reshape(height, width, channels)
    return made


def noisy(x_NHWC: np.ndarray) -> np.ndarray:
    """The pictures with noise."""
    made = np.empty_like(x_NHWC)
    for picture, one in zip(x_NHWC, made):
        noise = _chance_of(picture).standard_normal(picture.shape) * NOISE
        one[...] = np.rint(np.clip(picture + noise, 0, 255))
    return made


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "edges": edges,
    "grey": grey,
    "masked": masked,
    "downscaled": downscaled,
    "noisy": noisy,
}


def changed(x_NHWC: np.ndarray, how: str) -> np.ndarray:
    """All pictures changed in one of these ways, some at a time."""
    pieces = [CHANGES[how](np.asarray(x_NHWC[start : start + AT_ONCE])) for start in range(0, len(x_NHWC), AT_ONCE)]
    return np.concatenate(pieces)


def _grey(x_NHWC: np.ndarray) -> np.ndarray:
    """Luma (N H W) of ITU-R 601, rounded as Pillow does it."""
    if x_NHWC.shape[3] == 1:
        return x_NHWC[..., 0]
    weighed = x_NHWC.astype(np.uint32) @ np.array([19595, 38470, 7471], dtype=np.uint32)
    return ((weighed + 0x8000) >> 16).astype(np.uint8)


def _chance_of(picture_HWC: np.ndarray) -> np.random.RandomState:
    """numpy promises that this generator's stream never changes."""
    return np.random.RandomState(zlib.crc32(np.ascontiguousarray(picture_HWC).tobytes()))
