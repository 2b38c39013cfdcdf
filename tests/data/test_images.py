"""Pictures: what is opened, by which rules they become one size, and what is refused."""

import gzip
import io
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nnzoo.core.errors import DataError
from nnzoo.data import images
from nnzoo.data.image_arrays import images_from_arrays
from nnzoo.data.image_preprocessing import ImagePreprocessing
from nnzoo.data.images import read_files, read_images, read_one


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NNZOO_CACHE", str(cache))
    return cache


def grey(value: int, size=(6, 5)) -> Image.Image:
    return Image.new("L", size, value)


def put(path: Path, picture: Image.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def class_folders(root: Path) -> Path:
    for label, value in (("cat", 10), ("dog", 200)):
        for i in range(3):
            put(root / label / f"{i}.png", grey(value + i))
    return root


def write_idx(folder: Path, part: str, pixels: np.ndarray, labels: np.ndarray | None, packed: bool = True) -> Path:
    write = gzip.open if packed else open
    end = ".gz" if packed else ""
    path = folder / f"{part}-images-idx3-ubyte{end}"
    with write(path, "wb") as file:
        file.write(struct.pack(">IIII", 2051, *pixels.shape) + pixels.tobytes())
    if labels is not None:
        with write(folder / f"{part}-labels-idx1-ubyte{end}", "wb") as file:
            file.write(struct.pack(">II", 2049, len(labels)) + labels.tobytes())
    return path


def refused(path, *words: str) -> str:
    with pytest.raises(DataError) as error:
        read_images(path)
    text = str(error.value)
    assert "\n" not in text and all(word in text for word in words), text
    return text


def test_class_folders_give_labels_and_one_grey_channel(tmp_path):
    raw = read_images(class_folders(tmp_path))
    assert raw.pixels.shape == (6, 5, 6, 1) and raw.pixels.dtype == np.uint8
    assert raw.labels.tolist() == ["cat"] * 3 + ["dog"] * 3 and raw.part is None
    assert raw.pixels[:, 0, 0, 0].tolist() == [10, 11, 12, 200, 201, 202]
    assert raw.files[0] == "cat/0.png"


def test_part_folders_on_top_are_the_official_division(tmp_path):
    for part in ("train", "val", "test"):
        class_folders(tmp_path / part)
    raw = read_images(tmp_path)
    assert sorted(set(zip(raw.part, raw.labels))) == [(p, c) for p in ("test", "train", "valid") for c in ("cat", "dog")]


def test_classes_that_are_merely_called_like_parts_stay_classes(tmp_path):
    put(tmp_path / "train" / "a.png", grey(1))
    put(tmp_path / "car" / "b.png", grey(2))
    raw = read_images(tmp_path)
    assert raw.part is None and sorted(raw.labels) == ["car", "train"]


def test_parts_without_train_are_refused(tmp_path):
    class_folders(tmp_path / "test")
    refused(tmp_path, "train", str(tmp_path))


def test_a_flat_folder_has_no_labels_and_other_files_are_passed_over(tmp_path):
    put(tmp_path / "a.png", grey(1))
    (tmp_path / "notes.txt").write_text("x")
    put(tmp_path / ".hidden.png", grey(2))
    raw = read_images(tmp_path)
    assert len(raw) == 1 and raw.labels is None


def test_one_class_folder_is_still_a_label(tmp_path):
    put(tmp_path / "cat" / "a.png", grey(1))
    assert read_images(tmp_path).labels.tolist() == ["cat"]


def test_a_picture_beside_class_folders_is_refused(tmp_path):
    class_folders(tmp_path)
    put(tmp_path / "lost.png", grey(1))
    refused(tmp_path, "lost.png")


def test_an_empty_folder_is_refused(tmp_path):
    refused(tmp_path, str(tmp_path), "no pictures")


def test_a_zip_reads_like_the_folder(tmp_path):
    folder = class_folders(tmp_path / "pets")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, f"pets/{path.relative_to(folder).as_posix()}")
        archive.writestr("__MACOSX/pets/cat/._0.png", b"no picture")
    zipped, plain = read_images(tmp_path / "pets.zip"), read_images(folder)
    assert np.array_equal(zipped.pixels, plain.pixels) and zipped.labels.tolist() == plain.labels.tolist()


def test_a_zip_of_loose_pictures_in_one_folder_has_no_labels(tmp_path):
    put(tmp_path / "a.png", grey(3))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "flowers/a.png")
    assert read_images(tmp_path / "a.zip").labels is None


