"""Pictures, arrays and archives that are broken, or odd."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from making import Maker, folder, idx, packed, picture, write
from PIL import Image

PIXELS, LABELS = 0x0803, 0x0801
RNG = np.random.default_rng(0)


def wide(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, and which holds few."""
    content = bytearray(picture())
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


def animation() -> bytes:
    frames = [Image.new("L", (8, 8), tone) for tone in (0, 120, 240)]
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:])
    return content.getvalue()


def sixteen() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((8, 8), 40000, np.uint16)).save(content, "PNG")
    return content.getvalue()


def floats() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(content, "TIFF")
    return content.getvalue()


def bomb() -> None:
    with zipfile.ZipFile("p.zip", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("cat/1.png", "w", force_zip64=True) as entry:
        for _ in range(300):
            entry.write(bytes(1 << 20))


def doubled() -> None:
    with zipfile.ZipFile("p.zip", "w") as archive:
        for i in (0, 1):
            archive.writestr("cat/1.png" if i else "cat/2.png", picture())
    content = Path("p.zip").read_bytes().replace(b"cat/2.png", b"cat/1.png")
    Path("p.zip").write_bytes(content)


def encrypted() -> None:
    packed()()
    content = bytearray(Path("p.zip").read_bytes())
    start = 0
    while (start := content.find(b"PK\x01\x02", start)) >= 0:
        content[start + 8] |= 1
        start += 4
    Path("p.zip").write_bytes(bytes(content))


def promise() -> None:
    """A .npy whose header promises 32 GiB."""
    with open("a.npy", "wb") as out:
        np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": (1 << 15, 1 << 10, 1 << 10)})
        out.write(bytes(100))


class Canary:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return open, ("canary", "w")


def twins(labels: bytes) -> Maker:
    """Good IDX pictures beside such labels."""

    def make() -> None:
        write(TRAIN, idx(PIXELS, (20, 8, 8), bytes(20 * 64)))
        write("m/train-labels-idx1-ubyte.gz", labels)

    return make


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def empty() -> None:
    Path("p").mkdir()


def emptied() -> None:
    folder()()
    Path("p/cow").mkdir()


def only(*folders: str) -> Maker:
    """Pictures in these folders and nowhere else."""
    return lambda: [write(f"{where}/{i}.png", picture(value=i)) for where in folders for i in range(10)]


def bent(how: Callable[[bytes], bytes]) -> Maker:
    """A zip of pictures after something happened to its bytes."""

    def make() -> None:
        packed()()
        Path("p.zip").write_bytes(how(Path("p.zip").read_bytes()))

    return make


TRAIN = "m/train-images-idx3-ubyte.gz"
HALF = np.array(["cat", "dog"] * 10)
