"""GCN on Zachary's karate club, one labelled member a faction."""

from nnzoo.data.graphs import karate
from nnzoo.data.prepare import prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit


def leaders(seed: int, listen: Listeners) -> dict[str, float]:
    """The two leaders are labelled; accuracy on the other 32 members. No validation part: the last weights are used."""
    return _run(prepare("karate", seed=seed), seed)


def anyone(seed: int, listen: Listeners) -> dict[str, float]:
    """Another member of each faction is labelled for each seed."""
    return _run(prepare(karate(seed), seed=seed), seed)


def _run(prepared, seed: int) -> dict[str, float]:  # type: ignore[no-untyped-def]
    network = fit("gcn", prepared, seed)
    return {"score": prepared.task.evaluate(network, prepared.parts.test).score}


REPRODUCTIONS = (
    Reproduction(
        data="karate",
        metric="accuracy, leaders labelled",
        run=leaders,
        target=0.90,
        better="higher",
        published="none in numbers (figure of the paper's authors)",
        source="Kipf & Welling 2017, appendix A; Zachary 1977",
        seeds=tuple(range(100)),
    ),
    Reproduction(
        data="karate (random labels)",
        metric="accuracy, one random member a faction labelled",
        run=anyone,
        target=None,
        better="higher",
        published="none",
        source="as above",
        seeds=tuple(range(100)),
    ),
)
