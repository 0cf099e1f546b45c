import contextlib
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.images.read import read_photo
from egnet_tf.images.write import write_photo
from egnet_tf.inference import Restorer
from egnet_tf.inference.photos import Job, find_jobs, restore_photos
from helpers import DarkeningRunner


@pytest.fixture
def runner():
    return DarkeningRunner()


@pytest.fixture
def restorer(runner):
    return Restorer(runner)


def save(path, size=(20, 30), value=200, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (value,) * len(mode) if len(mode) > 1 else value).save(path)
    return path


def value_of(path):
    with Image.open(path) as image:
        return image.getpixel((0, 0))


@pytest.fixture
def folder(tmp_path):
    """Four images, a damaged one, and what is no image."""
    folder = tmp_path / "photos"
    for name in ("b.png", "a.jpg", "trip/c.tif", "trip/c.gif", ".hidden/d.png"):
        save(folder / name)
    (folder / "trip" / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_folder_is_searched_in_order_and_its_structure_kept(folder, tmp_path):
    work = find_jobs([folder], tmp_path / "out")
    assert work.left_out == {".txt": 1}
    assert [(str(s.relative_to(folder)), t) for s, t in work.jobs] == [
        ("a.jpg", tmp_path / "out/a.jpg"),
        ("b.png", tmp_path / "out/b.png"),
        ("trip/c.gif", tmp_path / "out/trip/c.gif.png"),
        ("trip/c.tif", tmp_path / "out/trip/c.tif"),
        ("trip/damaged.jpg", tmp_path / "out/trip/damaged.jpg"),
    ]
    assert (
        find_jobs([folder], None).jobs[0].target == tmp_path / "photos_restored/a.jpg"
    )


def test_output_inside_the_input_is_not_restored_again(folder):
    inside = folder / "restored"
    before = find_jobs([folder], inside).jobs
    save(inside / "a.jpg")
    work = find_jobs([folder], inside, overwrite=True)
    assert work.jobs == before
    assert work.left_out["in the output folder"] == 1


def test_output_path_of_a_photo(tmp_path):
    source = save(tmp_path / "photo.jpg")
    (tmp_path / "out").mkdir()
    for output, target in (
        (None, "photo_restored.jpg"),
        ("out", "out/photo.jpg"),
        ("new/photo.png", "new/photo.png"),
    ):
        jobs = find_jobs([source], output and tmp_path / output).jobs
        assert jobs == [Job(source, tmp_path / target)]
    animation = save(tmp_path / "photo.gif")
    assert find_jobs([animation], None).jobs[0].target.name == "photo_restored.gif.png"


def test_input_is_never_overwritten(tmp_path, folder):
    source = save(tmp_path / "photo.jpg")
    link = tmp_path / "link.jpg"
    link.symlink_to(source)
    same = [(source, source), (source, tmp_path), (source, link), (folder, folder)]
    for given, output in [*same, (folder, folder / "trip" / "..")]:
        with pytest.raises(InputError, match="Received: "):
            find_jobs([given], output, overwrite=True)


def test_files_the_command_did_not_write_are_not_replaced(folder, tmp_path):
    written = save(tmp_path / "out" / "trip" / "c.tif")
    with pytest.raises(InputError, match=rf"--overwrite.*Received: {written}"):
        find_jobs([folder], tmp_path / "out")
    assert len(find_jobs([folder], tmp_path / "out", overwrite=True).jobs) == 5
    for output in (folder / "trip", folder / "trip" / "c.tif"):
        with pytest.raises(InputError, match=r"Received: .*c\.tif"):
            find_jobs([folder / "trip" / "c.tif"], output)
    # Not even with --overwrite, where the output is an input.
    save(folder / "trip" / "trip" / "a.png")
    save(folder / "trip" / "a.png")
    with pytest.raises(InputError, match=r"other than the input.*trip/a\.png"):
        find_jobs([folder / "trip"], folder, overwrite=True)


def test_output_may_lie_above_the_input(folder):
    jobs = find_jobs([folder / "trip"], folder).jobs
    assert [job.target.name for job in jobs] == ["c.gif.png", "c.tif", "damaged.jpg"]
    assert jobs[1].target == folder / "c.tif"


def test_photos_never_share_an_output_path(folder, tmp_path):
    save(folder / "trip" / "c.gif.png")
    targets = [job.target for job in find_jobs([folder], tmp_path / "out").jobs]
    assert len(set(targets)) == len(targets) == 6


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (".", "../photos_restored/a.jpg"),
        ("..", "../../photos_restored/a.jpg"),
        ("a.jpg", "a_restored.jpg"),
        ("trip/..", "../photos_restored/a.jpg"),
    ],
)
def test_relative_inputs_give_relative_outputs(folder, monkeypatch, source, target):
    monkeypatch.chdir(folder / "trip" if source == ".." else folder)
    assert (
        find_jobs([Path(source)], None).jobs[0].target.resolve()
        == Path(target).resolve()
    )


