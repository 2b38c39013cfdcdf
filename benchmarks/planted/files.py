"""Faults in pictures, texts and the files they come in. Each function takes a seed and an empty folder, and gives what `prepare` is
to be called with."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from planted.clean import blobs, notes

Asked = dict[str, Any]


def _write(folder: Path, pixels: np.ndarray, label: str, number: int) -> Path:
    path = folder / label / f"{number:04}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path)
    return path


def pictures_of_two_sizes(seed: int, folder: Path) -> Asked:
    """A fifth of the pictures are wider."""
    pixels, labels = blobs(120, seed, side=16)
    wide, _ = blobs(120, seed + 1, side=24)
    for i, label in enumerate(labels):
        _write(folder, wide[i][:14] if i % 5 == 0 else pixels[i], label, i)
    return {"source": folder}


def grey_among_coloured(seed: int, folder: Path) -> Asked:
    """A tenth of the pictures are grey."""
    pixels, labels = blobs(120, seed, side=16, channels=3)
    for i, label in enumerate(labels):
        _write(folder, pixels[i][..., :1] if i % 10 == 3 else pixels[i], label, i)
    return {"source": folder}


def size_by_label(seed: int, folder: Path) -> Asked:
    """Pictures of one label come from another camera."""
    small, labels = blobs(120, seed, side=16)
    large, _ = blobs(120, seed + 1, side=20)
    for i, label in enumerate(labels):
        _write(folder, small[i] if label == "spot" else large[i], label, i)
    return {"source": folder}


def blank_pictures(seed: int, folder: Path) -> Asked:
    """Some pictures are black."""
    pixels, labels = blobs(400, seed)
    pixels[np.random.RandomState(seed).permutation(400)[:6]] = 0
    return {"source": (pixels, labels)}


def pictures_repeated(seed: int, folder: Path) -> Asked:
    """A fifth of the pictures are there twice."""
    pixels, labels = blobs(500, seed)
    again = np.random.RandomState(seed).permutation(500)[:100]
    return {"source": (np.concatenate([pixels, pixels[again]]), np.concatenate([labels, labels[again]]))}


def pictures_repeated_with_changes(seed: int, folder: Path) -> Asked:
    """A fifth of the pictures are there again, saved as JPEG or a little brighter."""
    pixels, labels = blobs(500, seed, side=28, channels=3)
    again = np.random.RandomState(seed).permutation(500)[:100]
    copies = []
    for k, i in enumerate(again):
        if k % 2:
            copies.append((pixels[i] * 0.9 + 12).clip(0, 255).astype(np.uint8))
            continue
        packed = io.BytesIO()
        Image.fromarray(pixels[i]).save(packed, "JPEG", quality=85)
        copies.append(np.asarray(Image.open(packed)))
    return {"source": (np.concatenate([pixels, np.stack(copies)]), np.concatenate([labels, labels[again]]))}


def pictures_with_two_labels(seed: int, folder: Path) -> Asked:
    """Some pictures are there under both labels."""
    pixels, labels = blobs(400, seed)
    other = np.where(labels[:40] == "spot", "cross", "spot").astype(object)
    return {"source": (np.concatenate([pixels, pixels[:40]]), np.concatenate([labels, other]))}


def darker_test_pictures(seed: int, folder: Path) -> Asked:
    """Test pictures were taken in the dark."""
    pixels, labels = blobs(100, seed + 500)
    return {"source": blobs(400, seed), "test": ((pixels * 0.6).astype(np.uint8), labels)}


def damaged_pictures(seed: int, folder: Path) -> Asked:
    """Two files end too early."""
    pixels, labels = blobs(40, seed)
    for i, label in enumerate(labels):
        path = _write(folder, pixels[i], label, i)
        if i in (7, 23):
            path.write_bytes(path.read_bytes()[:120])
    return {"source": folder}


def texts_repeated(seed: int, folder: Path) -> Asked:
    """A fifth of the texts are there twice, with other capitals and blanks."""
    texts, labels = notes(500, seed)
    again = np.random.RandomState(seed).permutation(500)[:100]
    return {"source": (texts + ["  " + texts[i].upper() for i in again], labels + [labels[i] for i in again])}


def texts_repeated_with_a_word_changed(seed: int, folder: Path) -> Asked:
    """A fifth of the texts are there again with their last word changed."""
    texts, labels = notes(500, seed)
    again = [int(i) for i in np.random.RandomState(seed).permutation(500)[:100] if len(texts[i]) > 90]
    return {"source": (texts + [texts[i].rsplit(" ", 1)[0] + " lantern." for i in again], labels + [labels[i] for i in again])}


def texts_with_two_labels(seed: int, folder: Path) -> Asked:
    """Some texts are there under both labels."""
    texts, labels = notes(400, seed)
    return {"source": (texts + texts[:40], labels + ["home" if label == "journey" else "journey" for label in labels[:40]])}


def empty_texts(seed: int, folder: Path) -> Asked:
    """Some texts hold nothing but blanks."""
    texts, labels = notes(400, seed)
    return {"source": ([" " if i % 60 == 5 else text for i, text in enumerate(texts)], labels)}


def wrongly_decoded_texts(seed: int, folder: Path) -> Asked:
    """Some texts were read in the wrong encoding."""
    texts, labels = notes(400, seed)
    return {"source": ([text + " Ã©tÃ©" if i % 40 == 5 else text for i, text in enumerate(texts)], labels)}


# what was planted, and the code that must find it
FAULTS = (
    (pictures_of_two_sizes, "mixed-sizes"),
    (grey_among_coloured, "mixed-modes"),
    (size_by_label, "format-tells-label"),
    (blank_pictures, "blank-pictures"),
    (pictures_repeated, "copies-across-parts"),
    (pictures_repeated_with_changes, "near-copies-across-parts"),
    (pictures_with_two_labels, "conflicting-labels"),
    (darker_test_pictures, "drift"),
    (texts_repeated, "copies-across-parts"),
    (texts_repeated_with_a_word_changed, "near-copies-across-parts"),
    (texts_with_two_labels, "conflicting-labels"),
    (empty_texts, "empty-texts"),
    (wrongly_decoded_texts, "broken-encoding"),
)
