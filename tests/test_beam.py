"""Apache Beam, which wants an environment of its own: `make beam-test`."""

import errno
import io
import json
import logging
import os
import signal
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import ROOT, Done, call, command, random_image, start

beam = pytest.importorskip("apache_beam")

from apache_beam.io.filesystems import FileSystems  # noqa: E402
from apache_beam.options.pipeline_options import PipelineOptions  # noqa: E402
from apache_beam.runners.portability.fn_api_runner import (  # noqa: E402
    FnApiRunner,
)

import egnet_tf  # noqa: E402
from egnet_tf import beam as restoring  # noqa: E402
from egnet_tf.beam import files, photos  # noqa: E402
from egnet_tf.errors import InputError  # noqa: E402
from egnet_tf.images.read import Photo, read_photo  # noqa: E402
from egnet_tf.images.write import encode_photo, write_photo  # noqa: E402

MODEL = ROOT / "egnet_tf/weights/egnet_mobile/egnet_mobile_float16.tflite"


@pytest.fixture(autouse=True)
def loggers():
    """The root logger as it was: the command filters it, for its own process."""
    root, level = logging.getLogger(), logging.getLogger("apache_beam.runners").level
    filters = list(root.filters)
    yield
    root.filters[:] = filters
    logging.getLogger("apache_beam.runners").setLevel(level)


def photograph(seed=0, size=(40, 60)):
    return (
        random_image((size[0] // 8 + 1, size[1] // 8 + 1, 3), seed)
        .repeat(8, 0)
        .repeat(8, 1)[: size[0], : size[1]]
    )


@pytest.fixture
def folder(tmp_path):
    """Photos of several kinds, sizes and names, and a poisoned one among them."""
    folder = tmp_path / "photos [1]"
    names = ("a.jpg", "b.png", "trip/c.tif", "trip/ü d.webp", "trip/x/e.png", "f.gif")
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(seed)).save(path)
    write_photo(folder / "deep.png", Photo(random_image((30, 20, 3), dtype=np.uint16)))
    alpha = np.full((40, 60), 99, np.uint8)
    write_photo(folder / "clear.png", Photo(photograph(9), alpha=alpha))
    (folder / "poison.jpg").write_bytes((folder / "a.jpg").read_bytes()[:200])
    return folder


def deblur_many(folder, output, *words) -> Done:
    return call(
        "egnet_tf.deblur_many", f"--input={folder}", f"--output={output}", *words
    )


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "failed.jsonl"
    }


def failures(output: Path) -> dict[str, str]:
    lines = (output / "failed.jsonl").read_text().splitlines()
    return {Path(x["path"]).name: x["reason"] for x in map(json.loads, lines)}


def expected_of(folder, tmp_path, *words):
    reference = tmp_path / "reference"
    call("egnet_tf.deblur", folder, f"--output={reference}", *words)
    return files_of(reference)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.process)])
def test_results_are_those_of_deblur_byte_for_byte(workers, folder, tmp_path):
    words = (f"--model={MODEL}", "--strength=0.75", "--quality=90")
    done = deblur_many(folder, tmp_path / "out", *words, f"--workers={workers}")
    assert done.returncode == 1
    assert "8 restored (0.0 megapixels), 0 there already, 1 failed" in done.stdout
    expected = expected_of(folder, tmp_path, *words)
    assert len(expected) == 8
    assert files_of(tmp_path / "out") == expected
    assert list(failures(tmp_path / "out")) == ["poison.jpg"]
    assert "readable image" in failures(tmp_path / "out")["poison.jpg"]


def test_a_pattern_names_files_and_what_is_no_photo_is_left_out(folder, tmp_path):
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.png").write_bytes(b"")
    output = folder / "trip" / "out"
    Image.fromarray(photograph()).save(folder / "trip" / "old.png")
    pattern = f"{folder.parent}/photos ?1?/trip/**.png"
    done = deblur_many(pattern, output)
    assert done.returncode == 0, done.stderr
    below = folder.name  # Names begin after the folder before the first `?`.
    names = [f"{below}/trip/old.png", f"{below}/trip/x/e.png"]
    assert list(files_of(output)) == names
    # The results lie below the pattern and are not restored again.
    again = deblur_many(pattern, output, "--skip_existing")
    assert "0 restored (0.0 megapixels), 2 there already, 0 failed" in again.stdout
    assert "left out, no photos of their own: 2" in again.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows: no such name")
