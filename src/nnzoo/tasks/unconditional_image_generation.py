"""Making pictures like the given ones."""

from torch import Tensor

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Image
from nnzoo.tasks._generation import Generation, independent, shuffled_columns


class UnconditionalImageGeneration(Generation):
    """Pictures in, new pictures out."""

    learned = 0.5  # the floor already has the right margins, so what is won beyond it is structure
    inputs = (Image,)
    what = "pictures"

    def ignorant(self, train: Dataset, n: int) -> Tensor:
        """Independent pixels, each from a random training picture."""
        return independent(train, n)

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Each pixel shuffled over the pictures for itself. To be scored on true data."""
        (name,) = dataset.spec.inputs
        stored = dataset.columns[name]
        return dataset.replaced({name: {"pixels": shuffled_columns(stored["pixels"], seed)}})
