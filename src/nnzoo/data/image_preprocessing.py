"""Pictures for networks: one size and number of channels, standardised by the training part's mean and spread, labels as codes.

Pixels stay uint8 at rest (N C H W, a view of the raw N H W C: a memory map is not copied) and become floats batch by batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.fields import AnyField, Classes, Image, Spec, Stored, Values
from nnzoo.data.asking import CONDITIONAL
from nnzoo.data.image_arrays import images_from_arrays
from nnzoo.data.images import Size, read_files, read_images, read_one, resize
from nnzoo.data.labels import label_codes, missing, sorted_labels
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawImages

_ROWS = 4096


class ImagePreprocessing(Preprocessing):
    """Facts: size, mean and standard deviation by channel (of pixels in 0..1), and the labels or the scale of the numbers.
    `conditional`: pictures are to be made from labels, so that labels go in and pictures come out."""

    sort: ClassVar[str] = "images"

    def __init__(
        self,
        size: Size,
        mean: Sequence[float],
        std: Sequence[float],
        label_name: str,
        labels: Sequence[str] = (),
        scale: tuple[float, float] | None = None,
        conditional: bool = False,
    ):
        self.size, self.mean, self.std = size, tuple(mean), tuple(std)
        self.label_name, self.labels, self.scale = label_name, tuple(labels), scale
        self.conditional = conditional

    @classmethod
    def fit(
        cls, raw: Raw, rows: np.ndarray, *, targets: tuple[str, ...] = (), task: str = "", weight: str | None = None
    ) -> ImagePreprocessing:
        """Learn from training `rows`. Labels become numbers to predict if the task is image-regression, else classes; inputs where
        pictures are to be made from them."""
        assert isinstance(raw, RawImages)
        if targets and targets != (raw.label_name,):
            raise DataError(f"{raw.name}: pictures have no column '{targets[0]}'; their one target is '{raw.label_name}'")
        if weight is not None:
            raise DataError(f"{raw.name}: pictures have no column '{weight}' of weights; leave the weight out")
        rows = np.asarray(rows)
        mean, std = moments(raw.pixels, rows)
        size = tuple(raw.pixels.shape[1:])
        conditional = task == CONDITIONAL
        if raw.labels is None and conditional:
            raise DataError(f"{raw.name} has no labels to make pictures of; put the pictures into one folder a label")
        if raw.labels is None:
            return cls(size, mean, std, raw.label_name)  # type: ignore[arg-type]
        if task == "image-regression":
            numbers = _numbers(raw)[rows]
            spread = float(np.nanstd(numbers))
            scale = (round(float(np.nanmean(numbers)), 6), round(spread, 6) or 1.0)
            return cls(size, mean, std, raw.label_name, scale=scale)  # type: ignore[arg-type]
        labels = sorted_labels(raw.labels[rows])
        return cls(size, mean, std, raw.label_name, labels, conditional=conditional)  # type: ignore[arg-type]

    def field(self) -> Image:
        """The field of the pictures, named "image"."""
        height, width, channels = self.size
        return Image(channels=channels, height=height, width=width, mean=self.mean, std=self.std)

    def spec(self, train_size: int) -> Spec:
        outputs: dict[str, AnyField] = {}
        if self.scale is not None:
            outputs[self.label_name] = Values(names=(self.label_name,), mean=self.scale[:1], std=self.scale[1:])
        elif self.labels:
            outputs[self.label_name] = Classes(labels=self.labels)
        if self.conditional:
            return Spec(inputs=outputs, outputs={"image": self.field()}, train_size=train_size)
        return Spec(inputs={"image": self.field()}, outputs=outputs, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        assert isinstance(raw, RawImages)
        if self.conditional and raw.labels is None:
            raise DataError(f"{raw.name} has no labels, from which this network makes pictures; put them into one folder a label")
        columns: dict[str, Stored] = {"image": {"pixels": stored_pixels(raw.pixels, self.size)}}
        if raw.labels is not None and self.scale is not None:
            columns[self.label_name] = {"numbers": torch.from_numpy(_numbers(raw).astype(np.float32))[:, None]}
        elif raw.labels is not None and self.labels:
            columns[self.label_name] = {"codes": label_codes(raw.labels, self.labels, raw.files)}
        return columns

    def facts(self) -> dict[str, Any]:
        height, width, channels = self.size
        return {
            "channels": channels,
            "height": height,
            "width": width,
            "mean": list(self.mean),
            "std": list(self.std),
            "label_name": self.label_name,
            "labels": list(self.labels),
            "scale": None if self.scale is None else list(self.scale),
            "conditional": self.conditional,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> ImagePreprocessing:
        size = (facts["height"], facts["width"], facts["channels"])
        scale = None if facts["scale"] is None else (facts["scale"][0], facts["scale"][1])
        conditional = facts.get("conditional", False)  # the first runs have no such fact
        return cls(size, facts["mean"], facts["std"], facts["label_name"], facts["labels"], scale, conditional)

    def read(self, source: Any) -> RawImages:
        """A path (file, folder, zip, IDX, .npz), a list of files, Pillow images, arrays or tensors; all at this model's size."""
        raw = pictures_of(source, self.size)
        raw.label_name = self.label_name
        return raw

    def restore(self, name: str, value: Tensor) -> np.ndarray:
        """Standardised pictures (B C H W) as uint8 (B H W C), clipped to what a pixel can be."""
        if name != "image":
            raise KeyError(f"pictures have no field '{name}', only 'image'")
        return restored_pixels(value, self.field())


