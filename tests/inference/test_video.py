import errno
import io
import itertools
import json
import shutil
import signal
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from egnet_tf.inference.video import is_video, restore_video, video_target
from helpers import DarkeningRunner, python

av = pytest.importorskip("av")

from egnet_tf.video.tone_mapping import to_standard_range  # noqa: E402
from video_clips import (  # noqa: E402
    Sound,
    contents_of,
    frames_of,
    grey_level,
    pixels_of,
    plane_means,
    plane_of,
    times_of,
    write_clip,
)


class Identity:
    """In the place of a Restorer; keeps what it was handed."""

    def __init__(self):
        self.seen = []
        self.strengths = set()

    def __call__(self, image, *, strength):
        self.seen.append(image)
        self.strengths.add(strength)
        return image


def steps(count, rate):
    return [Fraction(k) / rate for k in range(count + 1)]


def restore(source, output=None, restorer=None):
    target = video_target(source, output)
    restore_video(restorer or Identity(), source, target)
    return target


def test_strength_reaches_every_frame(tmp_path):
    write_clip(tmp_path / "clip.mp4", steps(9, 25))
    restorer = Identity()
    target = tmp_path / "out.mp4"
    restore_video(restorer, tmp_path / "clip.mp4", target, strength=0.25)
    assert (len(restorer.seen), restorer.strengths) == (9, {0.25})


CONSTANT = steps(9, Fraction(24000, 1001))
SLOW_THEN_FAST = [Fraction(k, 10) for k in range(10)] + [
    1 + Fraction(k, 50) for k in range(26)
]
VERY_UNEVEN = [Fraction(k, 2) for k in range(4)] + [
    2 + Fraction(k, 60) for k in range(31)
]
LONG_LAST = [*steps(4, 30), Fraction(3)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".m4v"])
@pytest.mark.parametrize(
    ("times", "base"),
    [
        (CONSTANT, Fraction(1001, 24000)),
        (CONSTANT, Fraction(1, 24000)),
        (CONSTANT, Fraction(1, 1000000)),
        (SLOW_THEN_FAST, Fraction(1, 1000)),
        (VERY_UNEVEN, Fraction(1, 90000)),
        (LONG_LAST, Fraction(1, 600)),
        ([Fraction(0), Fraction(1, 30)], Fraction(1, 30)),
    ],
    ids=["23.976", "24000ths", "microseconds", "uneven", "very", "last", "one"],
)
def test_every_frame_is_shown_at_its_time(tmp_path, suffix, times, base):
    source = tmp_path / f"clip{suffix}"
    write_clip(source, times, base=base, rate=Fraction(24000, 1001))
    target = restore(source)
    assert target.name == f"clip_restored{suffix}"
    assert times_of(target) == times_of(source)
    levels = pixels_of(target)[:, 0]
    np.testing.assert_allclose(levels, pixels_of(source)[:, 0], atol=1)
    assert len(set(levels[:8].round())) == min(8, len(levels))
    frame = float(times[-1] - times[-2])
    before, after = contents_of(source), contents_of(target)
    assert abs(after.duration - float(times[-1])) < min(frame, 0.05)
    if times is CONSTANT:
        assert after.tags["rate"] == before.tags["rate"] == Fraction(24000, 1001)
        assert len(frames_of(target)) == 9


def test_b_frames_do_not_move_a_frame(tmp_path):
    source = tmp_path / "clip.mp4"
    options = {"crf": "1", "bf": "3", "b-pyramid": "normal"}
    write_clip(source, SLOW_THEN_FAST, options=options)
    assert times_of(restore(source)) == times_of(source) == SLOW_THEN_FAST[:-1]


def test_key_frames_are_the_encoders_own(tmp_path):
    source = tmp_path / "clip.mkv"  # Each frame a key frame.
    image = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    options = {"images": [image] * 20, "codec": "ffv1", "options": {}}
    write_clip(source, steps(20, 25), **options)
    frames = frames_of(restore(source))
    assert [k for k, frame in enumerate(frames) if frame.key_frame] == [0, 19]


def test_avi_that_says_only_the_order_of_frames(tmp_path):
    source = tmp_path / "clip.avi"
    options = {"crf": "1", "bf": "3", "b-adapt": "0"}
    write_clip(source, steps(20, 25), base=Fraction(1, 25), options=options)
    target = restore(source)
    assert target.suffix == ".mkv"
    assert times_of(target) == steps(20, 25)[:-1]
    shown = [grey_level(k) for k in range(20)]
    expected = [16 + 219 * level / 255 for level in shown]
    np.testing.assert_allclose(pixels_of(target)[:, 0], expected, atol=2)


