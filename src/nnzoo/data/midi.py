"""Piano rolls as standard MIDI files (MIDI 1.0, Standard MIDI Files 1.0): format 0, one track.

A step is a quarter note. A note that sounds in several steps on end is held. Pieces follow one another after a bar's rest.
"""

from __future__ import annotations

import struct

import numpy as np

from nnzoo.core.errors import ConfigError
from nnzoo.data.raw import RawSequences

DIVISION = 480  # ticks of a quarter note
BEAT = 500_000  # microseconds of a quarter note: 120 a minute
VELOCITY = 80  # of 1 to 127: how hard a key is struck
REST = 4  # steps between pieces
_ON, _OFF = 0x90, 0x80  # on channel 1
_TEMPO, _END = b"\xff\x51\x03", b"\xff\x2f\x00"


def midi_bytes(rolls: RawSequences) -> bytes:
    """A MIDI file with these rolls, whose channels are called by the numbers of their notes. Raises ConfigError if they are not."""
    if not all(name.isdecimal() and int(name) < 128 for name in rolls.names):
        raise ConfigError("these channels are not called by numbers of MIDI's notes, 0 to 127; write them as .json")
    notes = [int(name) for name in rolls.names]
    silence = np.zeros((REST, len(notes)), dtype=bool)
    sounds = [step for piece in rolls.steps for step in (*(piece > 0.5), *silence)]
    track = bytearray(_length(0) + _TEMPO + BEAT.to_bytes(3, "big"))
    before, written = np.zeros(len(notes), dtype=bool), 0
    for t, now in enumerate(sounds):
        for status, changed in ((_OFF, before & ~now), (_ON, now & ~before)):
            for k in np.flatnonzero(changed):
                track += _length((t - written) * DIVISION) + bytes((status, notes[k], VELOCITY if status == _ON else 0))
                written = t
        before = now
    track += _length((len(sounds) - written) * DIVISION) + _END
    return struct.pack(">4sIHHH", b"MThd", 6, 0, 1, DIVISION) + struct.pack(">4sI", b"MTrk", len(track)) + bytes(track)


def _length(ticks: int) -> bytes:
    """A number in MIDI's variable length: seven bits a byte, the highest bit set on all but the last."""
    groups = [ticks & 0x7F]
    while ticks := ticks >> 7:
        groups.append(ticks & 0x7F | 0x80)
    return bytes(reversed(groups))
