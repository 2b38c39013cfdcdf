"""German to English on Multi30k (captions of pictures): words in small letters, those that stand there once unknown.

It takes long, so it goes on where it stopped: its checkpoints lie under runs/reproductions until a run is complete.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnzoo.data.prepare import place, prepare
from nnzoo.reproductions.running import Listeners
from nnzoo.tasks._beam import search
from nnzoo.tasks.translation import corpus_scores
from nnzoo.training.checkpoints import Checkpoints
from nnzoo.training.devices import device_of
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build

BEAM = 5


def multi30k(kind: str, config: dict[str, Any], seed: int, listen: Listeners, **settings: Any) -> dict[str, float]:
    """BLEU on test_2016_flickr, by beam search; greedy scores beside it. The validation part chooses the epoch."""
    prepared = prepare("multi30k-de-en", units="words", seed=seed)
    chosen = Settings(seed=seed, device="auto", **settings)
    folder = Path("runs") / "reproductions" / f"{kind}-multi30k-{seed}"
    network = build(kind, config, prepared, seed)
    begun = (folder / "checkpoints").exists()
    parts = place(prepared.parts, device_of(chosen.device))
    network = train(network, parts, chosen, folder, listen, resume=begun).network
    assert parts.test is not None
    greedy = prepared.task.evaluate(network, parts.test)
    codes = [row for batch in parts.test.batches(50) for row in search(network, batch.inputs, BEAM)]
    found, _ = corpus_scores(prepared.preprocessing.restore("target", codes), greedy.truth)
    Checkpoints(folder).clear()
    scores = {**{f"greedy_{name}": value for name, value in greedy.scores.items()}, **found}
    return {"score": found["bleu"], **scores, "parameters": network.count()}