def test_frames_that_an_avi_leaves_out_are_no_end(tmp_path):
    source, times = tmp_path / "clip.avi", [Fraction(k, 25) for k in (0, 1, 5, 6, 12)]
    write_clip(source, times, base=Fraction(1, 25), codec="mpeg4", options={})
    assert times_of(restore(source)) == times[:-1]


@pytest.mark.parametrize("suffix", [".ts", ".m2ts", ".mts", ".mpg"])
def test_recordings_begin_at_zero_and_continue_after_cuts(tmp_path, suffix):
    source = tmp_path / f"clip{suffix}"
    codec = "mpeg2video" if suffix == ".mpg" else "libx264"
    sound = Sound("mp2", start=Fraction(1, 5))
    write_clip(
        source,
        steps(25, 25),
        base=Fraction(1, 25),
        codec=codec,
        options={} if suffix == ".mpg" else {"crf": "1"},
        container="mpeg" if suffix == ".mpg" else "mpegts",
        sounds=[sound],
    )
    if suffix != ".mpg":
        source.write_bytes(source.read_bytes() * 2)
    target = restore(source)
    assert target.suffix == ".mkv"
    times = times_of(target)
    assert times[0] == 0
    if suffix != ".mpg":
        assert len(times) == 50
        assert abs(times[25] - 1) < Fraction(1, 10)
        assert times == sorted(set(times))
    before, after = contents_of(source), contents_of(target)
    late = after.packets[1][0][0] - float(times[0])
    assert abs(late - (before.packets[1][0][0] - float(times_of(source)[0]))) < 0.002
    assert [data for _, data in after.packets[1]] == [
        data for _, data in before.packets[1]
    ]


@pytest.mark.parametrize("late", [Fraction(0), Fraction(7, 10)])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_all_sound_tracks_are_copied_in_step(tmp_path, suffix, late):
    source = tmp_path / f"clip{suffix}"
    sounds = [Sound("aac", "deu"), Sound("ac3", "fra", late)]
    write_clip(source, SLOW_THEN_FAST, sounds=sounds)
    before, after = contents_of(source), contents_of(restore(source))
    assert after.streams == before.streams
    for track in (1, 2):
        seconds, data = zip(*before.packets[track], strict=True)
        assert [bytes_ for _, bytes_ in after.packets[track]] == list(data)
        times = [time for time, _ in after.packets[track]]
        np.testing.assert_allclose(times, seconds, atol=0.0015)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_subtitles_chapters_metadata_and_cover_are_copied(tmp_path, suffix):
    source = tmp_path / f"clip{suffix}"
    png = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 0, 0)).save(png, "png")
    metadata = {
        "title": "Zwei Köche",
        "creation_time": "2020-01-02T03:04:05.000000Z",
        "location": "+47.1000+008.2000/",
        "com.apple.quicktime.model": "a camera",
    }
    if suffix == ".mp4":
        del metadata["com.apple.quicktime.model"]
    text = (
        ("subrip", b"Guten Tag")
        if suffix == ".mkv"
        else ("mov_text", b"\x00\x09Guten Tag")
    )
    chapter = {"id": 1, "start": 0, "end": 700, "time_base": Fraction(1, 1000)}
    write_clip(
        source,
        steps(25, 25),
        sounds=[Sound()],
        text=text,
        attachment=b"a font" if suffix == ".mkv" else None,
        cover=None if suffix == ".mkv" else png.getvalue(),
        chapters=[{**chapter, "metadata": {"title": "Eins"}}],
        metadata=metadata,
        container="mov" if suffix == ".mov" else None,
    )
    if suffix == ".mov":  # Its keys are written where they have no place of their own.
        restore(source, tmp_path / "again.mov")
        source = tmp_path / "again.mov"
        del metadata["com.apple.quicktime.model"]
    before = contents_of(source)
    after = contents_of(restore(source))
    assert after.streams == before.streams
    assert after.chapters == before.chapters == [(0.0, "Eins")]
    for key, value in metadata.items():
        assert after.metadata[key] == before.metadata[key] == value
    assert {k: v for k, v in after.packets.items() if k != 1} == {
        k: v for k, v in before.packets.items() if k != 1
    }


