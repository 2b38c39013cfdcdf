"""Pairs of pictures, pictures from labels, rows of one label: broken ones, and runs that are asked for what they cannot do."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
from pathlib import Path

from faults import Fault, fit, run
from making import GOOD, Maker, both, file, folder, picture, write

KINDS = Path(__file__).parents[1] / "zoo" / "kinds"
PAIRED = {f"{side}/{k}.png": picture(value=k) for side in ("input", "target") for k in range(20)}
BY_LABEL = "class-conditional-image-generation"


def pairs(others: dict[str, bytes | None] = {}) -> Maker:
    """A maker of pairs of pictures in the folder `p`, with `others` beside or instead of them (None: left out)."""

    def make() -> None:
        for path, content in (PAIRED | others).items():
            if content is not None:
                write(f"p/{path}", content)
        Path("p/input").mkdir(exist_ok=True)

    return make


@functools.cache
def trained(kind: str) -> Path:
    """A run of a kind for tests on good pictures, made once."""
    home = Path(tempfile.mkdtemp(prefix="nnzoo-faults-"))
    with contextlib.chdir(home):
        folder()()
        short = ["--budget", "2steps"] if kind == "squeeze" else []
        result = run(["train", str(KINDS / f"{kind}.py"), "p", "--out", "run", *short])
    assert result.exit_code == 0, result.stderr
    return home / "run"


def ready(kind: str) -> Maker:
    """A maker of a run, and of the pictures it was trained on."""
    return lambda: (folder()(), shutil.copytree(trained(kind), "run"))


def at(command: str, kind: str, *more: str) -> str:
    """A command on a run of a kind for tests."""
    return " ".join([command, "run", *more, "--kind", str(KINDS / f"{kind}.py")])


FAULTS = [
    Fault(
        "a pair of which one picture is missing",
        pairs({"target/3.png": None}),
        fit("p"),
        "p: input/3.png has no partner in target; give both of a pair one name",
        ["input/3.png"],
    ),
    Fault(
        "pairs whose pictures bear other names",
        pairs({f"input/{k}.png": None for k in range(20)} | {f"input/x{k}.png": picture() for k in range(3)}),
        fit("p"),
        "p: input/x0.png (and 2 more) has no partner in target; give both of a pair one name",
        ["input/x0.png"],
    ),
    Fault(
        "a pair whose pictures differ in size",
        pairs({"target/3.png": picture(size=(9, 8))}),
        fit("p"),
        "p: input/3.png has 8 x 8 pixels and target/3.png 9 x 8; bring both of a pair to one size",
        ["input/3.png", "target/3.png"],
    ),
    Fault(
        "a folder of inputs that is empty",
        pairs({f"input/{k}.png": None for k in range(20)}),
        fit("p"),
        "p/input has no pictures; put one for each picture in target there",
        ["p/input"],
    ),
    Fault(
        "an input that is there twice",
        pairs({"input/3.jpg": picture(form="JPEG")}),
        fit("p"),
        "p has two pictures called 3 in input, input/3.jpg and input/3.png; remove one",
        ["input/3.jpg", "input/3.png"],
    ),
    Fault(
        "a damaged picture of a pair",
        pairs({"target/3.png": b"no picture"}),
        fit("p"),
        "p/target/3.png is damaged or no picture, whatever its name says; replace or remove it",
        ["p/target/3.png"],
    ),
    Fault(
        "single pictures where pairs are needed",
        folder(),
        fit("p", "--task image-to-image"),
        "p holds single pictures; put pairs into two folders, input and target, with equal file names, or let --pairs make them "
        "(edges, grey, masked, downscaled, noisy, side-by-side)",
        ["p holds"],
    ),
    Fault(
        "a way to make pairs that is not known",
        folder(),
        fit("p", "--pairs sideways"),
        "--pairs sideways is not known; write edges, grey, masked, downscaled, noisy or side-by-side",
        ["--pairs sideways"],
    ),
    Fault(
        "pairs of pictures from a table",
        file(GOOD),
        fit("a.csv", "--pairs edges"),
        "a.csv holds no pictures, and image-to-image needs pairs of them; give a folder of pictures",
        ["a.csv"],
    ),
    Fault(
        "pairs for a task that needs none",
        folder(),
        fit("p", "--pairs edges --task image-classification"),
        "--pairs edges makes pairs for image-to-image, not for image-classification; leave one of them out",
        ["--pairs edges"],
    ),
    Fault(
        "grey pictures without their colours",
        folder(),
        fit("p", "--pairs grey"),
        "p: the pictures are grey already, so that --pairs grey takes nothing from them; choose another",
        ["--pairs grey"],
    ),
    Fault(
        "pictures side by side of an odd width",
        folder({f"{label}/{k}.png": picture(size=(9, 8)) for label in ("cat", "dog") for k in range(10)}),
        fit("p", "--pairs side-by-side"),
        "p: pictures 9 pixels wide cannot be halved; give pairs of one width side by side",
        ["9 pixels"],
    ),
    Fault(
        "a normal label that no row has",
        folder(),
        fit("p", "--task reconstruction --normal cow"),
        "p has no label 'cow'; labels are: cat, dog",
        ["'cow'"],
    ),
    Fault(
        "a normal label of pictures without labels",
        lambda: [write(f"p/{k}.png", picture(value=k)) for k in range(20)],
        fit("p", "--task reconstruction --normal cat"),
        "p has no labels; put the pictures into one folder a label, or leave --normal out",
        ["p has"],
    ),
    Fault(
        "a normal label where labels are to be learned",
        folder(),
        fit("p", "--task image-classification --normal cat"),
        "--normal cat is for what learns without labels, such as --task reconstruction; leave it out for image-classification",
        ["--normal cat"],
    ),
    Fault(
        "pictures without labels that are to be made by label",
        lambda: [write(f"p/{k}.png", picture(value=k)) for k in range(20)],
        fit("p", f"--task {BY_LABEL}"),
        "p has no labels to make pictures of; put the pictures into one folder a label",
        ["p has"],
    ),
    Fault(
        "fewer than no pictures",
        ready("stamp"),
        at("generate", "stamp", "--n -3 --out made.png"),
        "n=-3 must be 1 or more; give how many are to be made",
        ["n=-3"],
    ),
    Fault(
        "a label to make that was not learned",
        ready("stamp"),
        at("generate", "stamp", "--label cow --out made.png"),
        "no label 'cow'; labels are: cat, dog",
        ["'cow'"],
    ),
    Fault(
        "a sampler of a kind that has none",
        ready("stamp"),
        at("generate", "stamp", "--sampler ddim --out made.png"),
        "stamp has no setting 'sampler' of sampling; it has steps, guidance; leave sampler out",
        ["'sampler'"],
    ),
    Fault(
        "guidance of a network that makes nothing",
        ready("squeeze"),
        at("generate", "squeeze", "--guidance 2 --out made.png"),
        "squeeze trained for reconstruction makes no data; `nnzoo kinds` says which kinds do",
        ["squeeze"],
    ),
    Fault(
        "no steps of sampling",
        ready("stamp"),
        at("generate", "stamp", "--steps 0 --out made.png"),
        "steps=0: making takes one step at least; give 1 or more, or leave steps out",
        ["steps=0"],
    ),
    Fault(
        "made pictures into a folder with others",
        ready("stamp"),
        at("generate", "stamp", "--out p"),
        "p holds files already, and what is made is kept apart; name a new folder with --out",
        ["p holds"],
    ),
    Fault(
        "made pictures into a file of another sort",
        ready("stamp"),
        at("generate", "stamp", "--out made.jpg"),
        "pictures cannot be written to made.jpg; give a file that ends in .png or .npz, or a folder",
        ["made.jpg"],
    ),
    Fault(
        "questions to a network that makes pictures",
        ready("stamp"),
        at("predict", "stamp", "p", "--out made.png"),
        f"this stamp was trained for {BY_LABEL} and answers no questions; use generate",
        ["stamp"],
    ),
    Fault(
        "pictures as answers and no place for them",
        ready("squeeze"),
        at("predict", "squeeze", "p/cat/1.png"),
        "the answers are pictures; name a file or a folder for them with --out FILE.png",
        ["--out"],
    ),
    Fault(
        "a picture to give back that is damaged",
        both(ready("squeeze"), file(picture(size=(64, 64), value=3)[:60], "b.png")),
        at("predict", "squeeze", "b.png", "--out back.png"),
        "b.png is damaged (...); replace or remove it",
        ["b.png"],
    ),
    Fault(
        "a picture of another size to give back",
        both(ready("squeeze"), file(picture(size=(20, 12)), "b.png")),
        at("predict", "squeeze", "b.png", "--out back.png"),
        "1 rows written to back.png",
        rule="it is brought to the size that the run learned, as in training",
    ),
    Fault(
        "anomalies by a kind that cannot tell",
        ready("stamp"),
        at("anomalies", "stamp", "p"),
        f"stamp trained for {BY_LABEL} forecasts no series and cannot tell what is unusual; anomalies of series need a run of "
        "time-series-forecasting, others a kind with the ability Surprise (`nnzoo data` says which)",
        ["stamp"],
    ),
    Fault(
        "anomalies against a label that is not there",
        ready("squeeze"),
        at("anomalies", "squeeze", "p", "--normal cow --threshold 1"),
        "p has no label 'cow', only cat, dog; to score normal and unusual rows are needed, give both",
        ["'cow'"],
    ),
    Fault(
        "anomalies among rows that are all normal",
        both(ready("squeeze"), lambda: shutil.rmtree("p/dog")),
        at("anomalies", "squeeze", "p", "--normal cat --threshold 1"),
        "p has no other label than cat; to score normal and unusual rows are needed, give both",
        ["cat"],
    ),
    Fault(
        "a column of labels of pictures",
        ready("squeeze"),
        at("anomalies", "squeeze", "p", "--target kind --threshold 1"),
        "p has no columns; leave --target kind out",
        ["--target kind"],
    ),
]