def pictures_of(source: Any, size: Size) -> RawImages:
    """Whatever a person gives for pictures, at one size: a path, a list of files, Pillow images, arrays or tensors."""
    if isinstance(source, (str, Path)):
        return read_images(source, size=size)
    if isinstance(source, Pillow.Image):
        return images_from_arrays(resize(read_one(source), size)[None], name="a picture")
    if isinstance(source, tuple) and len(source) == 2:
        return images_from_arrays(source[0], source[1])
    if isinstance(source, (list, tuple)) and source and all(isinstance(one, (str, Path)) for one in source):
        return read_files(source, size=size)
    if isinstance(source, list) and source and all(isinstance(one, Pillow.Image) for one in source):
        return images_from_arrays(np.stack([resize(read_one(one), size) for one in source]), name="pictures")
    return images_from_arrays(source)


def stored_pixels(pixels_NHWC: np.ndarray, size: Size) -> Tensor:
    """Pictures as they are stored (N C H W, uint8; a view where possible), brought to a size where they have another."""
    if pixels_NHWC.shape[1:] != size:
        pixels_NHWC = np.stack([resize(picture, size) for picture in pixels_NHWC])
    pixels = torch.from_numpy(pixels_NHWC if pixels_NHWC.flags.writeable else pixels_NHWC.copy())
    return pixels.permute(0, 3, 1, 2) if size[2] > 1 else pixels.squeeze(3).unsqueeze(1)


def restored_pixels(value: Tensor, field: Image) -> np.ndarray:
    """Standardised pictures (B C H W) as uint8 (B H W C), clipped to what a pixel can be."""
    unit_BCHW = field.restore(value.detach().float().cpu())
    return (unit_BCHW.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def moments(pixels_NHWC: np.ndarray, rows: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel in 0..1, six digits, from exact counts of the 256 values."""
    channels = pixels_NHWC.shape[3]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(rows), _ROWS):
        piece = pixels_NHWC[rows[start : start + _ROWS]]
        for channel in range(channels):
            counts[channel] += np.bincount(piece[..., channel].reshape(-1), minlength=256)
    unit = np.arange(256) / 255
    share = counts / max(1, counts[0].sum())
    mean = share @ unit
    std = np.sqrt((share * (unit - mean[:, None]) ** 2).sum(1))
    return [round(float(m), 6) for m in mean], [round(float(s), 6) or 1.0 for s in std]


def _numbers(raw: RawImages) -> np.ndarray:
    """Labels as numbers (N), NaN where missing."""
    assert raw.labels is not None
    numbers = np.full(len(raw), np.nan)
    for row, label in enumerate(raw.labels):
        if missing(label):
            continue
        try:
            numbers[row] = float(label)
        except ValueError:
            place = raw.files[row] if raw.files else f"row {row + 1}"
            raise DataError(f"{raw.name}: the label '{label}' ({place}) is no number; use the task image-classification") from None
    return numbers
