"""Broken pictures."""

from __future__ import annotations

from faults import Fault, fit
from making import file, folder, picture
from picture_making import animation, emptied, empty, floats, only, sixteen, wide

FAULTS = [
    Fault(
        "a PNG cut short",
        folder({"cat/3.png": picture(size=(64, 64), value=3)[:60]}),
        fit("p"),
        "p/cat/3.png is damaged (...); replace or remove it",
        ["p/cat/3.png"],
    ),
    Fault(
        "a PNG with changed bytes",
        folder({"cat/3.png": picture()[:45] + b"\xff\xff" + picture()[47:]}),
        fit("p"),
        "p/cat/3.png is damaged (...); replace or remove it",
        ["p/cat/3.png"],
    ),
    Fault(
        "two pictures that are none",
        folder({"cat/3.png": b"hello", "dog/3.png": b""}),
        fit("p"),
        ("p/cat/3.png is damaged or no picture, whatever its name says; replace or remove it; so with 1 more: p/dog/3.png"),
        ["p/cat/3.png", "p/dog/3.png"],
    ),
    Fault(
        "PostScript that is called .png",
        folder({"cat/3.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n"}),
        fit("p"),
        "p/cat/3.png is damaged or no picture, whatever its name says; replace or remove it",
        ["p/cat/3.png"],
    ),
    Fault(
        "a 16-bit PNG",
        folder({"cat/3.png": sixteen()}),
        "data p",
        "image image input - - 8 height, 8 width, 1 channels",
        rule="grey keeps its upper eight bits (value / 257)",
    ),
    Fault(
        "a palette PNG",
        folder({"cat/3.png": picture("P")}),
        fit("p"),
        "note: 19 of 20 pictures are grey and are read as RGB",
        rule="palettes become RGB, and grey pictures beside them too, with a note",
    ),
    Fault(
        "a transparent PNG",
        folder({"cat/3.png": picture("LA")}),
        "data p",
        "image image input - - 8 height, 8 width, 1 channels",
        rule="what is transparent is laid over white",
    ),
    Fault(
        "a CMYK JPEG",
        folder({"cat/3.jpg": picture("CMYK", form="JPEG")}),
        fit("p"),
        "note: 20 of 21 pictures are grey and are read as RGB",
        rule="read as RGB",
    ),
    Fault(
        "an animated GIF",
        folder({"cat/3.gif": animation()}),
        fit("p"),
        "note: 1 of 21 pictures are animations, of which the first frame is taken",
        rule="the first frame is taken, with a note",
    ),
    Fault(
        "a TIFF of fractions",
        folder({"cat/3.tif": floats()}),
        fit("p"),
        "p/cat/3.tif holds fractions or numbers beyond 16 bits; save it with 8 or 16 bits a channel",
        ["p/cat/3.tif"],
    ),
    Fault(
        "a picture of another size",
        folder({"cat/3.png": picture(size=(20, 4))}),
        fit("p"),
        "note: 1 of 20 pictures had another size and were resized to 8 x 8",
        rule="resized to the commonest size, with a note",
    ),
    Fault(
        "a picture of 169 megapixels",
        folder({"cat/3.png": wide(13000, 13000)}),
        fit("p"),
        "p/cat/3.png has 13000 x 13000 pixels, more than 50 million; make it smaller",
        ["p/cat/3.png", "13000 x 13000"],
    ),
    Fault(
        "a picture of 0 x 0",
        folder({"cat/3.png": wide(0, 0)}),
        fit("p"),
        "p/cat/3.png is damaged or no picture, whatever its name says; replace or remove it",
        ["p/cat/3.png"],
    ),
    Fault(
        "other files between pictures",
        folder({"cat/notes.xml": b"x", ".hidden": b"x", "Thumbs.db": b"x"}),
        fit("p"),
        "note: passed over, as no pictures: cat/notes.xml",
        rule="passed over, with a note (hidden ones silently)",
    ),
    Fault(
        "a picture beside the class folders",
        folder({"1.png": picture()}),
        fit("p"),
        "p has files in class folders and files beside them, such as '1.png'; put each into its class's folder",
        ["p has", "'1.png'"],
    ),
    Fault(
        "an empty folder",
        empty,
        fit("p"),
        "p is a folder with no pictures; put them into one folder a class, as p/cat/1.png",
        ["p is"],
    ),
    Fault("an empty class folder", emptied, fit("p"), "note: no pictures lie in the folder cow", rule="passed over, with a note"),
    Fault(
        "one class folder", only("p/cat"), fit("p"), "p has only one label, 'cat'; give data with at least two", ["p has", "'cat'"]
    ),
    Fault(
        "pictures without labels",
        only("p"),
        fit("p"),
        "p: mlp predicts an output and these data have none; name a target, or use a kind that generates",
        ["p: "],
    ),
    Fault(
        "a single picture",
        file(picture(), "a.png"),
        fit("a.png"),
        (
            "a.png: the split leaves no validation rows of 1; give more rows, another --split, or parts of your own "
            "(--valid, --test)"
        ),
        ["a.png"],
    ),
    Fault(
        "folders test and val, but no train",
        only("p/test/cat", "p/test/dog", "p/val/cat", "p/val/dog"),
        fit("p"),
        "p has the folders test, valid but none named train; add it or move the files up",
        ["p has", "train"],
    ),
    Fault(
        "a folder of tables",
        file("a,b\n1,2\n", "p/a.csv"),
        fit("p"),
        "p is a folder with tables; name one of them, such as p/a.csv",
        ["p is", "p/a.csv"],
    ),
    Fault(
        "a line break in a file's name",
        folder({"cat/a\nb.png": picture()}),
        fit("p"),
        "p has a file whose name is not UTF-8 or holds a line break, 'cat/a\\nb.png'; rename it",
        ["p has", "'cat/a\\nb.png'"],
    ),
    Fault(
        "a drawing",
        file("<svg/>", "a.svg"),
        fit("a.svg"),
        "a.svg has no ending that nnzoo reads; give a table (.csv ...), ..., or a folder",
        ["a.svg"],
    ),
]
