"""Every kind's search space: of its own fields, around its defaults, and all of it valid."""

import pytest

from nnzoo import networks
from nnzoo.core.search import Choice, Integers, LogUniform

KINDS = networks.names()
FINDS_ITS_OWN = {"pnn"}  # sigma is found by the rule itself, on rows left out


@pytest.mark.parametrize("kind", KINDS)
def test_a_space_is_of_settings_there_are_and_holds_the_defaults(kind):
    config = networks.find(kind).Config
    assert bool(config.search) == (kind not in FINDS_ITS_OWN)
    for name, found in config.search.items():
        usual = getattr(config(), name)  # None: it depends on the data
        assert usual is None or found.holds(usual), f"{kind}: the default of {name} lies outside of where it is looked for"


@pytest.mark.parametrize("kind", KINDS)
def test_both_ends_of_every_range_are_valid_settings(kind):
    config = networks.find(kind).Config
    for name, found in config.search.items():
        for value in found.options if isinstance(found, Choice) else (found.low, found.high):
            assert getattr(config.read({name: value}, kind), name) == value


def test_a_range_holds_what_lies_in_it_and_nothing_else():
    assert LogUniform(1e-4, 1e-2).holds(1e-3) and not LogUniform(1e-4, 1e-2).holds(0.1)
    assert Integers(1, 3).holds(3) and not Integers(1, 3).holds(2.5) and not Integers(1, 3).holds(4)
    assert Choice(((64,), (256, 128))).holds((64,)) and not Choice(((64,),)).holds((65,))
