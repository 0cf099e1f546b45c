import functools
import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.inference import video_segments
from helpers import DarkeningRunner, environment, python

av = pytest.importorskip("av")

from egnet_tf.inference import Restorer  # noqa: E402
from egnet_tf.inference.video import restore_video  # noqa: E402
from egnet_tf.inference.video_segments import (  # noqa: E402
    Progress,
    restore_in_segments,
    segment_path,
)
from video_clips import (  # noqa: E402
    Sound,
    contents_of,
    frames_of,
    pixels_of,
    times_of,
    write_clip,
)


class Counting:
    """In the place of a Restorer; counts the images that it was handed."""

    def __init__(self, fails_at=None):
        self.count = 0
        self.fails_at = fails_at

    def __call__(self, image, *, strength):
        if self.count == self.fails_at:
            raise KeyboardInterrupt
        self.count += 1
        return image


# The unit of Matroska, uneven times, and B-frames of pieces that know nothing of each
# other: 20 frames a second, then 60.
TIMES = [Fraction(k, 20) for k in range(30)] + [
    Fraction(3, 2) + Fraction(k, 60) for k in range(41)
]


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(video_segments, "FRAMES", 8)


@pytest.fixture(params=[".mp4", ".mkv", ".mov"])
def clip(request, tmp_path):
    source = tmp_path / f"clip{request.param}"
    images = list(np.random.default_rng(0).integers(0, 255, (70, 32, 48, 3), np.uint8))
    for number, image in enumerate(images):  # Smooth, so that B-frames pay.
        image[:] = 3 * number
        image[number % 30 : number % 30 + 3] = 255
    write_clip(
        source,
        TIMES,
        base=Fraction(1, 600),
        images=images,
        options={"crf": "1"},
        sounds=[Sound("aac", "deu")],
        chapters=[
            {
                "id": 1,
                "start": 0,
                "end": 2000,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": "one"},
            }
        ],
        metadata={"title": "T"},
    )
    return source


def restore(clip, target, restorer=None, shard=(0, 1), key="model"):
    return restore_in_segments(
        restorer or Counting(), clip, target, key=key, shard=shard
    )


def assert_equal(one, other):
    """The bytes; of Matroska, whose files have random numbers, the packets."""
    if one.suffix == ".mkv":
        assert contents_of(one).packets == contents_of(other).packets
    else:
        assert one.read_bytes() == other.read_bytes()


def hidden(folder):
    return [path for path in folder.iterdir() if path.name.startswith(".segments")]


def test_the_joined_video_is_the_one_restored_at_once(clip, tmp_path):
    whole, joined = tmp_path / f"w{clip.suffix}", tmp_path / f"j{clip.suffix}"
    restore_video(Restorer(DarkeningRunner()), clip, whole)
    restorer = Restorer(DarkeningRunner())
    assert restore(clip, joined, restorer) == Progress(9, 0, joined=True)
    assert times_of(joined) == times_of(whole) == times_of(clip)
    assert len(times_of(joined)) == 70
    # Encoded twice, with other key frames: within what CRF 16 may change.
    error = np.abs(pixels_of(joined) - pixels_of(whole))
    assert error.mean() < 1
    before, after = contents_of(whole), contents_of(joined)
    assert after.streams == before.streams
    assert after.packets[1] == before.packets[1]
    assert after.chapters == before.chapters
    assert (after.metadata["title"], after.tags) == ("T", before.tags)
    assert after.duration == pytest.approx(before.duration, abs=0.02)
    keys = [k for k, frame in enumerate(frames_of(joined)) if frame.key_frame]
    assert set(range(0, 70, 8)) <= set(keys)
    assert not hidden(tmp_path)


