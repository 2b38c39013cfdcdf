"""BERT on film reviews, from scratch: beside counting words, and with and without reading other texts before the labels; and on
questions whose answers stand in the context.

The network is a small one: the published figure (.935 for BERT base) is that of a network which has read 3.3 billion words.
"""

from __future__ import annotations

from functools import cache

from nnzoo.comparing.intervals import intervals
from nnzoo.core.dataset import Dataset
from nnzoo.core.network import Network
from nnzoo.data.prepare import prepare
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.reproductions._questions import pointing
from nnzoo.reproductions._sentiment import by_counting, few_labels, unlabelled
from nnzoo.reproductions.running import Listeners, Reproduction, fit

_JUDGES = {"context": 64, "width": 128, "layers": 2, "heads": 4, "dropout": 0.4, "lr": 5e-4, "weight_decay": 0.1, "batch": 64}
_JUDGES |= {"epochs": 2}
_READS = {"context": 64, "width": 128, "layers": 2, "heads": 4, "dropout": 0.1, "lr": 1e-3, "batch": 64, "epochs": 20}
_FEW = {**_READS, "dropout": 0.3, "lr": 5e-4, "batch": 32, "epochs": 15}
_POINTS = {"context": 64, "width": 128, "layers": 2, "heads": 4, "dropout": 0.1, "lr": 1e-3, "batch": 64, "epochs": 12}
OTHERS = ("sst5", "trec")


def whole_set(seed: int, listen: Listeners) -> dict[str, float]:
    """Test accuracy minus that of TF-IDF on the same sentences; phrases of the training sentences are learned from as well, and
    what TF-IDF makes of those stands beside it. The epoch is chosen on the 872 sentences of the validation part."""
    prepared = prepare("sst2-phrases", seed=seed, units="words")
    plain, phrases = by_counting(prepare("sst2", seed=seed))["test"], by_counting(prepared)["test"]
    network = fit("bert", prepared, seed, listen, _JUDGES)
    scores = prepared.task.evaluate(network, _held(prepared.parts.test, network)).scores
    counted = {"tfidf": plain, "tfidf_on_phrases": phrases, "more_than_on_phrases": scores["accuracy"] - phrases}
    return {"score": scores["accuracy"] - plain, **scores, **counted, "parameters": network.count()}


@cache
def _reader(seed: int) -> tuple[Network, Preprocessing]:
    """A network that has filled gaps in the unlabelled sentences of other sets."""
    prepared = prepare(unlabelled(*OTHERS), task="fill-mask", seed=seed, units="words")
    return fit("bert", prepared, seed, (), _READS), prepared.preprocessing


def few(seed: int, listen: Listeners) -> dict[str, float]:
    """Test accuracy after pre-training minus that without it, from the same 1,000 labels, with a 95 % interval over the rows."""
    base, units = _reader(seed)
    prepared = prepare(few_labels(seed), inherit=units, seed=seed)
    found = {}
    for name, start in (("pretrained", base), ("scratch", None)):
        network = fit("bert", prepared, seed, listen, _FEW, base=start)
        found[name] = prepared.task.evaluate(network, _held(prepared.parts.test, network))
    low, high = intervals({name: [one] for name, one in found.items()}, "accuracy", seed=seed).difference("pretrained", "scratch")
    counted = by_counting(prepared)["test"]
    scores = {name: one.scores["accuracy"] for name, one in found.items()}
    return {"score": scores["pretrained"] - scores["scratch"], **scores, "low": low, "high": high, "tfidf": counted}


def _held(part: Dataset | None, network: Network) -> Dataset:
    assert part is not None
    return part.to(network.device)


REPRODUCTIONS = (
    Reproduction(
        data="sst2-phrases",
        metric="accuracy more than TF-IDF's",
        run=whole_set,
        target=0.0,
        better="higher",
        published=".935 (BERT base, pre-trained on 3.3 billion words); about .80 for counted words",
        source="Devlin et al. 2019, table 1; Socher et al. 2013, table 1",
        note="from scratch; TF-IDF with logistic regression learns from sentences, `tfidf_on_phrases` from all the phrases",
    ),
    Reproduction(
        data="sst2, 1,000 labels",
        metric="accuracy gained by pre-training",
        run=few,
        target=None,
        better="higher",
        published="none at this size",
        source="reported whatever the outcome",
        note=f"pre-trained on the unlabelled training sentences of {' and '.join(OTHERS)}; low and high are the 95 % interval",
    ),
    pointing("bert", _POINTS),
)
