"""Text CNN on TREC's questions: CNN-rand of Kim's table 2, words in small letters, those that stand once unknown."""

from nnzoo.data.prepare import prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit


def run(seed: int, listen: Listeners) -> dict[str, float]:
    """Accuracy on the 500 test questions; a tenth of the training part chooses the epoch, as in the paper."""
    prepared = prepare("trec", seed=seed, units="words")
    network = fit("text_cnn", prepared, seed, listen)
    test = prepared.parts.to(network.device).test
    assert test is not None
    scores = prepared.task.evaluate(network, test).scores
    return {"score": scores["accuracy"], **scores, "parameters": network.count()}


REPRODUCTIONS = (
    Reproduction(
        data="trec",
        metric="accuracy",
        run=run,
        target=0.9,
        better="higher",
        published=".912 (CNN-rand)",
        source="Kim 2014, table 2",
    ),
)
