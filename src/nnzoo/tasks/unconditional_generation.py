"""Making points like the given ones."""

from torch import Tensor

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Spec, Table
from nnzoo.core.network import No
from nnzoo.tasks._generation import Generation, gaussian, shuffled_columns


class UnconditionalGeneration(Generation):
    """Rows of numbers in, new rows of numbers out."""

    inputs = (Table,)
    what = "a table of numbers"

    def fits(self, spec: Spec) -> No | None:
        refusal = super().fits(spec)
        if refusal is not None:
            return refusal
        (field,) = spec.inputs.values()
        assert isinstance(field, Table)
        if field.categories:
            return No(f"{self.name} makes numbers only; leave out column '{field.categories[0].name}', which holds categories")
        return None

    def ignorant(self, train: Dataset, n: int) -> Tensor:
        """A normal distribution with the mean and covariance of the training part."""
        return gaussian(train, n)

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Each column shuffled for itself, so that how the columns hang together is lost. To be scored on true data."""
        (name,) = dataset.spec.inputs
        stored = dataset.columns[name]
        return dataset.replaced({name: {**stored, "numeric": shuffled_columns(stored["numeric"], seed)}})
