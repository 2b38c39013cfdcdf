"""Saved runs that are damaged, held, or given what they cannot read; disks that are full."""

from __future__ import annotations

from faults import Fault, fit
from making import GOOD, both, file, folder, nothing, rows, text
from run_making import FRAME, begun, flipped, full, good, held, limited, rewritten, then, without

PREDICT = "predict run b.csv"
FEW = text([[a, b, "red"] for a, b, _ in rows(8)], "a,b,c")
FAULTS = [
    Fault(
        "weights with a flipped bit",
        flipped("model.safetensors"),
        PREDICT,
        "run/model.safetensors is damaged: it is not what was saved; copy the run again from where it is whole",
        ["run/model.safetensors"],
    ),
    Fault(
        "config.json with a flipped bit",
        flipped("config.json", 50),
        PREDICT,
        "run/config.json is damaged: it is not what was saved; copy the run again from where it is whole",
        ["run/config.json"],
    ),
    Fault(
        "the preprocessing with a flipped bit",
        flipped("preprocessing/preprocessing.json", 50),
        PREDICT,
        ("run/preprocessing/preprocessing.json is damaged: it is not what was saved; copy the run again from where it is whole"),
        ["run/preprocessing/preprocessing.json"],
    ),
    Fault(
        "digests that are no JSON",
        flipped("digests.json", 0),
        PREDICT,
        "run/digests.json cannot be read (...); copy the run again from where it is whole",
        ["run/digests.json"],
    ),
    Fault(
        "a run without its weights",
        without("model.safetensors"),
        PREDICT,
        "run/model.safetensors is missing; copy the run again from where it is whole",
        ["run/model.safetensors"],
    ),
    Fault(
        "a run without its preprocessing",
        without("preprocessing/preprocessing.json"),
        PREDICT,
        "run/preprocessing/preprocessing.json is missing; copy the run again from where it is whole",
        ["run/preprocessing/preprocessing.json"],
    ),
    Fault(
        "a run that was not saved to its end",
        without("digests.json"),
        PREDICT,
        "the run at run is not complete; go on with --resume, or train it anew",
        ["run "],
    ),
    Fault(
        "config.json with an unknown field",
        rewritten(colour="red"),
        PREDICT,
        "run/config.json has a field 'colour' that this nnzoo does not know; update nnzoo",
        ["run/config.json", "'colour'"],
    ),
    Fault(
        "a run of an unknown kind",
        rewritten(kind="perceptron9"),
        PREDICT,
        (
            "run is of kind 'perceptron9', which is neither nnzoo's nor an installed package's; give its file with "
            "--kind, in Python with nnzoo.load(run, kinds={'perceptron9': YourNetwork})"
        ),
        ["run ", "'perceptron9'"],
    ),
    Fault(
        "a run whose kind is a path",
        rewritten(kind="./evil.py"),
        PREDICT,
        (
            "run is of kind './evil.py', which is neither nnzoo's nor an installed package's; give its file with "
            "--kind, in Python with nnzoo.load(run, kinds={'./evil.py': YourNetwork})"
        ),
        ["run ", "'./evil.py'"],
    ),
    Fault(
        "a run with an unknown setting",
        rewritten(config={"hidden": [4], "colour": "red"}),
        PREDICT,
        ("run/config.json: mlp has no setting 'colour'; it has hidden, nonlinearity, dropout, lr, weight_decay, batch, epochs"),
        ["run/config.json", "'colour'"],
    ),
    Fault(
        "a run whose config asks for 32 GB",
        rewritten(config={"hidden": [10**9]}),
        PREDICT,
        (
            "run/model.safetensors holds misshapen tensors: heads.linear.to_y.weight (float32 2x4, the network has "
            "float32 2x1000000000), layers.0.0.bias (float32 4, the network has float32 1000000000), "
            "layers.0.0.weight (float32 4x5, the network has float32 1000000000x5); it was not saved by this kind as "
            "it is now, use the nnzoo that saved it"
        ),
        ["run/model.safetensors", "1000000000"],
    ),
    Fault(
        "a run of an unknown task",
        rewritten(task="tabular-clasification"),
        PREDICT,
        "run/config.json: no task 'tabular-clasification'; did you mean tabular-classification...",
        ["run/config.json", "'tabular-clasification'"],
    ),
    Fault(
        "a run of a newer format",
        rewritten(format=99),
        PREDICT,
        "run was written by a newer nnzoo (format 99, this one reads 1); update nnzoo",
        ["run ", "format 99"],
    ),
    Fault(
        "a run of a format that is no number",
        rewritten(format="one"),
        PREDICT,
        "run/config.json gives no format number, but 'one'; copy the run again from where it is whole",
        ["run/config.json", "'one'"],
    ),
    Fault(
        "a run that does not say what it reads",
        rewritten(spec={}),
        PREDICT,
        ("run/config.json is not what nnzoo writes: 'spec.inputs': Field required; copy the run again from where it is whole"),
        ["run/config.json", "'spec.inputs'"],
    ),
    Fault("a run that is not there", nothing, PREDICT, "there is no run at run; `nnzoo runs` lists those there are", ["run;"]),
    Fault(
        "a run folder that another process holds",
        held,
        fit("a.csv"),
        "run is in use by process 4711; wait for it or choose another --out",
        ["run ", "process 4711"],
    ),
    Fault(
        "a finished run as --out", good(), fit("a.csv"), "run holds a finished run; choose another --out, or remove it", ["run "]
    ),
    Fault(
        "a finished run to be resumed",
        good(),
        fit("a.csv", "--resume"),
        "run holds a finished run; choose another --out, or remove it (there is nothing to resume)",
        ["run "],
    ),
    Fault(
        "a folder of other things as --out",
        both(
            file(GOOD),
            file("run holds other things, such as thesis.tex, and no run; choose a new folder with --out", "run/thesis.tex"),
        ),
        fit("a.csv"),
        "run holds other things, such as thesis.tex, and no run; choose a new folder with --out",
        ["run ", "thesis.tex"],
    ),
    Fault(
        "a file as --out",
        both(file(GOOD), file("", "run")),
        fit("a.csv"),
        "run is a file where the run needs a folder; choose another --out",
        ["run "],
    ),
    Fault(
        "nothing to resume",
        file(GOOD),
        fit("a.csv", "--resume"),
        "run holds no run to resume; leave --resume out, or name the run with --out",
        ["run "],
    ),
    Fault(
        "a resume with other rows under the same name",
        both(begun, file(GOOD)),
        fit("a.csv", "--resume"),
        (
            "run was begun with other rows than a.csv gives now; bring back the data it was begun with, or begin a "
            "new run with another --out"
        ),
        ["run ", "a.csv"],
    ),
    Fault(
        "a resume with other data",
        both(begun, file(FRAME, "b.csv")),
        fit("b.csv", "--resume"),
        "run was begun with data=a.csv, not data=b.csv; use the same command to resume",
        ["run ", "data=a.csv", "data=b.csv"],
    ),
    Fault(
        "a resume with other settings",
        begun,
        fit("a.csv", "--resume --set hidden=5"),
        "run was begun with hidden=[4], not hidden=[5]; use the same command to resume",
        ["run ", "hidden=[5]"],
    ),
    Fault(
        "a resume with another seed",
        begun,
        fit("a.csv", "--resume --seed 5"),
        "run was begun with seed=0, not seed=5; use the same command to resume",
        ["run ", "seed=5"],
    ),
    Fault(
        "a start from other columns",
        both(good(), file(GOOD)),
        fit("a.csv", "--from run").replace("--out run", "--out new"),
        "a.csv has no column 'c'; it has a, b, y; add it or name another",
        ["a.csv", "'c'"],
    ),
    Fault(
        "a start from another kind",
        good(),
        "train gmdh a.csv --budget 2steps --out new --from run",
        "a gmdh cannot go on from a run of mlp; name the same kind",
        ["mlp"],
    ),
    Fault(
        "a lacking column at prediction",
        both(good(), file(text([[a, "red"] for a, _, _ in rows()], "a,c"), "b.csv")),
        PREDICT,
        "b.csv has no column 'b'; it has a, c; add it or name another",
        ["b.csv", "'b'"],
    ),
    Fault(
        "text in a numeric column at prediction",
        both(good(), file(FEW.replace("3,10,", "3,many,"), "b.csv")),
        PREDICT,
        "b.csv: column 'b', row 4: 'many' is not a number; correct it or leave it empty",
        ["b.csv", "'b'", "row 4"],
    ),
    Fault(
        "an infinite number at prediction",
        both(good(), file(FEW.replace("3,10,", "3,inf,"), "b.csv")),
        PREDICT,
        "b.csv: column 'b', row 4: 'inf' is infinite or beyond 1e+30; correct it or leave it empty",
        ["b.csv", "'b'", "row 4"],
    ),
    Fault(
        "an unseen category at prediction",
        both(good(), file(FEW.replace("3,10,red", "3,10,green"), "b.csv")),
        PREDICT,
        "3,10,green,low,0...",
        rule="answered as a category not met in training",
    ),
    Fault(
        "missing cells at prediction",
        both(good(), file(FEW.replace("3,10,red", "3,,"), "b.csv")),
        PREDICT,
        "3,,,low,0...",
        rule="filled in as in training",
    ),
    Fault(
        "columns in another order, and more of them",
        both(good(), file(text([["red", b, a, "1"] for a, b, _ in rows(8)], "c,b,a,d"), "b.csv")),
        PREDICT,
        "red,10,3,1,low,0...",
        rule="columns are found by name, others are passed on",
    ),
    Fault(
        "a header and no rows at prediction",
        both(good(), file("a,b,c\n", "b.csv")),
        PREDICT,
        "b.csv has a header but no rows; add at least one row under it",
        ["b.csv"],
    ),
    Fault(
        "pictures for a network of tables",
        both(good(), folder()),
        "predict run p",
        "p is a folder where a file is needed; name a file in it",
        ["p is"],
    ),
    Fault(
        "scores without answers to compare with",
        both(good(), file(FEW, "b.csv")),
        "evaluate run b.csv",
        "b.csv has no 'y', so that answers cannot be scored; give the column, or use predict",
        ["b.csv", "'y'"],
    ),
    Fault(
        "a label that was never learned",
        both(good(), file(FRAME.replace("low", "flat"), "b.csv")),
        "evaluate run b.csv",
        ("b.csv: column 'y', row 1: label 'flat' was not among those learned (high, low); correct it or leave it empty"),
        ["b.csv", "'y'", "row 1", "'flat'"],
    ),
    Fault(
        "answers to a file of unknown sort",
        both(good(), file(FEW, "b.csv")),
        PREDICT + " --out a.doc",
        "answers cannot be written to a.doc; give a file that ends in .csv, .tsv, .json, .jsonl or .parquet",
        ["a.doc"],
    ),
    Fault(
        "answers to a folder that is not there",
        both(good(), file(FEW, "b.csv")),
        PREDICT + " --out nowhere/a.csv",
        "nowhere/a.csv cannot be written, since there is no folder nowhere; choose another --out",
        ["nowhere/a.csv"],
    ),
    Fault(
        "data from a network that makes none",
        good(),
        "generate run",
        "mlp trained for tabular-classification makes no data; `nnzoo kinds` says which kinds do",
        ["mlp"],
    ),
    Fault(
        "a disk that is full from the start",
        then(file(GOOD), lambda: limited(60)),
        fit("a.csv"),
        "could not save run/request.json: the disk is full; what was saved before is intact; make room",
        ["run/request.json"],
    ),
    Fault(
        "a disk that is full when training begins",
        then(file(GOOD), lambda: full("write", "journal.jsonl")),
        fit("a.csv"),
        "could not save run/journal.jsonl: the disk is full; what was saved before is intact; make room",
        ["run/journal.jsonl"],
        late=True,
    ),
    Fault(
        "a disk that is full when weights are saved",
        then(file(GOOD), lambda: full("rename", "model.safetensors.PID.tmp")),
        fit("a.csv"),
        "could not save run/model.safetensors: the disk is full; what was saved before is intact; make room",
        ["run/model.safetensors"],
        late=True,
    ),
    Fault(
        "a disk that is full when answers are written",
        then(both(good(), file(FEW, "b.csv")), lambda: limited(20)),
        PREDICT + " --out o.csv",
        "could not save o.csv: the disk is full; what was saved before is intact; make room",
        ["o.csv"],
    ),
]