def test_names_that_are_not_utf_8(folder, tmp_path):
    source = os.fsencode(folder) + b"/latin\xe4.png"
    broken = os.fsencode(folder) + b"/broken\xe4.png"
    try:
        with open(source, "wb") as file:
            file.write((folder / "b.png").read_bytes())
    except OSError:
        pytest.skip("no such name on this file system")
    with open(broken, "wb") as file:
        file.write(b"no image")
    deblur_many(folder, tmp_path / "out")
    assert files_of(tmp_path / "out") == expected_of(folder, tmp_path)
    assert {"broken\\udce4.png", "poison.jpg"} == set(failures(tmp_path / "out"))


@pytest.mark.skipif(os.name == "nt", reason="Windows: no pipes")
def test_pipes_and_empty_files_fail_without_waiting(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / "empty.png").touch()
    assert deblur_many(folder, tmp_path / "out").returncode == 1
    reasons = failures(tmp_path / "out")
    assert set(reasons) == {"pipe.png", "empty.png"}
    assert all("an empty file" in reason for reason in reasons.values())


def test_two_files_of_one_name_do_not_overwrite_each_other(folder, tmp_path):
    (folder / "f.gif.png").write_bytes((folder / "b.png").read_bytes())
    done = deblur_many(folder, tmp_path / "out")
    assert "8 restored" in done.stdout
    reason = failures(tmp_path / "out")["f.gif.png"]
    assert "different names" in reason
    restored = read_photo(tmp_path / "out" / "f.gif.png").pixels
    expected = egnet_tf.load(MODEL)(read_photo(folder / "f.gif").pixels)
    np.testing.assert_array_equal(restored, expected)


def test_outputs_that_exist(folder, tmp_path):
    output = tmp_path / "out"
    deblur_many(folder, output)
    first = files_of(output)
    # As a runner does that lost a worker after its work.
    assert "8 restored" in deblur_many(folder, output).stdout
    assert files_of(output) == first
    assert list(failures(output)) == ["poison.jpg"]
    # Other bytes are not replaced, unless that is wanted.
    done = deblur_many(folder, output, "--strength=0")
    assert "0 restored (0.0 megapixels), 0 there already, 9 failed" in done.stdout
    assert "--skip_existing" in failures(output)["b.png"]
    assert files_of(output) == first
    (output / "b.png").unlink()
    done = deblur_many(folder, output, "--skip_existing")
    assert "1 restored (0.0 megapixels), 7 there already, 1 failed" in done.stdout
    assert files_of(output) == first
    assert "8 restored" in deblur_many(folder, output, "--strength=0", "--overwrite")[1]
    changed = read_photo(output / "b.png").pixels
    np.testing.assert_array_equal(changed, read_photo(folder / "b.png").pixels)


def test_nothing_is_left_of_lost_workers(folder, tmp_path):
    unfinished = tmp_path / "out" / files.UNFINISHED
    unfinished.mkdir(parents=True)
    (unfinished / "0123").write_bytes(b"half a phot")
    deblur_many(folder, tmp_path / "out")
    assert not unfinished.exists()


def test_a_full_disk_fails_file_by_file(folder, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, content):
            if content[:2] == b"\xff\xd8":
                raise OSError(errno.ENOSPC, "No space left on device", "a.jpg")
            return super().write(content)

        def close(self):
            if self.getvalue():
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
                Path(self.path).write_bytes(self.getvalue())
            super().close()

    def create(path):
        file = Full()
        file.path = path
        return file

    monkeypatch.setattr(files, "create", create)
    done = deblur_many(folder, tmp_path / "out")
    assert "7 restored (0.0 megapixels), 0 there already, 2 failed" in done.stdout
    assert "No space left on device" in failures(tmp_path / "out")["a.jpg"]


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="Windows: no SIGKILL")
def test_a_killed_run_repeated_ends_with_the_same_files(folder, tmp_path):
    for number in range(24):
        Image.fromarray(photograph(number, (300, 300))).save(folder / f"{number}.png")
    output = tmp_path / "out"
    words = (f"--input={folder}", f"--output={output}", "--workers=2")
    running = start("egnet_tf.deblur_many", *words, start_new_session=True)
    deadline = time.time() + 60
    while len(files_of(output)) < 4 and time.time() < deadline:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert 4 <= len([x for x in files_of(output) if "unfinished" not in x]) < 32
    kept = {x: (output / x).stat().st_mtime_ns for x in files_of(output)}
    done = command("egnet_tf.deblur_many", *words, "--skip_existing")
    assert done.returncode == 1, done.stderr
    assert files_of(output) == expected_of(folder, tmp_path)
    assert not (output / files.UNFINISHED).exists()
    again = {x: (output / x).stat().st_mtime_ns for x in kept if (output / x).exists()}
    assert again.items() <= kept.items()


