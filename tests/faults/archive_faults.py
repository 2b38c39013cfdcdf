"""Broken archives and arrays."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
from faults import Fault, fit
from making import arrays, file, idx, packed, picture
from picture_making import HALF, LABELS, PIXELS, RNG, TRAIN, Canary, bent, bomb, doubled, encrypted, pixels, promise, twins

FAULTS = [
    Fault(
        "a zip with ../",
        packed({"../evil.png": picture()}),
        fit("p.zip"),
        "p.zip holds an entry that points outside of it, '../evil.png'; pack it again from inside its folder",
        ["p.zip", "'../evil.png'"],
    ),
    Fault(
        "a zip with a path from the root",
        packed({"/etc/evil.png": picture()}),
        fit("p.zip"),
        "p.zip holds an entry that points outside of it, '/etc/evil.png'; pack it again from inside its folder",
        ["p.zip", "'/etc/evil.png'"],
    ),
    Fault(
        "a zip with ..\\",
        packed({"..\\evil.png": picture()}),
        fit("p.zip"),
        "p.zip holds an entry that points outside of it, '..\\evil.png'; pack it again from inside its folder",
        ["p.zip", "'..\\evil.png'"],
    ),
    Fault(
        "a zip with a symbolic link",
        packed(links={"cat/link.png": "/etc/passwd"}),
        fit("p.zip"),
        "p.zip holds a symbolic link, 'cat/link.png'; pack the file itself instead",
        ["p.zip", "'cat/link.png'"],
    ),
    Fault(
        "a zip that unpacks to 1000 times its size",
        bomb,
        fit("p.zip"),
        "p.zip would unpack to 300.0 MiB, 1028 times its size, as zip bombs do; give the files in a folder instead",
        ["p.zip", "300.0 MiB"],
    ),
    Fault(
        "an encrypted zip",
        encrypted,
        fit("p.zip"),
        "p.zip is encrypted; unpack it with its password and give the folder",
        ["p.zip"],
    ),
    Fault(
        "a zip with two entries of one name",
        doubled,
        fit("p.zip"),
        "p.zip holds two entries called 'cat/1.png'; pack it again with one of them",
        ["p.zip", "'cat/1.png'"],
    ),
    Fault(
        "a zip cut short",
        bent(lambda content: content[:-100]),
        fit("p.zip"),
        "p.zip cannot be opened as a zip file (...); pack or download it again",
        ["p.zip"],
    ),
    Fault(
        "a zip with changed bytes",
        bent(lambda content: content[:50] + b"zzzz" + content[54:]),
        fit("p.zip"),
        "'cat/0.png' in p.zip is damaged (...); pack or download the zip again",
        ["p.zip", "'cat/0.png'"],
    ),
    Fault(
        "a zip without pictures",
        lambda: zipfile.ZipFile("p.zip", "w").writestr("a.txt", "a"),
        fit("p.zip"),
        "p.zip holds no pictures; pack one folder a class, as cat/1.png",
        ["p.zip"],
    ),
    Fault(
        "IDX of a wrong magic number",
        file(idx(77, (20, 8, 8), bytes(20 * 64)), TRAIN),
        fit("m"),
        (
            "m/train-images-idx3-ubyte.gz is no IDX file of pictures: it begins with 77 where 2051 should stand; "
            "check which file it is"
        ),
        [TRAIN, "77"],
    ),
    Fault(
        "IDX whose gzip is cut short",
        file(idx(PIXELS, (20, 8, 8), RNG.bytes(20 * 64), cut=200), TRAIN),
        fit("m"),
        "m/train-images-idx3-ubyte.gz is damaged or cut short (...); copy or download it again",
        [TRAIN],
    ),
    Fault(
        "IDX that promises a billion pictures",
        file(idx(PIXELS, (1 << 30, 28, 28), bytes(2000)), TRAIN),
        fit("m"),
        (
            "m/train-images-idx3-ubyte.gz is damaged: its header promises 1073741824 pictures of 28 x 28, more than "
            "its 43 bytes can hold; copy or download it again"
        ),
        [TRAIN, "1073741824"],
    ),
    Fault(
        "IDX that goes on after its end",
        file(idx(PIXELS, (2, 8, 8), bytes(20 * 64)), TRAIN),
        fit("m"),
        "m/train-images-idx3-ubyte.gz goes on after the 2 pictures of its header; copy or download it again",
        [TRAIN],
    ),
    Fault(
        "IDX with a label too few",
        twins(idx(LABELS, (19,), bytes(19))),
        fit("m"),
        (
            "m/train-labels-idx1-ubyte.gz holds 19 labels for the 20 pictures of train-images-idx3-ubyte.gz; copy or "
            "download both again"
        ),
        ["m/train-labels-idx1-ubyte.gz", "19"],
    ),
    Fault(
        "IDX whose labels are something else",
        twins(idx(5, (20,), bytes(20))),
        fit("m"),
        ("m/train-labels-idx1-ubyte.gz is no IDX file of labels: it begins with 5 where 2049 should stand; check which file it is"),
        ["m/train-labels-idx1-ubyte.gz", "5"],
    ),
    Fault(
        "an .npy that asks for 32 GiB",
        promise,
        fit("a.npy"),
        "a.npy promises 32.0 GiB of values but holds 100 bytes; save or download it again",
        ["a.npy", "32.0 GiB"],
    ),
    Fault(
        "an .npy of Python objects",
        lambda: np.save("a.npy", np.array([Canary()] * 20), allow_pickle=True),
        fit("a.npy"),
        "a.npy holds Python objects, which can run code when opened; save plain numbers or strings",
        ["a.npy"],
    ),
    Fault(
        "an .npy that is none",
        file("hello", "a.npy"),
        fit("a.npy"),
        "a.npy is no array that NumPy can read (...); save it again with numpy.save",
        ["a.npy"],
    ),
    Fault(
        "a pickle in an .npz",
        arrays(x=np.array([Canary()] * 20), y=HALF),
        fit("a.npz"),
        "'x.npy' in a.npz holds Python objects, which can run code when opened; save plain numbers or strings",
        ["a.npz", "'x.npy'"],
    ),
    Fault(
        "a bare pickle as entry of an .npz",
        lambda: zipfile.ZipFile("a.npz", "w").writestr("x.npy", pickle.dumps(Canary())),
        fit("a.npz"),
        "'x.npy' in a.npz is no array that NumPy can read (...); save it again with numpy.save",
        ["a.npz", "'x.npy'"],
    ),
    Fault(
        "pictures of five channels",
        arrays(x=pixels(20, 8, 8, 5), y=HALF),
        fit("a.npz"),
        ("'x.npy' in a.npz has the shape (20, 8, 8, 5); reshape it to N x H x W, N x H x W x C or N x C x H x W with C 1 or 3"),
        ["a.npz", "'x.npy'", "(20, 8, 8, 5)"],
    ),
    Fault(
        "pictures without height and width",
        arrays(x=pixels(20, 64), y=HALF),
        fit("a.npz"),
        ("'x.npy' in a.npz has the shape (20, 64); reshape it to N x H x W, N x H x W x C or N x C x H x W with C 1 or 3"),
        ["a.npz", "'x.npy'", "(20, 64)"],
    ),
    Fault(
        "fewer labels than pictures",
        arrays(x=pixels(20, 8, 8), y=HALF[:7]),
        fit("a.npz"),
        "a.npz has 20 pictures and labels of the shape (7,); give one label for each picture",
        ["a.npz", "(7,)"],
    ),
    Fault(
        "an .npz with other keys",
        arrays(photos=pixels(20, 8, 8), y=HALF),
        fit("a.npz"),
        "a.npz has the keys photos, y; name the pictures x and their labels y",
        ["a.npz", "photos"],
    ),
    Fault(
        "negative pixels",
        arrays(x=pixels(20, 8, 8).astype(int) - 9, y=HALF),
        fit("a.npz"),
        "'x.npy' in a.npz holds pixels from -9 to 246; bring them to 0..255 or 0..1",
        ["a.npz", "'x.npy'", "-9"],
    ),
    Fault(
        "pixels that are NaN",
        arrays(x=np.full((20, 8, 8), np.nan), y=HALF),
        fit("a.npz"),
        "'x.npy' in a.npz holds pixels from nan to nan; bring them to 0..255 or 0..1",
        ["a.npz", "'x.npy'", "nan"],
    ),
    Fault(
        "parts with pictures of different sizes",
        arrays(x_train=pixels(20, 8, 8), y_train=HALF, x_test=pixels(20, 9, 8), y_test=HALF),
        fit("a.npz"),
        "a.npz: its parts hold pictures of different sizes; bring them to one size",
        ["a.npz"],
    ),
    Fault(
        "labels of the training part only",
        arrays(x_train=pixels(20, 8, 8), y_train=HALF, x_test=pixels(20, 8, 8)),
        fit("a.npz"),
        "a.npz has labels for some of its parts only; add the others",
        ["a.npz"],
    ),
    Fault(
        "an array of no pictures",
        arrays(x=pixels(0, 8, 8), y=HALF[:0]),
        fit("a.npz"),
        "a.npz has no rows; give data with at least three",
        ["a.npz"],
    ),
]