def test_root_folder_as_input_needs_an_output():
    with pytest.raises(InputError, match=r"--output.*Received: /"):
        find_jobs([Path("/")], None)


def test_impossible_inputs_and_outputs_are_refused(tmp_path):
    source = save(tmp_path / "photo.jpg")
    (tmp_path / "empty").mkdir()
    for given, output in (
        (tmp_path / "empty", None),
        (source, tmp_path / "out.txt"),
        (tmp_path / "empty", source),
    ):
        with pytest.raises(InputError, match="Received: "):
            find_jobs([given], output)


def test_failure_of_one_photo_does_not_stop_the_others(folder, restorer, tmp_path):
    jobs = find_jobs([folder], tmp_path / "out").jobs
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.png").mkdir()  # Cannot be replaced by a file.
    done = []
    reasons = restore_photos(restorer, jobs, batch=8, on_done=done.append)
    assert list(reasons) == [folder / "b.png", folder / "trip/damaged.jpg"]
    assert reasons[folder / "b.png"].startswith("Is a directory: ")
    assert "Received: " in reasons[folder / "trip/damaged.jpg"]
    assert sum(done) == len(jobs)
    written = sorted(p for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert [str(p.relative_to(tmp_path / "out")) for p in written] == [
        "a.jpg",
        "trip/c.gif.png",
        "trip/c.tif",
    ]
    assert all(abs(value_of(p)[0] - 100) <= 1 for p in written)


def test_network_error_fails_only_its_photo(folder, tmp_path):
    class Failing(DarkeningRunner):
        def __call__(self, batch):
            return batch * (np.nan if batch.max() < 0.5 else 1)

    save(folder / "a.jpg", value=50)
    jobs = find_jobs([folder], tmp_path / "out").jobs[:2]
    reasons = restore_photos(Restorer(Failing()), jobs)
    assert list(reasons) == [folder / "a.jpg"]
    assert (tmp_path / "out/b.png").exists()


def test_any_library_error_fails_only_its_photo(folder, tmp_path):
    class Failing(DarkeningRunner):
        def __call__(self, batch):
            if batch.max() < 0.5:
                raise RuntimeError("no kernel\nfor this")
            return batch

    save(folder / "a.jpg", value=50)
    jobs = find_jobs([folder], tmp_path / "out").jobs[:2]
    reasons = restore_photos(Restorer(Failing()), jobs)
    assert reasons == {folder / "a.jpg": "RuntimeError: no kernel for this"}
    assert (tmp_path / "out/b.png").exists()


def test_several_inputs_go_to_one_folder(folder, tmp_path):
    photo = save(tmp_path / "photo.jpg")
    (tmp_path / "link.jpg").symlink_to(photo)
    given = [photo, folder, tmp_path / "missing.png", tmp_path / "link.jpg", photo]
    work = find_jobs(given, tmp_path / "out")
    assert work.jobs[0] == Job(photo, tmp_path / "out/photo.jpg")
    assert work.jobs[1].target == tmp_path / "out/photos/a.jpg"
    assert len(work.jobs) == 6
    assert work.left_out == {"a second name of an image": 2, ".txt": 1}
    (reason,) = work.failed.values()
    assert reason.endswith("missing.png (No such file or directory)")
    beside = find_jobs([photo, folder / "b.png"], None).jobs
    assert [job.target.name for job in beside] == [
        "photo_restored.jpg",
        "b_restored.png",
    ]
    assert not (tmp_path / "out").exists()


def test_two_inputs_never_share_an_output(folder, tmp_path):
    save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"different names.*b\.png and .*b\.png"):
        find_jobs([folder / "b.png", tmp_path / "b.png"], tmp_path / "out")
    with pytest.raises(InputError, match=r"a folder as the output.*notes"):
        find_jobs([folder / "b.png", folder / "a.jpg"], folder / "notes.txt")


