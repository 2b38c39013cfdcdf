"""What a classifier of the same data says of made pictures; nobody's word for it but its own, and never called FID.

    frechet_distance   of features of made and of held-out pictures (`frechet.py`), as many on either side
    precision, recall  made pictures among real ones, real ones among made ones (`manifold.py`)
    classes_found      labels that at least a tenth as many made pictures seem to bear as real ones do
    confidence         mean probability of the label that a made picture seems to bear
    label_kl           sum_k p_k log(p_k / q_k), p_k and q_k the shares of label k that made and real pictures seem to bear
    copied             share of made pictures that are as near to one training picture as 1 % of held-out ones (`copying.py`)
    gan_train          share of right answers on held-out pictures of a classifier that learned from made pictures alone
    gan_test           share of made pictures that seem to bear the label asked for                  (Shmelkov et al. 2018)

The last two where labels are asked for. Shapes: N real rows, M made ones, K labels, C H W picture.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.comparing.judging.classifier import Classifier, learn, pictures_with_labels, suits
from nnzoo.comparing.judging.copying import coarse, copying, ratios, ratios_of_pictures
from nnzoo.comparing.judging.frechet import FEWEST, frechet_distance, resampled
from nnzoo.comparing.judging.manifold import precision_recall
from nnzoo.core.dataset import Dataset
from nnzoo.core.events import Event, Warned
from nnzoo.core.fields import Image
from nnzoo.core.seeds import generator, mix
from nnzoo.core.task import Evaluation
from nnzoo.tasks._generation import draw

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

MOST = 5000  # pictures compared on each side
MOST_TAUGHT = 10_000  # made pictures that a classifier learns from
TAUGHT_STEPS = 800
FEWEST_SOUGHT, MOST_SOUGHT = 300, 2000  # pictures whose nearest training picture is looked for, large ones less often:
PIXELS_SOUGHT = 2000 * 784  # pixels of all of them
RARE = 0.1  # of the share of a label among real pictures, from which on it counts as found
REMEMBERED = 10
INTERVAL = (0.025, 0.975)

HIGHER = {
    "frechet_distance": False,
    "precision": True,
    "recall": True,
    "classes_found": True,
    "confidence": True,
    "label_kl": False,
    "copied": False,
}
HIGHER_OF_LABELS = {"gan_train": True, "gan_test": True}


@dataclass
class PictureJudge:
    """Judges pictures by a classifier of the labelled training pictures `train` ("image" to "label"); `conditional`: labels are
    asked for. `learn` before use."""

    train: Dataset
    conditional: bool = False
    classifier: Classifier | None = None
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def metric(self) -> str:
        """What decides."""
        return "gan_train" if self.conditional else "frechet_distance"

    @property
    def higher(self) -> dict[str, bool]:
        """All scores."""
        return {**HIGHER, **HIGHER_OF_LABELS} if self.conditional else HIGHER

    def learn(self, device: str = "auto", listen: Sequence[Callable[[Event], Any]] = ()) -> None:
        """Train the classifier, or take it from the cache. Raises DataError where the pictures have no two labels."""
        if self.classifier is None:
            self.classifier = learn(self.train, device)
        for listener in listen:
            listener(Warned(self.about))

    @property
    def about(self) -> str:
        """The judge in a sentence."""
        assert self.classifier is not None
        sure = self.classifier.accuracy
        good = "" if sure is None else f", {100 * sure:.1f} % right on training pictures that were kept from it"
        return (
            f"made pictures are judged by a classifier trained here on {len(self.train):,} labelled training pictures{good}; "
            "its Frechet distance compares with no FID"
        )

    @torch.no_grad()
    def add(
        self, evaluation: Evaluation, network: Any, made: Tensor, codes: Tensor | None, dataset: Dataset, seed: int
    ) -> Evaluation:
        """All scores of `made` beside those there are. `network` makes more pictures where a classifier is to learn from them."""
        if not made.isfinite().all():  # who asked says that there is no score
            return replace(evaluation, scores={**evaluation.scores, **dict.fromkeys(self.higher, math.nan)}, rows=None)
        made, (real, real_codes) = self._as_pixels(made), self._real(dataset)
        n = min(len(real), len(made), MOST)
        scores, extra = self._seen(real[:n], made[:n], seed)
        rows = None
        if self.conditional:
            assert codes is not None and self.classifier is not None
            _, said_MK = self._read(made)
            scores["gan_test"] = float((said_MK.argmax(1).cpu() == codes.cpu()).double().mean())
            rows = self._taught(network, seed, real, real_codes)
            scores["gan_train"] = float(rows.mean())
        extra = {**evaluation.extra, "samples": n, **extra}
        return replace(evaluation, scores={**evaluation.scores, **scores}, rows=rows, extra=extra, unit="held-out pictures")

    def _as_pixels(self, made: Tensor) -> Tensor:
        """Made pictures as they would be saved: nothing is darker than black or lighter than white."""
        return self._image.standardise(self._image.restore(made.float()).clamp(0, 1))

    def _seen(self, real: Tensor, made: Tensor, seed: int) -> tuple[dict[str, float], dict[str, Any]]:
        """Scores that need no labels, and what lies behind them."""
        real_ND, real_NK = self._read(real)
        made_ND, made_NK = self._read(made)
        precision, recall = precision_recall(real_ND, made_ND)
        found = {space: copying(*self._nearness(made, real, space)) for space in ("pixels", "features")}
        likely = max(found.values(), key=lambda one: (one.flagged, one.share))
        p_K, q_K = (torch.bincount(said.argmax(1), minlength=said.shape[1]).double().cpu() for said in (made_NK, real_NK))
        q_K = (q_K + 0.5) / (q_K + 0.5).sum()  # a label that the judge sees in no real picture
        p_K = p_K / p_K.sum()
        scores = {
            "frechet_distance": frechet_distance(made_ND, real_ND),
            "precision": precision,
            "recall": recall,
            "classes_found": float((p_K >= RARE * q_K).sum()),
            "confidence": float(made_NK.max(1).values.double().mean()),
            "label_kl": float(torch.special.xlogy(p_K, p_K / q_K).sum()),
            "copied": likely.share,
        }
        extra = {
            "draws": {"frechet_distance": resampled(real_ND.cpu(), made_ND.cpu(), seed)},
            "classes": made_NK.shape[1],
            "copying": found,
            "copies": any(one.flagged for one in found.values()),
            "label_shares": p_K.tolist(),
        }
        return scores, extra

    def _nearness(self, made: Tensor, real: Tensor, space: str) -> tuple[Tensor, Tensor, Tensor]:
        """r of made and of held-out pictures in a space, and the nearest training pictures of the made ones."""

        def measured(x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
            x_NCHW = self._at_home(x_NCHW[: max(FEWEST_SOUGHT, min(MOST_SOUGHT, PIXELS_SOUGHT // x_NCHW[0].numel()))])
            if space == "features":
                return ratios(self._read(x_NCHW)[0], train_MD)
            return ratios_of_pictures(x_NCHW, train_MD, lambda rows: self.train.take(rows.cpu()).inputs["image"])

        def in_space(x_NCHW: Tensor) -> Tensor:
            return coarse(self._at_home(x_NCHW)) if space == "pixels" else self._read(x_NCHW)[0]

        train_MD = self._remember(
            ("train", space), lambda: torch.cat([in_space(batch.inputs["image"]) for batch in self.train.batches(1024)])
        )
        held_N, _ = self._remember(("held", space, _sum_of(real)), lambda: measured(real))
        made_N, nearest_N = measured(made)
        return made_N, held_N, nearest_N

    def _at_home(self, x_NCHW: Tensor) -> Tensor:
        """Pictures where the classifier is."""
        assert self.classifier is not None, "the judge has not learned yet"
        return x_NCHW.float().to(self.classifier.network.device)

    def _read(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        x_NCHW = self._at_home(x_NCHW)
        assert self.classifier is not None
        return self.classifier.read(x_NCHW)

    def _real(self, dataset: Dataset) -> tuple[Tensor, Tensor]:
        """Pictures (N C H W) of a part in a random order that is the same for everybody, at most 5,000, and their labels (N; none
        where the part has none). Those without a label are left out where labels are asked for."""
        rows = torch.arange(len(dataset))
        if self.conditional:
            ((name, _),) = dataset.spec.inputs.items()
            rows = rows[dataset.stored(name, "codes").cpu() >= 0]
        rows = rows[torch.randperm(len(rows), generator=generator(43))[:MOST]]
        batch = dataset.take(rows.to(dataset.device))
        if self.conditional:
            return next(iter(batch.outputs.values())), batch.inputs[name].cpu()
        return next(iter(batch.inputs.values())), torch.empty(0, dtype=torch.long)

    def _taught(self, network: Any, seed: int, real: Tensor, codes_N: Tensor) -> np.ndarray:
        """Which held-out pictures (N) a classifier that learned from made ones answers rightly."""
        student = self._remember(("taught", seed, _state_of(network)), lambda: self._student(network, seed))
        right_N = student.read(real.to(student.network.device))[1].argmax(1).cpu() == codes_N
        return right_N.double().numpy()

    def _student(self, network: Any, seed: int) -> Classifier:
        known = self.train.stored("label", "codes").cpu()
        known = known[known >= 0]
        codes_M = known[torch.randperm(len(known), generator=generator(seed, 47))[:MOST_TAUGHT]]
        made = draw(network, len(codes_M), mix(seed, 53), codes_M.to(getattr(network, "device", "cpu")))
        pixels = self._image.restore(made.float()).clamp(0, 1).cpu()
        labels = self.train.spec.outputs["label"].labels  # type: ignore[union-attr]
        lesson = pictures_with_labels({"pixels": pixels}, self._image, codes_M, labels)
        assert self.classifier is not None
        with torch.enable_grad():
            return learn(lesson, str(self.classifier.network.device), seed, TAUGHT_STEPS, cached=False)

    @property
    def _image(self) -> Image:
        image = self.train.spec.inputs["image"]
        assert isinstance(image, Image)
        return image

    def _remember(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was made under this key, the last few only."""
        if key not in self.memory:
            while len(self.memory) >= REMEMBERED:
                self.memory.pop(next(iter(self.memory)))
            self.memory[key] = make()
        else:
            self.memory[key] = self.memory.pop(key)  # the one used last goes last
        return self.memory[key]

    def __getstate__(self) -> dict[str, Any]:
        """What is remembered stays here: a worker finds it again."""
        return {**self.__dict__, "memory": {}}