def test_one_coloured_picture_makes_all_rgb(tmp_path):
    put(tmp_path / "a.png", grey(9))
    put(tmp_path / "b.png", Image.new("RGB", (6, 5), (1, 2, 3)))
    raw = read_images(tmp_path)
    assert raw.pixels.shape[3] == 3
    assert raw.pixels[0, 0, 0].tolist() == [9, 9, 9] and raw.pixels[1, 0, 0].tolist() == [1, 2, 3]


def test_modes_follow_the_stated_rules(tmp_path):
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 250, 100, 50])
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    deep = Image.fromarray(np.full((4, 4), 257 * 77 + 256, dtype=np.uint16))
    for name, picture, value in (("p", palette, [250, 100, 50]), ("c", clear, [255, 255, 255]), ("d", deep, [77])):
        assert read_one(put(tmp_path / f"{name}.png", picture))[2, 2].tolist() == value
    assert read_one(put(tmp_path / "bit.png", Image.new("1", (4, 4), 1)))[0, 0].tolist() == [255]


@pytest.mark.parametrize("suffix", images.SUFFIXES)
def test_every_suffix_is_read(tmp_path, suffix):
    colour = Image.new("1" if suffix == ".pbm" else "L", (8, 8), 255)
    assert abs(int(read_images(put(tmp_path / f"a{suffix}", colour)).pixels.mean()) - 255) < 3


def test_a_photograph_is_turned_as_its_tag_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("L", (8, 4))
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert read_images(tmp_path / "a.jpg").pixels.shape == (1, 8, 4, 1)


def test_other_sizes_become_the_commonest_with_a_note(tmp_path):
    for i in range(3):
        put(tmp_path / f"{i}.png", grey(50))
    put(tmp_path / "z.png", grey(50, (40, 40)))
    raw = read_images(tmp_path)
    assert raw.pixels.shape == (4, 5, 6, 1) and (raw.pixels == 50).all()
    assert raw.notes == ["1 of 4 pictures had another size and were resized to 5 x 6"]


def test_idx_folder_has_labels_and_the_official_test_part(tmp_path):
    random = np.random.default_rng(0)
    train, test = random.integers(0, 256, (5, 3, 4), dtype=np.uint8), random.integers(0, 256, (2, 3, 4), dtype=np.uint8)
    path = write_idx(tmp_path, "train", train, np.arange(5, dtype=np.uint8))
    write_idx(tmp_path, "t10k", test, np.array([7, 8], dtype=np.uint8), packed=False)
    raw = read_images(tmp_path)
    assert np.array_equal(raw.pixels[..., 0], np.concatenate([train, test]))
    assert raw.labels.tolist() == ["0", "1", "2", "3", "4", "7", "8"] and raw.part.tolist() == ["train"] * 5 + ["test"] * 2
    one = read_images(path)
    assert len(one) == 5 and one.part is None and one.labels.tolist() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("break_it", ["magic", "gz", "short", "long", "promise", "labels"])
def test_broken_idx_is_refused_by_name(tmp_path, break_it):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 9, 9), dtype=np.uint8)
    labels = np.zeros(49 if break_it == "labels" else 50, dtype=np.uint8)
    path = write_idx(tmp_path, "train", pixels, labels)
    header = struct.pack(">IIII", 2052 if break_it == "magic" else 2051, 50, 9, 9)
    body = pixels.tobytes()
    if break_it in ("magic", "short", "long"):
        path.write_bytes(gzip.compress(header + {"short": body[:-1], "long": body + b"x"}.get(break_it, body)))
    elif break_it == "gz":
        path.write_bytes(path.read_bytes()[:-200])
    elif break_it == "promise":
        path.write_bytes(gzip.compress(struct.pack(">IIII", 2051, 4_000_000_000, 9, 9) + body))
    words = {
        "magic": "2052",
        "gz": "cut short",
        "short": "too early",
        "long": "goes on",
        "promise": "can hold",
        "labels": "49 labels",
    }
    refused(path, str(tmp_path), words[break_it])


def test_npz_with_parts_and_with_plain_keys(tmp_path):
    x = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.array([0, 1]), x_test=x[:1], y_test=np.array([1]))
    raw = read_images(tmp_path / "a.npz")
    assert raw.part.tolist() == ["train", "train", "test"] and raw.labels.tolist() == ["0", "1", "1"]
    np.savez_compressed(tmp_path / "b.npz", images=x[..., None] / 255, labels=np.array(["a", "b"]))
    raw = read_images(tmp_path / "b.npz")
    assert np.array_equal(raw.pixels[..., 0], x) and raw.labels.tolist() == ["a", "b"]


class Canary:
    def __reduce__(self):
        return os.system, ("touch canary_was_here",)