def test_output_that_ends_in_a_slash_is_a_folder(folder, tmp_path):
    work = find_jobs([folder / "b.png"], tmp_path / "new.dir", into_folder=True)
    assert work.jobs[0].target == tmp_path / "new.dir/b.png"


@pytest.mark.parametrize("name", ["n" * 251, "\u4e2d" * 83 + "ab", "x" * 246])
def test_longest_names_have_an_output(tmp_path, restorer, name):
    for suffix in (".png", ".gif"):
        source = save(tmp_path / "in" / f"{name}{suffix}")
        for given, output in ((source, None), (source.parent, tmp_path / "out")):
            jobs = find_jobs([given], output, overwrite=True).jobs
            assert not restore_photos(restorer, jobs)
            assert all(job.target.is_file() for job in jobs)
            assert len({job.target for job in jobs}) == len(jobs)


def test_file_that_came_meanwhile_is_not_replaced(tmp_path, restorer):
    source = save(tmp_path / "in.png")
    target = tmp_path / "out.png"
    target.write_bytes(b"of another command")
    reasons = restore_photos(restorer, [Job(source, target)], overwrite=False)
    assert reasons == {source: f"File exists: {target}"}
    assert target.read_bytes() == b"of another command"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.png", "out.png"]


def test_thin_photo_counts_as_what_is_computed(tmp_path, runner):
    runner.tile = 256
    source = save(tmp_path / "thin.png", size=(5000, 1))
    job = Job(source, tmp_path / "out.png")
    reasons = restore_photos(Restorer(runner), [job], max_pixels=10**6)
    assert "in whole tiles of 256 x 256. Received: 5000 x 1" in reasons[source]
    assert runner.batches == []
    assert not restore_photos(Restorer(runner), [job], max_pixels=2 * 10**6)


def test_sizes_that_the_format_cannot_hold_are_refused_before_the_work(
    tmp_path, runner
):
    source = save(tmp_path / "wide.png", size=(66000, 1), mode="L", value=9)
    for suffix, most in ((".jpg", 65500), (".webp", 16383), (".avif", 16384)):
        job = Job(source, tmp_path / f"out{suffix}")
        reasons = restore_photos(Restorer(runner), [job])
        assert f"at most {most} pixels a side" in reasons[source]
    assert runner.batches == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("name", ["pipe.png", "pipe"])
def test_pipe_is_refused_and_not_waited_for(tmp_path, restorer, name):
    os.mkfifo(tmp_path / name)
    job = Job(tmp_path / name, tmp_path / "out.png")
    assert "a pipe or a device" in restore_photos(restorer, [job])[job.source]


def test_small_photos_of_one_size_are_batched(tmp_path, runner):
    read = threading.Semaphore(0)

    class Waiting(DarkeningRunner):
        """Its first pass ends when all photos have been read."""

        def __call__(self, batch):
            for _ in range(0 if self.batches else 5):
                assert read.acquire(timeout=30)
            return super().__call__(batch)

    class Reading(Restorer):
        def __call__(self, *args, **options):
            read.release()
            return super().__call__(*args, **options)

    sizes = [(20, 30)] * 3 + [(30, 20)] * 2
    jobs = [
        Job(save(tmp_path / f"{i}.png", size, 10 * i), tmp_path / f"out/{i}.png")
        for i, size in enumerate(sizes)
    ]
    done = []
    waiting = Waiting()
    restorer = Reading(waiting)
    assert not restore_photos(restorer, jobs, batch=3, on_done=done.append)
    assert sum(waiting.batches) == sum(done) == 5
    assert len(waiting.batches) < 5
    assert [value_of(job.target)[0] for job in jobs] == [5 * i for i in range(5)]


@pytest.fixture
def two_jobs(tmp_path):
    return [
        Job(save(tmp_path / f"{i}.png", (600, 600), 100 * i), tmp_path / f"out{i}.png")
        for i in (1, 2)
    ]


