"""Pairs of pictures for networks: one size, each side standardised by its own mean and spread over the training part.

A person who asks for an answer gives the input as it is: a drawing of edges, a grey picture, one with a hole. Whoever scores, or
learns on, gives pairs, or single pictures of which pairs are made as they were for training.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.fields import Image, Spec, Stored
from nnzoo.data.image_preprocessing import moments, pictures_of, restored_pixels, stored_pixels
from nnzoo.data.images import read_images
from nnzoo.data.picture_pairs import SIDE_BY_SIDE, pairs_of, read_sides, sides_of
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawImages, RawPicturePairs


class PicturePairPreprocessing(Preprocessing):
    """Facts: height and width, of each side mean and standard deviation by channel, and how pairs are made of single pictures."""

    sort: ClassVar[str] = "picture-pairs"

    def __init__(self, size: tuple[int, int], source: Sequence[Sequence[float]], target: Sequence[Sequence[float]], made: str = ""):
        self.size, self.made = size, made
        self.sides = {"image": _moments(source), "target": _moments(target)}

    @classmethod
    def fit(
        cls, raw: Raw, rows: np.ndarray, *, targets: tuple[str, ...] = (), task: str = "", weight: str | None = None
    ) -> PicturePairPreprocessing:
        """Learn from training `rows`."""
        assert isinstance(raw, RawPicturePairs)
        if targets or weight is not None:
            what, name = ("--target", targets[0]) if targets else ("--weight", weight)
            raise DataError(f"{raw.name}: pairs of pictures have no columns; leave {what} {name} out")
        if raw.target is None:
            raise DataError(f"{raw.name} has pictures to start from but none that they should become; give pairs")
        rows = np.asarray(rows)
        height, width = raw.source.shape[1:3]
        return cls((height, width), moments(raw.source, rows), moments(raw.target, rows), raw.made)

    def field(self, name: str) -> Image:
        """The field of one side, "image" or "target"."""
        mean, std = self.sides[name]
        return Image(channels=len(mean), height=self.size[0], width=self.size[1], mean=mean, std=std)

    def spec(self, train_size: int) -> Spec:
        return Spec(inputs={"image": self.field("image")}, outputs={"target": self.field("target")}, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        assert isinstance(raw, RawPicturePairs)
        sides = {"image": raw.source, "target": raw.target}
        return {
            name: {"pixels": stored_pixels(pixels, (*self.size, len(self.sides[name][0])))}
            for name, pixels in sides.items()
            if pixels is not None
        }

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"height": self.size[0], "width": self.size[1], "made": self.made}
        for name, (mean, std) in self.sides.items():
            facts[name] = {"mean": list(mean), "std": list(std)}
        return facts

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> PicturePairPreprocessing:
        source, target = ((facts[name]["mean"], facts[name]["std"]) for name in ("image", "target"))
        return cls((facts["height"], facts["width"]), source, target, facts["made"])

    def read(self, source: Any) -> Raw:
        """Pairs in a folder, or single pictures, at this model's size."""
        if isinstance(source, (str, os.PathLike)) and os.path.isdir(source) and (sides := sides_of(Path(source))):
            return read_sides(Path(source), sides)
        if self.made == SIDE_BY_SIDE and isinstance(source, (str, os.PathLike)):
            return read_images(Path(source))  # a pair or an input alone: its own shape tells
        return pictures_of(source, (*self.size, max(len(mean) for mean, _ in self.sides.values())))

    def taken(self, raw: Raw, to_answer: bool) -> Raw:
        """Single pictures as inputs where an answer is asked for, else as pairs made of them where that was done in training."""
        if not isinstance(raw, RawImages):
            return raw
        if self.made == SIDE_BY_SIDE:
            height, width = raw.pixels.shape[1:3]
            if width * self.size[0] > 1.5 * height * self.size[1]:  # nearer to a pair's shape than to an input's
                raw = pairs_of(raw, SIDE_BY_SIDE)
                return raw if not to_answer else RawPicturePairs(raw.name, raw.source, None, raw.files, notes=raw.notes)
        elif self.made and not to_answer:
            pixels_NCHW = stored_pixels(raw.pixels, (*self.size, len(self.sides["target"][0])))
            return pairs_of(replace(raw, pixels=pixels_NCHW.permute(0, 2, 3, 1).numpy()), self.made)
        return RawPicturePairs(raw.name, raw.pixels, None, raw.files, notes=raw.notes)

    def restore(self, name: str, value: Tensor) -> np.ndarray:
        """Standardised pictures of a side (B C H W) as uint8 (B H W C)."""
        return restored_pixels(value, self.field(name))


def _moments(side: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, std = side
    return tuple(mean), tuple(std)