def test_counters_and_dead_letters_of_a_pipeline_of_ones_own(folder, tmp_path):
    output = str(tmp_path / "out")
    pipeline = beam.Pipeline(runner=FnApiRunner())
    found = pipeline | restoring.ReadPhotos(str(folder), output=output)
    restored = found.photos | restoring.RestorePhotos(str(MODEL))
    written = restored.photos | restoring.WritePhotos(output)
    failed = (found.failed, restored.failed, written.failed) | beam.Flatten()
    _ = failed | restoring.WriteFailures(f"{output}/dead.jsonl")
    result = pipeline.run()
    result.wait_until_finish()
    counters = Counter()
    for counter in result.metrics().query()["counters"]:
        if counter.key.metric.namespace == files.NAMESPACE:
            counters[counter.key.metric.name] += counter.committed
    sizes = [read_photo(path).pixels.shape for path in folder.rglob("*.[pwtg]*[gfp]")]
    pixels = sum(height * width for height, width, _ in sizes) + 40 * 60
    assert (counters["restored"], counters["failed"]) == (8, 1)
    assert counters["pixels"] == pixels
    (line,) = (tmp_path / "out" / "dead.jsonl").read_text().splitlines()
    assert json.loads(line)["path"] == str(folder / "poison.jpg")


class Half:
    """A runner of any size that halves; fails on an image that begins with 200."""

    size_multiple, tile, bytes_per_pixel = 8, None, 100.0

    def __init__(self):
        self.batches = []

    def __call__(self, batch):
        self.batches.append(len(batch))
        if (batch[:, 0, 0, 0] > 199.5 / 255).any():
            raise RuntimeError("no such colour")
        return batch / 2


def blurry(name, shape, value):
    return photos.Blurry(name, name, Photo(np.full(shape, value, np.uint8)))


def test_photos_of_equal_size_go_through_the_network_together():
    runner = Half()
    model = photos.Model(egnet_tf.Restorer(runner), "")
    handler = restoring.RestorerHandler("unused")
    batch = [
        blurry("a", (16, 8, 3), 100),
        blurry("b", (8, 8, 3), 50),
        blurry("c", (16, 8, 3), 60),
        blurry("d", (24, 8, 3), 200),
    ]
    results = {r.blurry.name: r for r in handler.run_inference(batch, model)}
    assert runner.batches == [2, 1, 1]
    for name, value in {"a": 50, "b": 25, "c": 30}.items():
        assert (results[name].pixels == value).all()
    assert results["d"].pixels is None
    assert results["d"].reason == "RuntimeError: no such colour"
    assert not list(handler.run_inference([], model))
    assert handler.get_num_bytes(batch) == 3 * (16 * 8 * 2 + 8 * 8 + 24 * 8)


def test_threads_of_a_process_share_one_model(folder, tmp_path, monkeypatch):
    loaded, inside, most = [], [], []
    output = str(tmp_path / "out")
    load = photos.load_model

    class Watched(egnet_tf.Restorer):
        def __call__(self, *images, **options):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()
            return super().__call__(*images, **options)

    def counting(name, arguments):
        loaded.append(name)
        return photos.Model(Watched(load(name, arguments)._restorer.runner), "")

    monkeypatch.setattr(photos, "load_model", counting)
    options = PipelineOptions(
        ["--direct_num_workers=3", "--direct_running_mode=multi_threading"]
    )
    with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
        found = pipeline | restoring.ReadPhotos(str(folder), output=output)
        restored = found.photos | restoring.RestorePhotos(str(MODEL))
        _ = restored.photos | restoring.WritePhotos(output)
    assert loaded == [str(MODEL)]
    assert len(most) >= 3
    assert set(most) == {1}
    assert files_of(tmp_path / "out") == expected_of(
        folder, tmp_path, f"--model={MODEL}"
    )