def test_decoding_times_rise_and_come_before_showing(clip, tmp_path):
    target = tmp_path / f"out{clip.suffix}"
    restore(clip, target)
    if clip.suffix == ".mkv":
        return  # It does not store when frames are decoded.
    with av.open(str(target)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    assert len(packets) == 70
    assert (np.diff([p.dts for p in packets]) > 0).all()
    assert all(p.dts <= p.pts for p in packets)
    assert any(p.dts < p.pts for p in packets)  # There are B-frames.


def test_shards_in_any_order_make_the_same_file(clip, tmp_path):
    alone, shared = tmp_path / f"a{clip.suffix}", tmp_path / f"s{clip.suffix}"
    restore(clip, alone)
    restorers = [Counting() for _ in range(3)]
    for index in (2, 0):
        done = restore(clip, shared, restorers[index], (index, 3))
        assert not done.joined
        assert not shared.exists()
    assert done == Progress(9, 3, joined=False)
    assert restore(clip, shared, restorers[1], (1, 3)).joined
    assert [x.count for x in restorers] == [24, 24, 22]
    assert_equal(shared, alone)
    assert not hidden(tmp_path)


def test_an_interrupted_video_resumes_with_the_segments_that_are_there(clip, tmp_path):
    alone, target = tmp_path / f"a{clip.suffix}", tmp_path / f"t{clip.suffix}"
    restore(clip, alone)
    with pytest.raises(KeyboardInterrupt):
        restore(clip, target, Counting(fails_at=35))
    assert not target.exists()
    second = Counting()
    assert restore(clip, target, second).joined
    assert second.count == 70 - 4 * 8
    assert_equal(target, alone)


def test_segments_of_another_model_or_source_are_not_used(clip, tmp_path):
    target = tmp_path / f"t{clip.suffix}"
    with pytest.raises(KeyboardInterrupt):
        restore(clip, target, Counting(fails_at=20))
    other = Counting()
    restore(clip, target, other, key="another model")
    assert other.count == 70
    assert not hidden(tmp_path)  # Neither of the one nor of the other.


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_a_damaged_segment_is_restored_again(clip, tmp_path, damage):
    target = tmp_path / f"t{clip.suffix}"
    restore(clip, target, shard=(0, 2))
    (folder,) = hidden(tmp_path)
    path = segment_path(folder, 2)
    content = path.read_bytes()
    place = len(content) // 3
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    path.write_bytes(
        {"cut": content[:place], "flipped": flipped, "empty": b"", "other": b"PK"}[
            damage
        ]
    )
    with pytest.raises(InputError, match="a whole segment of a video"):
        restore(clip, target, shard=(1, 2))
    assert not target.exists()
    again = Counting()
    assert restore(clip, target, again).joined
    assert again.count == 8


def test_a_source_that_ends_early_is_written_and_said(clip, tmp_path):
    if clip.suffix != ".mkv":
        return
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) * 2 // 3])
    target = tmp_path / "t.mkv"
    with pytest.raises(InputError, match=r"a whole video.* frames of it are in"):
        restore(clip, target)
    assert 20 < len(frames_of(target)) < 70


def test_two_that_finish_at_once_write_one_file(clip, tmp_path):
    target, results = tmp_path / f"t{clip.suffix}", []
    barrier = threading.Barrier(2)

    def work(index):
        barrier.wait()
        results.append(restore(clip, target, shard=(index, 2)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result.joined for result in results) == 1
    assert len(frames_of(target)) == 70
    assert not hidden(tmp_path)


SLOW = """
import sys, time
from egnet_tf.inference import video_segments
video_segments.FRAMES = 8
def restorer(image, *, strength):
    time.sleep(0.01)
    return image
done = video_segments.restore_in_segments(
    restorer, sys.argv[1], sys.argv[2], key="model", shard=(int(sys.argv[3]), 2))
print(done.joined)
"""


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="Windows: no SIGKILL")
def test_killed_processes_repeated_make_the_same_file(tmp_path):
    source = tmp_path / "clip.mp4"
    write_clip(source, TIMES, base=Fraction(1, 600), options={"crf": "1"})
    alone, target = tmp_path / "alone.mp4", tmp_path / "target.mp4"
    restore(source, alone)
    script = tmp_path / "slow.py"
    script.write_text(SLOW)

    run = functools.partial(
        subprocess.Popen, env=environment(), stdout=subprocess.DEVNULL
    )
    running = [run([sys.executable, script, source, target, str(k)]) for k in (0, 1)]
    deadline = time.time() + 60
    while time.time() < deadline and not any(tmp_path.glob(".segments*/*.npz")):
        time.sleep(0.01)
    for process in running:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not target.exists()
    first = python(script, source, target, 1)
    assert (first.stdout, first.stderr) == ("False\n", "")
    assert python(script, source, target, 0).stdout == "True\n"
    assert_equal(target, alone)
    assert not hidden(tmp_path)


MEMORY = r"""
import re, sys
from egnet_tf.inference.video_segments import restore_in_segments
restore_in_segments(lambda image, strength: image, sys.argv[1], sys.argv[2], key="")
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells no peak")
def test_memory_does_not_grow_with_the_number_of_segments(tmp_path):
    peaks = []
    for count in (100, 600):
        source = tmp_path / f"{count}.mkv"
        times = [Fraction(k, 25) for k in range(count + 1)]
        write_clip(source, times, size=(320, 240), sounds=[Sound()])
        done = python("-c", MEMORY, source, tmp_path / f"{count}_out.mkv")
        assert not done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 15_000  # KiB; 500 frames take 115,000 as RGB.
