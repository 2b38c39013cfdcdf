"""Which numbers belong to a picture."""

from nnzoo.core.fields import Image
from nnzoo.tasks._regression import Regression


class ImageRegression(Regression):
    """A picture in, one or several numbers out."""

    inputs = (Image,)
    what = "pictures"