def interval_of(evaluation: Evaluation) -> tuple[float, float]:
    """The 95 % interval of one generator's Frechet distance, from resampled pictures."""
    low, high = np.quantile(evaluation.extra["draws"]["frechet_distance"], INTERVAL).tolist()
    return low, high


def judge_of(prepared: Prepared) -> PictureJudge | str:
    """A judge for prepared pictures, still to learn, or in a sentence why there is none."""
    train, spec = prepared.parts.train, prepared.spec
    conditional = bool(spec.outputs)
    picture = spec.only("outputs" if conditional else "inputs", Image)
    assert picture is not None
    image = spec.field(picture)
    assert isinstance(image, Image)
    if conditional:
        ((name, classes),) = spec.inputs.items()
        codes_N, labels = train.columns[name]["codes"], classes.labels  # type: ignore[union-attr]
    elif prepared.labels is None:
        return "these pictures have no labels, so that no classifier can judge what is made of them: their pixels are compared"
    else:
        codes_N, labels = _coded(prepared.labels, prepared.rows["train"])
    held_out = [len(part) for part in (prepared.parts.valid, prepared.parts.test) if part is not None and len(part)]
    why = suits(image, labels)
    if not why and min(held_out, default=FEWEST) < FEWEST:
        why = f"held-out parts of {min(held_out)} pictures are too few"
    if why:
        return f"no classifier judges what is made, since {why}: pixels are compared"
    whole = pictures_with_labels(train.columns[picture], image, codes_N, labels)  # type: ignore[arg-type]
    return PictureJudge(whole if train.index is None else whole.part(train.index.cpu()), conditional)


def _coded(labels: np.ndarray, rows: np.ndarray) -> tuple[Tensor, tuple[str, ...]]:
    """Codes of all rows, -1 where a label is missing or no training row has it; and the labels of the training rows."""
    from nnzoo.data.labels import missing, sorted_labels

    known = sorted_labels(labels[rows])
    code_of = {name: code for code, name in enumerate(known)}
    codes = [-1 if missing(label) else code_of.get(str(label), -1) for label in labels]
    return torch.tensor(codes, dtype=torch.long), tuple(known)


def _sum_of(x: Tensor) -> tuple[int, int]:
    return len(x), zlib.crc32(np.ascontiguousarray(x.cpu().numpy()).data)


def _state_of(network: Any) -> Any:
    """What tells whether a network is still the same: a sum of its tensors, anything else is itself."""
    if not isinstance(network, torch.nn.Module):
        return network
    total = 0
    for tensor in network.state_dict().values():
        total = zlib.crc32(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).data, total)
    return total