def test_photos_are_read_and_written_while_the_network_is_at_work(
    two_jobs, monkeypatch
):
    """One after the other, each of the three would wait for what comes later."""
    second_read, second_restored = threading.Event(), threading.Event()

    class Waiting(DarkeningRunner):
        def __call__(self, batch):
            if batch.max() < 0.5:  # The first photo.
                assert second_read.wait(30)
            else:
                second_restored.set()
            return super().__call__(batch)

    def read(path, max_pixels):
        photo = read_photo(path, max_pixels)
        if path == two_jobs[1].source:
            second_read.set()
        return photo

    def write(path, *args, **options):
        if path == two_jobs[0].target:
            assert second_restored.wait(30)
        write_photo(path, *args, **options)

    monkeypatch.setattr("egnet_tf.inference.photos.read_photo", read)
    monkeypatch.setattr("egnet_tf.inference.photos.write_photo", write)
    assert not restore_photos(Restorer(Waiting()), two_jobs)
    assert [value_of(job.target)[0] for job in two_jobs] == [50, 100]


def test_photos_at_once_keep_to_the_memory_limit(tmp_path, monkeypatch):
    """Counts the bytes of photos between reading and having been written."""
    now, most, lock = 0, 0, threading.Lock()

    def count(size):
        nonlocal now, most
        with lock:
            now += size
            most = max(most, now)

    def read(path, max_pixels):
        photo = read_photo(path, max_pixels)
        count(photo.pixels.nbytes)
        return photo

    def write(path, photo, **options):
        write_photo(path, photo, **options)
        count(-photo.pixels.nbytes)

    monkeypatch.setattr("egnet_tf.inference.photos.read_photo", read)
    monkeypatch.setattr("egnet_tf.inference.photos.write_photo", write)
    jobs = [
        Job(save(tmp_path / f"{i}.png", (200, 100)), tmp_path / "out" / f"{i}.png")
        for i in range(12)
    ]
    size = 3 * 200 * 100
    for limit, at_once in ((6 * size, 1), (30 * size, 3)):
        most = 0
        runner = DarkeningRunner()
        runner.bytes_per_pixel = 0.01
        restorer = Restorer(runner, memory_limit=limit)
        assert not restore_photos(restorer, jobs, batch=8)
        assert (now, most <= at_once * size) == (0, True)


def test_interrupted_work_leaves_nothing_half_written(tmp_path, runner):
    jobs = [
        Job(save(tmp_path / f"{i}.png"), tmp_path / "out" / f"{i}.png")
        for i in range(40)
    ]

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_photos(Restorer(runner), jobs, on_done=interrupt)
    assert not [x for x in threading.enumerate() if x.name.startswith("photo")]
    written = sorted((tmp_path / "out").iterdir())
    assert 0 < len(written) < 40
    assert all(path.suffix == ".png" and value_of(path)[0] == 100 for path in written)
    left = [job for job in jobs if not job.target.exists()]
    assert not restore_photos(Restorer(runner), left, overwrite=False)


def test_unsupported_output_is_refused_before_restoring(tmp_path, runner):
    source = save(tmp_path / "in.png", mode="RGBA")
    job = Job(source, tmp_path / "out.jpg")
    reasons = restore_photos(Restorer(runner), [job])
    assert "transparency" in reasons[source]
    assert runner.batches == []


def test_opacity_and_grey_are_kept(tmp_path, restorer):
    for mode, value in (("LA", (100, 200)), ("RGBA", (100, 100, 100, 200)), ("L", 100)):
        job = Job(save(tmp_path / "in.png", mode=mode), tmp_path / "out.png")
        assert not restore_photos(restorer, [job])
        assert value_of(job.target) == value


@contextlib.contextmanager
def as_somebody():
    """Root may read everything, nobody (65534) may not."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_unreadable_files_are_failures(tmp_path, restorer):
    source = save(tmp_path / "in.png")
    source.chmod(0)
    with as_somebody():
        reasons = restore_photos(restorer, [Job(source, Path(tmp_path / "out.png"))])
    assert reasons[source].endswith(f"Received: {source} (Permission denied)")
