"""Damaged and hostile image files: one line or an image, whatever is in them."""

import gc
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.images.read import read_image, read_photo, read_size
from egnet_tf.images.write import write_photo
from helpers import python

MUTANTS = Path(__file__).with_name("mutants.py")


@pytest.mark.process
@pytest.mark.parametrize("seed", [2, 4])
def test_mutated_files_are_read_or_refused(tmp_path, seed):
    done = python(MUTANTS, seed, 1000, tmp_path)
    assert done.returncode == 0, f"{done.stderr}\n{tmp_path / 'last'}"
    assert done.stderr == ""
    images, refused = (int(word) for word in done.stdout.split() if word.isdigit())
    assert images > 100
    assert refused > 100


FOUND = sorted(Path(__file__).with_name("found").iterdir())


@pytest.mark.process
def test_files_that_a_mutator_found_stay_mended():
    code = """
import sys
from egnet_tf.benchmarks.memory import peak_resident
from egnet_tf.errors import InputError
from egnet_tf.images.read import read_photo
for name in sys.argv[1:]:
    try:
        read_photo(name)
    except InputError as error:
        assert "\\n" not in str(error)
print(peak_resident() // 1024)
"""
    done = python("-c", code, *FOUND)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) < 600_000  # It was 1.9 GB.
    assert len(FOUND) >= 3


def flood(kind):
    """Files of 16 MiB that are nothing but structure."""
    size = 2**24
    if kind == "png":
        file = io.BytesIO()
        Image.new("RGB", (4, 4)).save(file, "PNG")
        empty = bytes(4) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        return file.getvalue()[:33] + empty * (size // 12)
    if kind == "jpeg":
        return b"\xff\xd8" + b"\xff\xe1\0\x02" * (size // 4)
    if kind == "fill":
        return b"\xff\xd8" + b"\xff" * size
    if kind == "webp":
        return b"RIFF\0\0\0\1WEBP" + b"ALPH\0\0\0\0" * (size // 8)
    # TIFF: each of many tags has all the content as its value, or pages overlap.
    values = b"".join(
        struct.pack("<HHII", 0x9C00 + i % 256, 7, size - 200_000, 100)
        for i in range(999)
    )
    if kind == "tags":
        return b"II*\0\x08\0\0\0" + struct.pack("<H", 999) + values + bytes(size)
    entry = struct.pack("<HHII", 256, 7, 2**24, 100)
    pages = b"".join(
        struct.pack("<H", 65535) + entry + struct.pack("<I", 8 + 18 * i)
        for i in range(1, 100_000)
    )
    return b"II*\0\x08\0\0\0" + pages + bytes(size - len(pages))


@pytest.mark.process
@pytest.mark.parametrize("kind", ["png", "jpeg", "fill", "webp", "tags", "pages"])
def test_floods_of_structure_take_little_time_and_memory(tmp_path, kind):
    (tmp_path / "a").write_bytes(flood(kind))
    code = """
import sys, time
from egnet_tf.benchmarks.memory import peak_resident
from egnet_tf.errors import InputError
from egnet_tf.images.read import read_photo
try:
    read_photo(sys.argv[1])
except InputError as error:
    assert "\\n" not in str(error)
print(peak_resident() // 2**20, round(time.process_time()))
"""
    done = python("-c", code, tmp_path / "a")
    assert (done.returncode, done.stderr) == (0, "")
    megabytes, seconds = map(int, done.stdout.split())
    assert megabytes < 400
    assert seconds < 10


def open_files():
    return len(os.listdir("/proc/self/fd"))


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="this system tells no peak"
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".gif"])
def test_many_photos_leave_memory_and_files_as_they_were(tmp_path, suffix):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (120, 160, 3), np.uint8)
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(pixels).save(path, dpi=(72, 72))
    (tmp_path / f"half{suffix}").write_bytes(path.read_bytes()[:5000])

    def work(count):
        for number in range(count):
            write_photo(tmp_path / f"out{number % 5}.png", read_photo(path))
            read_size(path)
            with pytest.raises(InputError):
                read_image(tmp_path / f"half{suffix}")

    work(60)
    gc.collect()
    before = open_files(), resident()
    work(500 if suffix == ".jpg" else 100)
    gc.collect()
    assert open_files() <= before[0] + 1
    assert resident() < before[1] + 8 * 2**20  # A leak of one in ten photos is more.


def test_wide_photo_takes_no_more_memory_than_a_square_one(tmp_path):
    code = """
import sys
from egnet_tf.benchmarks.memory import peak_resident
from egnet_tf.images.read import read_photo
read_photo(sys.argv[1])
print(peak_resident() // 1024)
"""
    peaks = []
    for size in ((65000, 64), (2040, 2040)):
        path = tmp_path / f"{size[0]}.jpg"
        Image.new("CMYK", size).save(path)
        peaks.append(int(python("-c", code, path).stdout))
    assert peaks[0] < peaks[1] + 30_000
