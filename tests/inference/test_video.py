import gc
import subprocess

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from egnet_tf.inference.video import is_video, restore_video, video_target
from helpers import DarkeningRunner

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")

pytestmark = [
    pytest.mark.process,  # FFmpeg's.
    # imageio-ffmpeg leaves its pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def collected():
    yield
    gc.collect()


def ffmpeg(*arguments):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-y", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, check=True)
    return done.stdout


@pytest.fixture
def clip(tmp_path):
    """Six frames of 48 x 32, each of one colour, with a second of sound."""
    path = tmp_path / "clip.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=48x32:rate=10:duration=0.6"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=0.6"),
        *("-c:v", "libx264", "-crf", "1", "-pix_fmt", "yuv420p", "-c:a", "aac", path),
    )
    return path


def read(path):
    frames = imageio_ffmpeg.read_frames(str(path))
    about = next(frames)
    width, height = about["size"]
    stack = [np.frombuffer(frame, np.uint8) for frame in frames]
    return about, np.reshape(stack, (-1, height, width, 3)).astype(float)


def sound_of(path):
    return ffmpeg("-i", path, "-map", "0:a", "-c", "copy", "-f", "adts", "-")


def test_video_frames_are_restored_and_the_sound_is_kept(tmp_path, clip):
    target = tmp_path / "new" / "out.mp4"
    calls = []
    restore_video(
        Restorer(DarkeningRunner()), clip, target, on_frame=lambda *c: calls.append(c)
    )
    about, before = read(clip)
    about_after, after = read(target)
    assert len(after) == len(before) == 6
    assert calls == [(done, 6) for done in range(1, 7)]
    assert about_after["fps"] == about["fps"]
    assert np.abs(after - before / 2).mean() < 3
    assert sound_of(target) == sound_of(clip)
    assert list(target.parent.iterdir()) == [target]


def test_video_colours_do_not_shift(tmp_path):
    source, target = tmp_path / "colour.mkv", tmp_path / "out.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=c=0x20c040:size=48x32:rate=5:duration=0.4"),
        *("-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709"),
        *("-c:v", "libx264", "-crf", "1", "-pix_fmt", "yuv420p", source),
    )

    class Identity(DarkeningRunner):
        def __call__(self, batch):
            return batch

    restore_video(Restorer(Identity()), source, target)
    about, restored = read(target)
    assert "audio_codec" not in about
    assert "bt709" in about["pix_fmt"]  # What a player is told,
    np.testing.assert_allclose(restored, read(source)[1], atol=3)
    # and what is stored: the luma of BT.709 (BT.601 would give 124 for 140 here).
    yuv = ffmpeg("-i", target, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    luma = 16 + 219 / 255 * restored[0, 0, 0] @ (0.2126, 0.7152, 0.0722)
    assert abs(yuv[0] - luma) < 2


def test_rotated_and_odd_sized_videos_are_restored(tmp_path, clip):
    rotated, odd = tmp_path / "rotated.mp4", tmp_path / "odd.mkv"
    ffmpeg("-display_rotation", "90", "-i", clip, "-c", "copy", rotated)
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=66x34:rate=5:duration=0.4"),
        *("-vf", "scale=33:17,format=yuv444p", "-c:v", "ffv1", odd),
    )
    for source, size in ((rotated, (32, 48)), (odd, (33, 17))):
        target = tmp_path / "out.mkv"
        restore_video(Restorer(DarkeningRunner()), source, target)
        about, after = read(target)
        assert about["size"] == size
        assert np.abs(after - read(source)[1] / 2).mean() < 4


def test_files_that_are_no_video_are_refused_and_leave_nothing(tmp_path):
    source = tmp_path / "text.mp4"
    source.write_text("no video")
    with pytest.raises(InputError, match=r"Received: .*text\.mp4"):
        restore_video(Restorer(DarkeningRunner()), source, tmp_path / "out.mp4")
    with pytest.raises(FileNotFoundError):
        restore_video(Restorer(DarkeningRunner()), tmp_path / "none.mp4", "out.mp4")
    assert list(tmp_path.iterdir()) == [source]


def test_output_path_of_a_video(tmp_path, clip):
    assert is_video(tmp_path / "clip.MP4")
    assert not is_video(tmp_path / "clip.png")
    webm = clip.with_suffix(".webm")
    webm.write_bytes(clip.read_bytes())
    (tmp_path / "out").mkdir()
    assert video_target(webm, None) == tmp_path / "clip_restored.mkv"
    assert video_target(clip, None).name == "clip_restored.mp4"
    assert video_target(webm, tmp_path / "out") == tmp_path / "out" / "clip.mkv"
    for source, output in ((webm, tmp_path / "out.gif"), (clip, clip)):
        with pytest.raises(InputError, match="Received: "):
            video_target(source, output, overwrite=True)
    written = tmp_path / "clip_restored.mp4"
    written.touch()
    with pytest.raises(InputError, match=rf"--overwrite.*Received: {written}"):
        video_target(clip, None)
    assert video_target(clip, None, overwrite=True) == written


def test_broken_video_is_refused_before_the_model_is_loaded(tmp_path):
    source = tmp_path / "text.mp4"
    source.write_text("no video")
    with pytest.raises(InputError, match=r"Expected a video.*text\.mp4"):
        video_target(source, None)
    with pytest.raises(FileNotFoundError):
        video_target(tmp_path / "none.mp4", None)