def test_keys_that_a_container_has_no_place_for_are_kept(tmp_path):
    source = tmp_path / "clip.mkv"
    write_clip(source, steps(3, 25), metadata={"title": "T", "camera": "a camera"})
    for suffix in (".mp4", ".mov", ".mkv"):
        after = contents_of(restore(source, tmp_path / f"out{suffix}"))
        assert (after.metadata["title"], after.metadata["camera"]) == ("T", "a camera")


def test_metadata_that_is_not_utf8_is_read_as_latin_1(tmp_path):
    source = tmp_path / "clip.avi"
    write_clip(
        source,
        steps(3, 25),
        base=Fraction(1, 25),
        codec="mpeg4",
        options={},
        metadata={"title": "Käse"},
        encoding="latin-1",
    )
    assert contents_of(restore(source)).metadata["title"] == "Käse"


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rotation", [None, (90,)])
def test_aspect_of_pixels_is_kept(tmp_path, suffix, rotation):
    source = tmp_path / f"clip{suffix}"
    write_clip(source, steps(3, 25), aspect=Fraction(4, 3), rotation=rotation)
    tags = contents_of(restore(source)).tags
    assert tags["aspect"] == (Fraction(3, 4) if rotation else Fraction(4, 3))
    assert tags["size"] == ((32, 48) if rotation else (48, 32))


# Weights of red and blue in luma: ITU-R BT.709, FCC, BT.601, SMPTE 240M, BT.2020.
WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}


def decoded(planes, matrix, full):
    """RGB in [0, 255] of the means of Y, Cb and Cr, by the equations."""
    y, u, v = (float(plane) for plane in planes)
    y, u, v = (
        (y / 255, (u - 128) / 255, (v - 128) / 255)
        if full
        else ((y - 16) / 219, (u - 128) / 224, (v - 128) / 224)
    )
    red, blue = WEIGHTS[matrix]
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return 255 * np.clip([r, (y - red * r - blue * b) / (1 - red - blue), b], 0, 1)


COLOURS = [(32, 192, 64), (200, 60, 30), (20, 40, 210), (120, 120, 120)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    "tags",
    [
        *itertools.product((1, 5, 6, 7, 9), (1, 2), (2,), (2,)),
        (1, 1, 1, 1),
        (9, 1, 9, 14),
        (6, 1, 6, 6),
        (1, 2, 12, 13),
        (1, 1, 11, 8),
    ],
    ids=str,
)
def test_colours_and_their_tags_are_kept(tmp_path, suffix, tags):
    source = tmp_path / f"clip{suffix}"
    images = [np.full((32, 48, 3), colour, np.uint8) for colour in COLOURS]
    write_clip(source, steps(4, 25), images=images, tags=tags)
    restorer = Identity()
    target = restore(source, restorer=restorer)
    stored = pixels_of(source)
    for seen, planes in zip(restorer.seen, stored, strict=True):
        expected = decoded(planes, tags[0], tags[1] == 2)
        np.testing.assert_allclose(seen.mean((0, 1)), expected, atol=1.6)
    np.testing.assert_allclose(pixels_of(target), stored, atol=1.6)
    frame = frames_of(target)[0]
    assert (
        frame.colorspace,
        frame.color_range,
        frame.color_primaries,
        frame.color_trc,
    ) == tags


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((1280, 720), 1), ((720, 1280), 1), ((720, 576), 6), ((640, 480), 6)],
)
def test_untagged_colours_are_read_as_players_do(tmp_path, size, matrix):
    source = tmp_path / "clip.mp4"
    image = np.full((size[1], size[0], 3), COLOURS[0], np.uint8)
    write_clip(source, steps(2, 25), images=[image] * 2, tags=(2, 0, 2, 2))
    restorer = Identity()
    target = restore(source, restorer=restorer)
    stored = pixels_of(source)
    expected = decoded(stored[0], matrix, False)
    np.testing.assert_allclose(restorer.seen[0].mean((0, 1)), expected, atol=1.6)
    np.testing.assert_allclose(pixels_of(target), stored, atol=1.6)
    frame = frames_of(target)[0]
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (matrix, 2, 2)


