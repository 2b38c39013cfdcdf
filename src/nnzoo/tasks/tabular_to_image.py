"""Which picture or signal belongs to given conditions."""

from nnzoo.core.fields import Image, Spec, Table
from nnzoo.core.network import No
from nnzoo.tasks._pictures import PictureAnswers


class TabularToImage(PictureAnswers):
    """A table row in, a picture (or a signal: a picture of height 1) out."""

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Table) is None:
            return No(f"{self.name} needs a table of conditions as its one input")
        if spec.only("outputs", Image) is None:
            return No(f"{self.name} needs one picture or signal for each row to make")
        return None
