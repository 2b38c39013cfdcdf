"""What a person writes after `--set`: `field=value`, the value as JSON where it is some, else a list by commas, else text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nnzoo.core.errors import ConfigError


def read_value(text: str) -> Any:
    """`0.1`, `true`, `[256, 128]`, `256,128`, `relu`; the kind's config checks and converts it further."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if "," in text and text.strip()[:1] not in ("[", "{", '"'):
        return [read_value(part.strip()) for part in text.rstrip().removesuffix(",").split(",")]
    return text


def read_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """`field=value` several times. Raises ConfigError for what is not written so."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--set {pair} is not understood; write it as field=value")
        settings[name.strip()] = read_value(text)
    return settings


def read_settings_by_kind(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`kind.field=value` several times, for a comparison. Raises ConfigError for what is not written so."""
    by_kind: dict[str, dict[str, Any]] = {}
    for name, value in read_settings(pairs).items():
        kind, dot, field = name.rpartition(".")
        if not dot or not kind:
            raise ConfigError(f"--set {name}=... names no kind; in a comparison write it as kind.field=value")
        by_kind.setdefault(kind, {})[field] = value
    return by_kind


def read_names(text: str | None) -> list[str] | None:
    """Names by commas; None where nothing was said."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError("--kinds names none; write for example --kinds mlp,cnn, or leave it out for all that can")
    return names