@pytest.mark.parametrize(
    ("pixel_format", "codec"),
    [
        ("yuv422p", "libx264"),
        ("yuv444p", "libx264"),
        ("yuv420p10le", "libx264"),
        ("yuvj420p", "mjpeg"),
        ("bgr0", "ffv1"),
        ("gray", "ffv1"),
        ("gbrp", "libx264rgb"),
    ],
)
def test_every_arrangement_of_samples_is_shown_as_it_was(tmp_path, pixel_format, codec):
    if codec == "libx264rgb":
        pixel_format = "bgr24"
    colour = (120, 120, 120) if pixel_format == "gray" else COLOURS[0]
    source = tmp_path / "clip.mkv"
    images = [np.full((32, 48, 3), colour, np.uint8)] * 2
    full = 2 if pixel_format in ("yuvj420p", "gray") else 1
    options = {} if codec == "mjpeg" else None
    rgb = pixel_format.startswith("bgr")
    write_clip(
        source,
        steps(2, 25),
        images=images,
        codec=codec,
        options={} if codec == "ffv1" else options,
        pixel_format=pixel_format,
        tags=(0 if rgb else 6, 2 if rgb else full, 2, 2),
    )
    restorer = Identity()
    target = restore(source, restorer=restorer)
    np.testing.assert_allclose(restorer.seen[0].mean((0, 1)), colour, atol=3)
    frame = frames_of(target)[0]
    shown = decoded(plane_means(frame), frame.colorspace, frame.color_range == 2)
    np.testing.assert_allclose(shown, colour, atol=3)


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
@pytest.mark.parametrize("matrix", [9, 2], ids=["tagged", "untagged"])
def test_high_dynamic_range_is_mapped_to_standard_range(
    tmp_path, caplog, transfer, matrix
):
    source = tmp_path / "clip.mkv"
    levels = (0.2, 0.5, 0.58, 0.75, 1.0)  # Of the signal, grey.
    frames = []
    for level in levels:
        frame = av.VideoFrame(48, 32, "yuv420p10le")
        for plane, value in zip(
            frame.planes, (64 + 876 * level, 512, 512), strict=True
        ):
            shape = plane.height, plane.line_size // 2
            plane.update(np.full(shape, round(value), np.uint16).tobytes())
        frames.append(frame)
    tags = (matrix, 1, 9 if matrix == 9 else 2, transfer)
    write_clip(
        source, steps(5, 25), images=frames, pixel_format="yuv420p10le", tags=tags
    )
    restorer = Identity()
    target = restore(source, restorer=restorer)
    signal = np.uint16([[[round(65535 * level)] * 3 for level in levels]])
    expected = to_standard_range(signal, transfer)[0]
    seen = [image.mean((0, 1)) for image in restorer.seen]
    np.testing.assert_allclose(seen, expected, atol=1.6)
    luma = 16 + 219 * expected[:, 0].astype(float) / 255
    np.testing.assert_allclose(pixels_of(target)[:, 0], luma, atol=1.6)
    frame = frames_of(target)[0]
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)
    kind = {16: "PQ", 18: "HLG"}[transfer]
    said = f"{target} will hold standard dynamic range, mapped from {kind}"
    assert caplog.messages == [said]


ROTATIONS = [
    (degrees, *flips)
    for degrees in (0, 90, 180, 270)
    for flips in ((False, False), (True, False), (False, True))
]