def test_a_model_on_another_file_system(monkeypatch):
    monkeypatch.setattr(
        files, "opened", lambda path: {"gs://b/m.tflite": MODEL}[path].open("rb")
    )
    model = restoring.RestorerHandler("gs://b/m.tflite").load_model()
    image = photograph()
    expected = egnet_tf.load(MODEL)(image)
    np.testing.assert_array_equal(model(image, strength=1), expected)


def test_names_from_a_bucket_do_not_leave_the_output(tmp_path):
    """Keys of objects may hold "..", which no local path does after a match."""
    read = photos._Read(str(tmp_path), False, 10**6)
    for name in (b"../x.png", b"a/../../x.png"):
        (failed,) = read.process((name, [(b"gs://b/" + name, 5)]))
        assert failed.tag == "failed"
        assert "Expected the name of a file below" in failed.value.reason


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("gs://b/photos/**", ("gs://b/photos/**", "gs://b/photos/")),
        ("gs://b/photos/", ("gs://b/photos/**", "gs://b/photos/")),
        ("s3://b/2024-*/x.jpg", ("s3://b/2024-*/x.jpg", "s3://b/")),
        ("/data/a.jpg", ("/data/a.jpg", "/data/")),
        ("/data/*.jpg", ("/data/*.jpg", "/data/")),
        ("/*.jpg", ("/*.jpg", "/")),
    ],
)
def test_names_are_counted_from_the_folder_of_the_pattern(pattern, expected):
    assert files.split_pattern(pattern) == expected


def test_a_local_folder_stands_for_all_below_it(folder):
    pattern, root = files.split_pattern(str(folder))
    assert root == f"{folder}/"
    (found,) = FileSystems.match([pattern])
    assert len(found.metadata_list) == 9
    with pytest.raises(InputError, match="Received: nothing"):
        files.split_pattern("")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output="], "Expected --output=FOLDER"),
        (["--output={folder}/"], "Expected another folder as the output of"),
        (["--output={folder}/a.jpg"], "Expected a folder as the output"),
        (["--input={folder}/none"], "Expected images to restore"),
        (["--model=none"], "Received: none"),
        (["--runner=Best"], "Expected a runner of Beam"),
        (["--", "region=x"], "Expected flags (--name=value). Received: region=x"),
        (["--workers=0"], "at least 1 for --workers"),
    ],
)
def test_wrong_calls_are_refused_in_one_line(words, message, folder, tmp_path):
    words = [word.format(folder=folder) for word in words]
    done = deblur_many(folder, tmp_path / "out", *words)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert not files_of(tmp_path / "out") if (tmp_path / "out").exists() else True


