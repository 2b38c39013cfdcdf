"""What an answer costs, measured without changing anything."""

import torch
from torch import nn

from nnzoo.comparing.measure import latencies, tensor_bytes
from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Spec, Table


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(10, 10, bias=False)
        self.b = nn.Linear(10, 10, bias=False)
        self.b.weight = self.a.weight
        self.register_buffer("seen", torch.zeros(5, dtype=torch.long))


def test_tied_tensors_count_once_and_buffers_count():
    assert tensor_bytes(Tied()) == 10 * 10 * 4 + 5 * 8


class Sampler(nn.Module):
    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        self.asked, self.modes = [], set()

    def sample(self, n):
        self.asked.append(n)
        self.modes.add(self.training)
        return torch.randn(n, 2)


def test_latency_is_of_one_and_of_256_in_eval_mode_and_leaves_generators_alone():
    spec = Spec(inputs={"x": Table(numeric=("a", "b"), mean=(0, 0), std=(1, 1))}, train_size=3)
    dataset = Dataset(spec, {"x": {"numeric": torch.zeros(3, 2), "codes": torch.zeros(3, 0, dtype=torch.long)}})
    network = Sampler().train()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, many = latencies(network, dataset)
    assert one > 0 and many > 0 and set(network.asked) == {1, 256} and network.modes == {False}
    assert torch.equal(before, torch.get_rng_state())


def test_rows_are_repeated_where_the_test_part_has_fewer_than_256():
    spec = Spec(inputs={"x": Table(numeric=("a",), mean=(0,), std=(1,))}, outputs={"y": Table()}, train_size=3)
    dataset = Dataset(spec, {"x": {"numeric": torch.zeros(3, 1), "codes": torch.zeros(3, 0, dtype=torch.long)}})
    sizes = set()

    class Counts(nn.Module):
        device = torch.device("cpu")

        def forward(self, inputs):
            sizes.add(len(inputs["x"].numeric_BF))
            return {}

    latencies(Counts(), dataset)
    assert sizes == {1, 256}
