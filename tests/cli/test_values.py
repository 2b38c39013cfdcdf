"""What is written after --set becomes values that a config understands."""

from __future__ import annotations

from typing import Any

import pytest

from nnzoo.cli.values import read_names, read_settings, read_settings_by_kind, read_value
from nnzoo.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1e-3", 0.001),
        ("true", True),
        ("null", None),
        ("[256, 128]", [256, 128]),
        ("256,128", [256, 128]),
        ("256,", [256]),
        ("relu", "relu"),
        ("a=b", "a=b"),
        ("max, average", ["max", "average"]),
        ("", ""),
    ],
)
def test_a_value_is_json_or_a_list_or_text(text: str, value: Any) -> None:
    assert read_value(text) == value
    assert type(read_value(text)) is type(value)


def test_settings_are_split_at_the_first_equals_sign() -> None:
    assert read_settings(["hidden=16,8", "name=a=b"]) == {"hidden": [16, 8], "name": "a=b"}


@pytest.mark.parametrize("pair", ["hidden", "=3", " =3"])
def test_a_setting_without_name_or_value_is_refused(pair: str) -> None:
    with pytest.raises(ConfigError, match="field=value"):
        read_settings([pair])


def test_settings_of_a_comparison_name_their_kind() -> None:
    assert read_settings_by_kind(["mlp.hidden=16", "cnn.lr=0.1", "mlp.lr=1", "./own.py.lr=2"]) == {
        "mlp": {"hidden": 16, "lr": 1},
        "cnn": {"lr": 0.1},
        "./own.py": {"lr": 2},
    }
    with pytest.raises(ConfigError, match=r"kind\.field=value"):
        read_settings_by_kind(["hidden=16"])


def test_names_are_split_by_commas() -> None:
    assert read_names(None) is None
    assert read_names("mlp, cnn,") == ["mlp", "cnn"]
    with pytest.raises(ConfigError):
        read_names(" , ")