def test_pickles_in_npz_are_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "a.npz", x=np.array([Canary()], dtype=object))
    refused(tmp_path / "a.npz", "a.npz", "Python objects")
    assert not (tmp_path / "canary_was_here").exists()


def test_an_array_that_promises_more_than_it_holds_is_refused(tmp_path):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": (1 << 15, 1 << 10, 1 << 10)})
    (tmp_path / "a.npy").write_bytes(out.getvalue() + b"1234")
    refused(tmp_path / "a.npy", "a.npy", "32.0 GiB")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", out.getvalue() + b"1234")
    refused(tmp_path / "a.npz", "x.npy", "32.0 GiB")


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "..\\evil.png", "C:/evil.png"])
def test_a_zip_that_points_outside_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, b"x")
    refused(tmp_path / "a.zip", "points outside of it")


def test_a_link_in_a_zip_is_refused(tmp_path):
    entry = zipfile.ZipInfo("cat/a.png")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    refused(tmp_path / "a.zip", "symbolic link", "cat/a.png")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("cat/a.png", "w") as out,
    ):
        for _ in range(300):
            out.write(bytes(1 << 20))
    refused(tmp_path / "a.zip", "a.zip", "300.0 MiB", "bombs")


def test_more_than_fifty_megapixels_are_refused_from_the_header(tmp_path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (8_000, 13_000, 60_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        refused(tmp_path / "a.png", "a.png", "make it smaller")


def test_damaged_and_disguised_pictures_are_refused_by_name(tmp_path):
    path = put(tmp_path / "a.png", Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refused(tmp_path, "a.png")
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    refused(tmp_path, "a.png", "no picture")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 not really")
    refused(tmp_path / "b.zip", "b.zip")
    refused(tmp_path / "nowhere", "nowhere")


@pytest.mark.parametrize("kind", ["folder", "idx", "npz"])
def test_what_does_not_fit_is_mapped_from_the_cache_with_the_same_values(tmp_path, own_cache, kind, monkeypatch):
    source = tmp_path / "in"
    source.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 7), dtype=np.uint8)
    if kind == "folder":
        for i, one in enumerate(pixels):
            put(source / f"{i}.png", Image.fromarray(one))
    elif kind == "idx":
        write_idx(source, "train", pixels, None)
    else:
        source = source / "a.npz"
        np.savez(source, x=pixels)
    inside, mapped = read_images(source), read_images(source, memory_limit=100)
    assert isinstance(mapped.pixels, np.memmap) and not isinstance(inside.pixels, np.memmap)
    assert np.array_equal(mapped.pixels, inside.pixels) and np.array_equal(mapped.pixels[..., 0], pixels)
    (stored,) = own_cache.rglob("*.npy")
    assert not list(own_cache.rglob("*.part"))
    before = stored.stat().st_mtime_ns
    preprocessing = ImagePreprocessing.fit(mapped, np.arange(6))
    tensor = preprocessing.encode(mapped)["image"]["pixels"]
    assert tensor.data_ptr() == mapped.pixels.ctypes.data  # not copied
    assert torch.equal(tensor, preprocessing.encode(inside)["image"]["pixels"])
    monkeypatch.setattr(images, "_load", lambda *_: pytest.fail("decoded again"))
    assert np.array_equal(read_images(source, memory_limit=100).pixels, inside.pixels)
    assert stored.stat().st_mtime_ns == before


def test_a_failed_decoding_leaves_nothing_in_the_cache(tmp_path, own_cache):
    put(tmp_path / "a.png", grey(1))
    path = put(tmp_path / "b.png", Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)))
    path.write_bytes(path.read_bytes()[:800])
    with pytest.raises(DataError):
        read_images(tmp_path, memory_limit=10)
    assert not [p for p in own_cache.rglob("*") if p.is_file()]


def test_arrays_in_memory():
    assert images_from_arrays(torch.rand(3, 1, 4, 5)).pixels.shape == (3, 4, 5, 1)
    assert images_from_arrays(np.array([[[0.0, 0.999]]])).pixels.ravel().tolist() == [0, 255]
    assert images_from_arrays(np.zeros((2, 3, 3), np.uint8), np.array([1.0, 2.5])).labels.tolist() == ["1", "2.5"]
    for wrong in (np.zeros((3, 4)), np.full((1, 2, 2), 300), np.full((1, 2, 2), 1.5), np.full((1, 2, 2), np.nan), np.array(["a"])):
        with pytest.raises(DataError):
            images_from_arrays(wrong)
    with pytest.raises(DataError, match="one label"):
        images_from_arrays(np.zeros((2, 3, 3), np.uint8), [1])


def test_missing_single_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.png"):
        read_files([tmp_path / "nothing.png"])