@pytest.mark.parametrize("rotation", ROTATIONS, ids=str)
def test_frames_are_turned_upright(tmp_path, rotation):
    source = tmp_path / "clip.mp4"
    image = np.zeros((32, 48, 3), np.uint8)
    image[:8, :8], image[:8, -8:], image[-8:, :8] = 80, 150, 230
    write_clip(source, steps(2, 25), images=[image] * 2, rotation=rotation)
    restorer = Identity()
    target = restore(source, restorer=restorer)
    degrees, horizontal, vertical = rotation
    expected = np.rot90(image, degrees // 90)  # Both count against the clock.
    if horizontal:
        expected = expected[:, ::-1]
    if vertical:
        expected = expected[::-1]
    np.testing.assert_allclose(restorer.seen[0], expected, atol=4)
    frame = frames_of(target)[0]
    assert (frame.width, frame.height) == (expected.shape[1], expected.shape[0])
    assert not frame.rotation
    luma = 16 + 219 * expected[..., 0].astype(float) / 255
    np.testing.assert_allclose(plane_of(frame, 0), luma, atol=8)


def test_an_angle_that_is_no_quarter_turn_is_refused(tmp_path):
    source = tmp_path / "clip.mp4"
    write_clip(source, steps(2, 25), rotation=(30,))
    with pytest.raises(InputError, match="quarter turns"):
        video_target(source, None)


def test_odd_sizes_are_kept(tmp_path):
    source = tmp_path / "clip.mkv"
    write_clip(source, steps(2, 25), size=(33, 17), pixel_format="yuv444p")
    target = restore(source)
    assert contents_of(target).tags["size"] == (33, 17)
    np.testing.assert_allclose(pixels_of(target), pixels_of(source), atol=1.6)


def test_interlaced_frames_become_whole_ones(tmp_path):
    # A bar that moves 16 pixels between two half frames: combed in each frame.
    images = []
    for k in range(6):
        image = np.full((64, 96, 3), 60, np.uint8)
        image[0::2, 8 * k : 8 * k + 20] = 200
        image[1::2, 8 * k + 16 : 8 * k + 36] = 200
        images.append(image)
    source = tmp_path / "clip.mts"
    write_clip(
        source,
        steps(6, 25),
        images=images,
        interlaced=True,
        container="mpegts",
        options={"crf": "1", "x264-params": "tff=1"},
    )
    assert frames_of(source)[0].interlaced_frame
    restorer = Identity()
    target = restore(source, restorer=restorer)
    assert times_of(target) == steps(6, 25)[:-1]

    def combs(image):
        lines = np.asarray(image, float)
        return np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean()

    assert combs(restorer.seen[2]) < combs(images[2]) / 2
    assert not any(frame.interlaced_frame for frame in frames_of(target))


def test_sizes_that_change_become_the_first(tmp_path):
    parts = [tmp_path / "1.ts", tmp_path / "2.ts"]
    for part, size in zip(parts, ((48, 32), (96, 64)), strict=True):
        write_clip(part, steps(5, 25), size=size, options={"crf": "1"})
    source = tmp_path / "clip.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    restorer = Identity()
    target = restore(source, restorer=restorer)
    assert {image.shape for image in restorer.seen} == {(32, 48, 3), (64, 96, 3)}
    assert {(f.width, f.height) for f in frames_of(target)} == {(48, 32)}


def test_sound_that_a_format_cannot_hold(tmp_path, caplog):
    source = tmp_path / "clip.avi"
    write_clip(
        source,
        steps(25, 25),
        base=Fraction(1, 25),
        codec="mpeg4",
        options={},
        sounds=[Sound("adpcm_ms")],
    )
    for suffix in (".mp4", ".m4v"):
        output = tmp_path / f"out{suffix}"
        with pytest.raises(InputError, match=r"such as \.mkv.*1 audio .*\(adpcm_ms\)"):
            video_target(source, output)
        with pytest.raises(InputError, match="adpcm_ms"):
            restore_video(Identity(), source, output)
    target = restore(source)
    assert f"{target} will hold as PCM: 1 audio track (adpcm_ms)" in caplog.messages
    with av.open(str(source)) as one, av.open(str(target)) as other:
        before, after = (
            np.concatenate([f.to_ndarray()[0] for f in c.decode(audio=0)])
            for c in (one, other)
        )
    np.testing.assert_array_equal(after, before)


def test_subtitles_that_a_format_cannot_hold(tmp_path):
    source = tmp_path / "clip.mkv"
    write_clip(source, steps(25, 25), text=("subrip", b"Guten Tag"))
    with pytest.raises(InputError, match=r"such as \.mkv.*1 subtitle track \(srt\)"):
        video_target(source, tmp_path / "out.mp4")


def test_what_no_format_holds_is_named(tmp_path, caplog):
    source = tmp_path / "clip.mkv"
    write_clip(source, steps(25, 25), attachment=b"a font")
    target = restore(source, tmp_path / "out.mp4")
    assert f"{target} will not hold: 1 attachment track" in caplog.messages


def test_opacity_that_is_lost_is_said(tmp_path, caplog):
    source = tmp_path / "clip.mov"
    image = np.full((32, 48, 4), 128, np.uint8)
    frames = [av.VideoFrame.from_ndarray(image, "argb") for _ in range(2)]
    options = {"codec": "qtrle", "options": {}, "pixel_format": "argb"}
    write_clip(source, steps(2, 25), images=frames, **options)
    target = restore(source)
    assert f"{target} will not hold the opacity of the frames" in caplog.messages
    np.testing.assert_allclose(pixels_of(target)[0, 0], 16 + 219 * 128 / 255, atol=1)


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_timecode_and_a_second_video_are_kept(tmp_path, caplog, suffix):
    parts = [tmp_path / "1.mov", tmp_path / "2.mov"]
    options = {"crf": "1", "bf": "3", "b-adapt": "0"}
    for part in parts:
        write_clip(part, steps(20, 25), base=Fraction(1, 25), options=options)
    source = tmp_path / f"clip{suffix}"
    with (
        av.open(str(parts[0])) as one,
        av.open(str(parts[1])) as two,
        av.open(str(source), "w") as both,
    ):
        copies = [both.add_stream_from_template(c.streams.video[0]) for c in (one, two)]
        copies[0].metadata["timecode"] = "01:02:03:04"
        for container, copy in zip((one, two), copies, strict=True):
            for packet in container.demux():
                if packet.size:
                    packet.stream = copy
                    both.mux(packet)
    target = restore(source)
    assert not caplog.messages
    with av.open(str(source)) as before, av.open(str(target)) as after:
        codes = [
            {k.lower(): v for k, v in container.streams[0].metadata.items()}
            for container in (before, after)
        ]
        # PyAV 17 writes none into a copied .mp4 or .mov.
        assert codes[1].get("timecode") == codes[0].get("timecode")
        assert len(after.streams) == len(before.streams)
        times = [
            [frame.pts * frame.time_base for frame in container.decode(video=1)]
            for container in (before, after)
        ]
    assert times[0] == times[1] == steps(20, 25)[:-1]
    assert times_of(target) == steps(20, 25)[:-1]


def test_closed_captions_in_frames_are_kept(tmp_path):
    source, triples = (
        tmp_path / "clip.ts",
        [b"\xfc" + bytes([k, 128]) for k in range(6)],
    )
    write_clip(tmp_path / "plain.ts", steps(6, 25), options={"crf": "1", "bf": "0"})
    # ATSC A/53 captions as supplemental information before each H.264 frame.
    with av.open(str(tmp_path / "plain.ts")) as one, av.open(str(source), "w") as other:
        stream = one.streams.video[0]
        copy = other.add_stream_from_template(stream)
        packets = [packet for packet in one.demux(stream) if packet.size]
        for triple, packet in zip(triples, packets, strict=True):
            said = b"\xb5\x00\x31GA94\x03\x41\xff" + triple + b"\xff"
            unit = b"\x00\x00\x00\x01\x06\x04" + bytes([len(said)]) + said + b"\x80"
            changed = av.Packet(unit + bytes(packet))
            changed.pts, changed.dts = packet.pts, packet.dts
            changed.time_base, changed.stream = packet.time_base, copy
            changed.is_keyframe = packet.is_keyframe
            other.mux(changed)

    def captions(path):
        return [bytes(frame.side_data.get("A53_CC")) for frame in frames_of(path)]

    assert captions(source) == triples
    assert captions(restore(source)) == triples


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi", ".flv", ".wmv"])
def test_what_is_there_of_a_video_that_ends_early_is_restored(tmp_path, capfd, suffix):
    source = tmp_path / f"clip{suffix}"
    codec = {".flv": "flv", ".wmv": "wmv2"}.get(suffix, "mpeg4")
    whole = tmp_path / f"whole{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (75, 32, 48, 3), np.uint8)
    base = Fraction(1, 25) if suffix == ".avi" else Fraction(1, 1000)
    write_clip(
        whole, steps(75, 25), images=list(noise), codec=codec, options={}, base=base
    )
    data = whole.read_bytes()
    if suffix == ".mp4":  # What says where frames are comes last: nothing can be read.
        source.write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError, match=r"Expected a video\. Received"):
            video_target(source, None)
        with (
            av.open(str(whole)) as one,
            av.open(str(source), "w", options={"movflags": "faststart"}) as other,
        ):
            copy = other.add_stream_from_template(one.streams.video[0])
            for packet in one.demux():
                if packet.size:
                    packet.stream = copy
                    other.mux(packet)
        data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    target = video_target(source, None)
    with pytest.raises(InputError, match=r"whole video\. Received: .* frames") as error:
        restore_video(Identity(), source, target)
    count = int(str(error.value).partition(" frames")[0].rpartition(" ")[2])
    assert 25 < count < 50
    assert len(frames_of(target)) == count
    assert str(target) in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi", ".ts", ".wmv"])
