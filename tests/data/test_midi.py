"""MIDI files: parsed back byte by byte, they hold the notes of the rolls and when each begins and ends."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from nnzoo.core.errors import ConfigError
from nnzoo.data.midi import DIVISION, REST, midi_bytes
from nnzoo.data.raw import RawSequences


def rolls(*songs: list[list[int]], names: tuple[int, ...] = (60, 64, 67)) -> RawSequences:
    steps = [np.array([[note in step for note in names] for step in song], dtype=np.float32) for song in songs]
    return RawSequences("made", steps, tuple(map(str, names)), True)


def number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def parsed(data: bytes) -> tuple[list[tuple[float, str, int]], float]:
    """(step, on or off, note) of all events, and the step at which the track ends."""
    head, size, form, tracks, division = struct.unpack(">4sIHHH", data[:14])
    assert (head, size, form, tracks) == (b"MThd", 6, 0, 1)
    name, length = struct.unpack(">4sI", data[14:22])
    assert name == b"MTrk" and len(data) == 22 + length
    at, time, events = 22, 0, []
    while True:
        wait, at = number(data, at)
        time += wait
        if data[at] == 0xFF:
            kind, size = data[at + 1], data[at + 2]
            at += 3 + size
            if kind == 0x2F:
                assert at == len(data), "bytes after the end"
                return events, time / division
        else:
            status, note, velocity = data[at : at + 3]
            assert status in (0x80, 0x90) and (status == 0x80 or 0 < velocity < 128) and note < 128
            events.append((time / division, "on" if status == 0x90 else "off", note))
            at += 3


def test_notes_begin_end_and_are_held() -> None:
    events, _ = parsed(midi_bytes(rolls([[60, 64], [60], [], [60]])))
    assert events == [
        (0, "on", 60), (0, "on", 64), (1, "off", 64), (2, "off", 60), (3, "on", 60), (4, "off", 60)
    ]  # fmt: skip


def test_pieces_follow_one_another_after_a_rest() -> None:
    events, end = parsed(midi_bytes(rolls([[60], [60]], [[67]])))
    assert events == [(0, "on", 60), (2, "off", 60), (2 + REST, "on", 67), (3 + REST, "off", 67)]
    assert end == 3 + 2 * REST


def test_long_waits_take_several_bytes() -> None:
    song: list[list[int]] = [[] for _ in range(100)]
    events, end = parsed(midi_bytes(rolls([*song, [64]])))
    assert 100 * DIVISION > 1 << 14 and events == [(100, "on", 64), (101, "off", 64)] and end == 101 + REST


def test_channels_that_are_no_notes_are_refused() -> None:
    for name in ("left", "128"):
        with pytest.raises(ConfigError, match="notes, 0 to 127"):
            midi_bytes(RawSequences("made", [np.ones((2, 1))], (name,), True))
