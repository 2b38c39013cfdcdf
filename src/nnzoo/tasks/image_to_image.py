"""Which picture belongs to another of the same height and width: colours to a drawing, a whole picture to one with a hole."""

from nnzoo.core.fields import Image, Spec
from nnzoo.core.network import No
from nnzoo.tasks._pictures import PictureAnswers


class ImageToImage(PictureAnswers):
    """A picture in, a picture of the same height and width out; channels may differ."""

    def fits(self, spec: Spec) -> No | None:
        source, target = spec.only("inputs", Image), spec.only("outputs", Image)
        if source is None or target is None:
            return No(
                f"{self.name} needs pairs of pictures: two folders with equal file names, or --pairs to make them of single ones"
            )
        before, after = spec.inputs[source], spec.outputs[target]
        assert isinstance(before, Image) and isinstance(after, Image)
        if (before.height, before.width) != (after.height, after.width):
            return No(
                f"{self.name} needs both pictures of a pair at one size, not {before.height} x {before.width} "
                f"and {after.height} x {after.width}; bring them to one"
            )
        return None
