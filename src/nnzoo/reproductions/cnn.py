"""LeNet-style network on Fashion-MNIST: two convolutions with pooling stand between 87.6 and 93.4 % in the makers' table."""

from nnzoo.reproductions.running import Reproduction, supervised

REPRODUCTIONS = (
    Reproduction(
        data="fashion-mnist",
        metric="accuracy",
        run=supervised("cnn", "fashion-mnist", {"epochs": 12, "shift": 1, "flip": True}, precision="bfloat16"),
        target=0.925,
        better="higher",
        published="0.876 to 0.932 (2 conv + pooling), 0.934 (with batch normalisation)",
        source="zalandoresearch/fashion-mnist, README, benchmark table",
        note="convolutions in bfloat16, weights in float32",
    ),
)