@pytest.mark.process
@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_a_worker_cannot_load_ends_in_one_line(workers, folder, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"xxxxTFL3" + bytes(99))
    words = (f"--model={broken}", f"--workers={workers}")
    options = (f"--input={folder}", f"--output={tmp_path / 'out'}")
    done = command("egnet_tf.deblur_many", *options, *words)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: Expected a .tflite file (")
    assert last.endswith(f"Received: {broken}")


def test_the_workers_need_no_tensorflow():
    with pytest.raises(ModuleNotFoundError):
        __import__("tensorflow")


def test_encoding_knows_the_format_by_the_whole_name():
    assert encode_photo(Photo(photograph()), "trip/a.jpg")[:2] == b"\xff\xd8"


# Videos


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Two clips of one name and a poisoned one, among photos."""
    pytest.importorskip("av")
    from egnet_tf.beam import videos
    from egnet_tf.inference import video_segments
    from video_clips import Sound, write_clip

    monkeypatch.setattr(video_segments, "FRAMES", 8)
    monkeypatch.setattr(videos, "FRAMES", 8)
    folder = tmp_path / "clips [1]"
    times = [Fraction(k, 25) for k in range(31)]
    for name in ("clip.mp4", "clip.avi", "trip/\u00fc.mkv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sounds = [] if name.endswith("avi") else [Sound()]
        write_clip(folder / name, times, base=Fraction(1, 25), sounds=sounds)
    (folder / "poison.mp4").write_bytes((folder / "clip.mp4").read_bytes()[:500])
    Image.fromarray(photograph()).save(folder / "photo.png")
    return folder


def restore_whole(source, target):
    """In segments, by one process."""
    from egnet_tf.inference.video_segments import restore_in_segments

    restore_in_segments(egnet_tf.load(MODEL), source, target, key="")


def test_videos_are_those_of_one_process(clips, tmp_path):
    from video_clips import contents_of

    output = tmp_path / "out"
    done = deblur_many(clips, output, f"--model={MODEL}")
    assert "4 restored (0.0 megapixels), 0 there already, 1 failed" in done.stdout
    assert list(failures(output)) == ["poison.mp4"]
    names = {
        "clip.mp4": "clip.mp4",
        "clip.avi": "clip.mkv",
        "trip/\u00fc.mkv": "trip/\u00fc.mkv",
    }
    assert sorted(files_of(output)) == sorted([*names.values(), "photo.png"])
    for number, (name, target) in enumerate(names.items()):
        expected = tmp_path / f"{number}{Path(target).suffix}"
        restore_whole(clips / name, expected)
        assert contents_of(output / target).packets == contents_of(expected).packets
    assert not (output / files.UNFINISHED).exists()
    again = deblur_many(clips, output, "--skip_existing")
    assert "0 restored (0.0 megapixels), 4 there already, 1 failed" in again.stdout
    assert "does not exist, --overwrite" in (
        deblur_many(clips, output) and failures(output)["clip.mp4"]
    )


def test_segments_that_are_there_are_not_restored_again(clips, tmp_path, monkeypatch):
    from egnet_tf.beam import videos

    counts = []
    restore = videos.restore_segments

    def counting(restorer):
        def call(image, *, strength):
            counts.append(1)
            return restorer(image, strength=strength)

        return call

    for name in ("clip.avi", "poison.mp4", "photo.png", "trip/\u00fc.mkv"):
        (clips / name).unlink()
    words = (clips, tmp_path / "out")
    monkeypatch.setattr(files, "remove_unfinished", lambda folder: None)
    order = {"lost": True}

    def part_is_lost(restorer, *words, shard, **options):
        if shard[0] == 1 and order.pop("lost", False):
            raise RuntimeError("lost")
        return restore(counting(restorer), *words, shard=shard, **options)

    monkeypatch.setattr(videos, "restore_segments", part_is_lost)
    assert "0 restored" in deblur_many(*words).stdout
    assert failures(tmp_path / "out") == {"clip.mp4": "RuntimeError: lost"}
    assert len(counts) == 22  # 30 frames but for the 8 of one of four parts.
    assert "1 restored" in deblur_many(*words, "--skip_existing").stdout
    assert len(counts) == 30


def test_segments_of_a_bucket_are_mirrored(tmp_path, monkeypatch):
    """Files of gs:// by a folder of this machine, which stands for the bucket."""
    from apache_beam.io.localfilesystem import LocalFileSystem

    from egnet_tf.beam import videos

    there = "gs://b/out/.unfinished/segments"
    place = tmp_path / "bucket"

    def local(path):
        return path.replace("gs:/", str(place))

    system = LocalFileSystem(pipeline_options=None)
    for name in ("open", "create", "exists"):
        monkeypatch.setattr(
            videos.FileSystems,
            name,
            lambda path, name=name, **_: getattr(system, name)(local(path)),
        )
    monkeypatch.setattr(
        videos.FileSystems, "match", lambda paths: system.match([*map(local, paths)])
    )
    monkeypatch.setattr(
        videos.FileSystems,
        "rename",
        lambda one, other: system.rename([*map(local, one)], [*map(local, other)]),
    )
    with videos._mirrored(there) as (folder, upload):
        assert not list(folder.iterdir())
        (folder / "000003.npz").write_bytes(b"three")
        upload(folder / "000003.npz")
    with videos._mirrored(there) as (folder, upload):
        assert [x.name for x in folder.iterdir()] == ["000003.npz"]
        assert (folder / "000003.npz").read_bytes() == b"three"
    assert files_of(place) == {"b/out/.unfinished/segments/000003.npz": b"three"}
