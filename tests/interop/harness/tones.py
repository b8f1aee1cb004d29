"""Tones in recordings: write a WAV with one frequency, and tell which frequency a WAV carries.

The Goertzel algorithm on blocks of a tenth of a second; nothing but the standard library, so the
proof does not rest on the code under test.
"""

from __future__ import annotations

import array
import math
import sys
import wave
from pathlib import Path

RATE = 8000
BLOCK_SECONDS = 0.1
LOUDNESS_FLOOR = 300.0  # root mean square of a 16-bit block; below it the block is silence
PURITY = (
    0.6  # share of a block's energy that the tone must have: codecs and the jitter buffer blur it
)


def write_tone(path: Path, frequency: float, seconds: float, *, rate: int = RATE) -> Path:
    """Write a mono 16-bit WAV of one frequency (Hz) that lasts ``seconds``."""
    samples = array.array(
        "h",
        (
            round(9000 * math.sin(2 * math.pi * frequency * index / rate))
            for index in range(round(seconds * rate))
        ),
    )
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(rate)
        target.writeframes(samples.tobytes())
    return path


def seconds_of(path: Path, frequency: float) -> float:
    """How long (seconds) the recording carries ``frequency`` as its dominant tone."""
    if not path.exists() or path.read_bytes()[:4] != b"RIFF":
        return 0.0  # Linphone writes the header when the call ends
    samples, rate = _read(path)
    block = round(rate * BLOCK_SECONDS)
    heard = sum(
        _share(samples[start : start + block], frequency, rate) >= PURITY
        for start in range(0, len(samples) - block + 1, block)
    )
    return heard * BLOCK_SECONDS


def _read(path: Path) -> tuple[array.array[int], int]:
    """The first channel; a recorder that was killed leaves a header with a wrong length."""
    raw = path.read_bytes()
    if raw[8:12] != b"WAVE":
        raise AssertionError(f"{path} is not a WAV file")
    channels, rate, position = 1, RATE, 12
    while position + 8 <= len(raw):
        kind = raw[position : position + 4]
        size = int.from_bytes(raw[position + 4 : position + 8], "little")
        body = position + 8
        if kind == b"fmt ":
            channels = int.from_bytes(raw[body + 2 : body + 4], "little")
            rate = int.from_bytes(raw[body + 4 : body + 8], "little")
        if kind == b"data":
            data = raw[body : body + size] if 0 < size <= len(raw) - body else raw[body:]
            samples = array.array("h", data[: len(data) // 2 * 2])
            if sys.byteorder == "big":
                samples.byteswap()
            return samples[::channels], rate
        position = body + size + size % 2
    raise AssertionError(f"{path} has no audio data")


def _share(block: array.array[int], frequency: float, rate: int) -> float:
    """The share of the block's energy at ``frequency`` (0 to 1), 0 when the block is silent."""
    energy = float(sum(sample * sample for sample in block))
    if math.sqrt(energy / len(block)) < LOUDNESS_FLOOR:
        return 0.0
    step = 2 * math.cos(2 * math.pi * frequency / rate)
    before = last = 0.0
    for sample in block:
        before, last = last, sample + step * last - before
    power = last * last + before * before - step * last * before
    return 2 * power / (len(block) * energy)
