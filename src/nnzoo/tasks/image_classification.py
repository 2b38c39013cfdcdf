"""Which label belongs to a picture."""

from nnzoo.core.fields import Image
from nnzoo.tasks._classification import Classification


class ImageClassification(Classification):
    """A picture in, one of several labels out."""

    inputs = (Image,)
    what = "pictures"