@pytest.mark.parametrize("seed", range(3))
def test_damage_is_said_and_the_rest_restored(tmp_path, capfd, suffix, seed):
    source = tmp_path / f"clip{suffix}"
    base = Fraction(1, 25) if suffix == ".avi" else Fraction(1, 1000)
    noise = np.random.default_rng(0).integers(0, 255, (30, 32, 48, 3), np.uint8)
    write_clip(source, steps(30, 25), images=list(noise), base=base, codec="mpeg4")
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(len(data) // 3, 2 * len(data) // 3, 40):
        data[at] ^= 255
    source.write_bytes(data)
    try:
        target = restore(source)
    except InputError as error:
        assert "Received: " in str(error)
        if "whole video" in str(error):
            target = Path(str(error).rpartition(" in ")[2].rstrip(")"))
            assert frames_of(target)
    else:
        assert len(frames_of(target)) >= 25
    assert not list(tmp_path.glob(".*"))
    assert capfd.readouterr() == ("", "")


def test_what_is_no_video_is_refused_and_leaves_nothing(tmp_path):
    png = io.BytesIO()
    Image.new("RGB", (16, 16)).save(png, "png")
    sound, text, empty = (tmp_path / f"{n}.m4v" for n in ("sound", "text", "empty"))
    write_clip(
        sound, [], images=None, sounds=[Sound()], cover=png.getvalue(), container="mp4"
    )
    text.write_text("no video")
    empty.touch()
    # Formats that name other files.
    playlist, script = tmp_path / "list.ts", tmp_path / "script.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n")
    script.write_text("ffconcat version 1.0\nfile sound.m4v\n")
    sources = [sound, text, empty, playlist, script]
    for source in sources:
        with pytest.raises(InputError, match=rf"Expected a video\. Received: {source}"):
            video_target(source, None)
        with pytest.raises(InputError, match=rf"Expected a video\. Received: {source}"):
            restore_video(Identity(), source, tmp_path / "out.mp4")
    with pytest.raises(InputError, match="holds audio, image"):
        video_target(sound, None)
    with pytest.raises(FileNotFoundError):
        video_target(tmp_path / "none.mp4", None)
    with pytest.raises(InputError, match="Expected a file"):
        video_target(tmp_path, None)
    assert sorted(tmp_path.iterdir()) == sorted(sources)


@pytest.mark.parametrize(
    "name",
    [
        "http:x.mp4",
        "%03d.mp4",
        "-i x.mp4",
        "a\nb.mp4",
        "ä" * 80 + ".mp4",
        b"fot\xe4.mp4",
    ],
)
def test_any_name_that_the_system_allows(tmp_path, monkeypatch, name):
    import os

    monkeypatch.chdir(tmp_path)
    source = Path(os.fsdecode(name))
    try:
        write_clip(source, steps(3, 25))
    except (OSError, UnicodeError):
        pytest.skip("no such name in this file system")
    target = restore(source)
    assert target == source.with_name(f"{source.stem}_restored.mp4")
    assert len(frames_of(target)) == 3


def test_a_name_that_is_too_long_is_said_before_the_work(tmp_path):
    source = tmp_path / f"{'x' * 249}.mp4"
    write_clip(source, steps(3, 25))
    with pytest.raises(OSError) as error:
        video_target(source, None)
    assert error.value.errno == errno.ENAMETOOLONG


def test_output_path_of_a_video(tmp_path):
    assert is_video(tmp_path / "clip.MP4")
    assert not is_video(tmp_path / "clip.png")
    clip, webm = tmp_path / "clip.mp4", tmp_path / "clip.webm"
    write_clip(clip, steps(2, 25))
    shutil.copy(clip, webm)
    (tmp_path / "out").mkdir()
    assert video_target(webm, None) == tmp_path / "clip_restored.mkv"
    assert video_target(clip, None).name == "clip_restored.mp4"
    assert video_target(webm, tmp_path / "out") == tmp_path / "out" / "clip.mkv"
    beside, inside = tmp_path / "clip_restored.mkv", tmp_path / "out" / "clip.mkv"
    other = video_target(webm, None, taken=[beside])
    assert other == tmp_path / "clip.webm_restored.mkv"
    other = video_target(webm, tmp_path / "out", taken=[inside])
    assert other == tmp_path / "out" / "clip.webm.mkv"
    with pytest.raises(InputError, match="another output for each video"):
        video_target(webm, tmp_path / "x.mkv", taken=[tmp_path / "x.mkv"])
    for source, output in ((webm, tmp_path / "out.gif"), (clip, clip)):
        with pytest.raises(InputError, match="Received: "):
            video_target(source, output, overwrite=True)
    written = tmp_path / "clip_restored.mp4"
    written.touch()
    with pytest.raises(InputError, match=rf"--overwrite.*Received: {written}"):
        video_target(clip, None)
    assert video_target(clip, None, overwrite=True) == written


@pytest.mark.parametrize(
    "suffix", [".3gp", ".avi", ".flv", ".m2ts", ".mts", ".ts", ".webm", ".wmv"]
)
def test_every_suffix_is_restored_with_its_sound(tmp_path, suffix):
    codecs = {".webm": "libvpx", ".flv": "flv", ".wmv": "wmv2", ".avi": "mpeg4"}
    sounds = {".webm": "libopus", ".flv": "libmp3lame", ".wmv": "wmav2"}
    source = tmp_path / f"clip{suffix}"
    if sounds.get(suffix) == "libopus":
        sounds[suffix] = "libvorbis" if "libvorbis" in av.codecs_available else "vorbis"
    write_clip(
        source,
        steps(12, 25),
        size=(176, 144),
        base=Fraction(1, 25),
        codec=codecs.get(suffix, "libx264"),
        options={"strict": "experimental"} if suffix in codecs else None,
        sounds=[] if suffix == ".webm" else [Sound(sounds.get(suffix, "aac"))],
    )
    target = restore(source)
    assert target.suffix == ".mkv"
    after = contents_of(target)
    assert len(frames_of(target)) == 12
    kinds = [stream[0] for stream in after.streams]
    assert kinds.count("audio") == (suffix != ".webm")
    shown = [[float(t) for t in times_of(path)] for path in (source, target)]
    np.testing.assert_allclose(np.diff(shown[1]), np.diff(shown[0]), atol=0.0011)


def test_progress_and_an_output_in_a_new_folder(tmp_path):
    source, target = tmp_path / "clip.mp4", tmp_path / "new" / "out.mp4"
    write_clip(source, steps(6, 25))
    calls = []
    restore_video(
        Restorer(DarkeningRunner()), source, target, on_frame=lambda *c: calls.append(c)
    )
    assert calls == [(done, 6) for done in range(1, 7)]
    assert list(target.parent.iterdir()) == [target]
    np.testing.assert_allclose(
        pixels_of(target)[:, 0] - 16, (pixels_of(source)[:, 0] - 16) / 2, atol=1.6
    )


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path):
    source, target = tmp_path / "clip.mkv", tmp_path / "new" / "out.mkv"
    noise = np.random.default_rng(0).integers(0, 255, (20, 128, 128, 3), np.uint8)
    write_clip(source, steps(20, 25), images=list(noise))
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError) as error:
            restore_video(Identity(), source, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (error.value.errno, error.value.filename) == (errno.EFBIG, str(target))
    assert list(target.parent.iterdir()) == []


MEMORY = r"""
import re, sys
from egnet_tf.inference.video import restore_video
restore_video(lambda image, strength: image, sys.argv[1], sys.argv[2])
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells no peak")
def test_memory_does_not_grow_with_the_length(tmp_path):
    peaks = []
    for count in (100, 600):
        source = tmp_path / f"{count}.mkv"
        write_clip(source, steps(count, 25), size=(320, 240), sounds=[Sound()])
        done = python("-c", MEMORY, source, tmp_path / f"{count}_out.mkv")
        assert not done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 15_000  # KiB; 500 frames take 115,000 as RGB.


@pytest.mark.process
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe")
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_ffprobe_says_the_same_of_both(tmp_path, suffix):
    source = tmp_path / f"clip{suffix}"
    write_clip(
        source,
        SLOW_THEN_FAST,
        base=Fraction(1, 1000),
        tags=(1, 1, 1, 1),
        aspect=Fraction(4, 3),
        sounds=[Sound("aac", "deu"), Sound("aac", "fra")],
        metadata={"title": "T"},
    )

    def probed(path):
        done = subprocess.run(
            [
                *("ffprobe", "-v", "error", "-of", "json", "-show_streams"),
                *("-show_format", "-select_streams", "v"),
                *("-show_entries", "frame=pts_time", str(path)),
            ],
            capture_output=True,
            check=True,
        )
        said = json.loads(done.stdout)
        stream = said["streams"][0]
        names = "sample_aspect_ratio color_space color_primaries color_transfer"
        return (
            [frame["pts_time"] for frame in said["frames"]],
            {name: stream[name] for name in [*names.split(), "color_range", "width"]},
            said["format"]["nb_streams"],
            said["format"]["tags"]["title"],
        )

    assert probed(restore(source)) == probed(source)
