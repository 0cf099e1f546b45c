import hashlib
import itertools

import pytest
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.inference.photos import find_jobs
from egnet_tf.shards import Shard, parse_shard
from helpers import ROOT, call

NAMES = [f"trip {i % 7}/IMG_{i:04d}.jpg" for i in range(4000)]


def test_shards_are_read_as_they_are_written():
    assert parse_shard("2/8") == Shard(2, 8)
    assert str(parse_shard("2/8")) == "2/8"
    assert parse_shard("") == Shard(1, 1)
    for wrong in ("0/8", "9/8", "1/0", "2", "2/", "-1/8", "1/8/9", " 1/8", "1.0/8"):
        with pytest.raises(InputError, match="Received: "):
            parse_shard(wrong)


def test_every_name_is_in_one_shard_and_shards_are_about_equal():
    shares = [[n for n in NAMES if Shard(i, 8).holds(n)] for i in range(1, 9)]
    assert sorted(itertools.chain(*shares)) == sorted(NAMES)
    assert all(400 < len(share) < 600 for share in shares)
    assert all(map(Shard(1, 1).holds, NAMES))


def test_shard_of_a_name_never_changes():
    """As `printf %s NAME | sha256sum` says, whose first 16 digits are here."""
    for name, digits in {
        "photo.jpg": 0xAFF6100BD4DF0EA6,
        "caf\udce9.jpg": int(hashlib.sha256(b"caf\xe9.jpg").hexdigest()[:16], 16),
    }.items():
        for count in (2, 3, 8, 1000):
            assert Shard(digits % count + 1, count).holds(name)


@pytest.fixture
def folder(tmp_path):
    for i in range(12):
        path = tmp_path / "photos" / f"trip{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 7), (20 * i, 0, 0)).save(path)
    Image.new("L", (5, 5)).save(tmp_path / "photos" / "x.gif")
    Image.new("L", (5, 5)).save(tmp_path / "photos" / "x.gif.png")
    (tmp_path / "photos" / "notes.txt").touch()
    return tmp_path / "photos"


def test_jobs_of_shards_are_those_of_the_folder_each_once(folder, tmp_path):
    whole = find_jobs([folder], tmp_path / "out")
    shares = [
        find_jobs([folder], tmp_path / "out", shard=Shard(i, 3)) for i in (1, 2, 3)
    ]
    assert sorted(itertools.chain(*(share.jobs for share in shares))) == sorted(
        whole.jobs
    )
    assert [share.left_out for share in shares] == [{".txt": 1}, {}, {}]
    # From another place, with a file more: the same shares.
    moved = folder.rename(tmp_path / "moved")
    Image.new("L", (5, 5)).save(moved / "a new one.png")
    for i, share in enumerate(shares, 1):
        targets = {
            job.target
            for job in find_jobs([moved], tmp_path / "out", shard=Shard(i, 3)).jobs
        }
        assert targets - {tmp_path / "out" / "a new one.png"} == {
            job.target for job in share.jobs
        }


def test_output_of_another_shard_is_in_nobodys_way(folder, tmp_path):
    out = tmp_path / "out"
    first, second = (find_jobs([folder], out, shard=Shard(i, 2)).jobs for i in (1, 2))
    for job in first:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        job.target.touch()
    assert find_jobs([folder], out, shard=Shard(2, 2)).jobs == second
    with pytest.raises(InputError, match="--skip_existing"):
        find_jobs([folder], out, shard=Shard(1, 2))


def test_two_inputs_never_share_an_output_in_any_shard(folder, tmp_path):
    Image.new("L", (5, 5)).save(tmp_path / "1.png")
    given = [folder / "trip1" / "1.png", tmp_path / "1.png"]
    for i in (1, 2):
        with pytest.raises(InputError, match="different names"):
            find_jobs(given, tmp_path / "out", shard=Shard(i, 2))


@pytest.mark.process
def test_commands_with_shards_make_what_one_without_makes(folder, tmp_path):
    (folder / "notes.txt").unlink()

    def deblur(output, *words):
        return call("egnet_tf.deblur", folder, f"--output={tmp_path / output}", *words)

    def made(output):
        root = tmp_path / output
        files = (path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): path.read_bytes() for path in files}

    model = "--model=" + str(ROOT / "tests/hostile/tiny.tflite")
    assert deblur("whole", model).returncode == 0
    counts = []
    for i in (3, 1, 2):
        done = deblur("shares", model, f"--shard={i}/3")
        assert done.returncode == 0, done.stderr
        counts.append(int(done.stdout.splitlines()[-1].split()[0]))
    assert sum(counts) == 14
    assert made("shares") == made("whole")
    missing = sorted(made("shares"))[4]
    (tmp_path / "shares" / missing).unlink()
    said = [
        deblur("shares", model, f"--shard={i}/3", "--skip_existing").stdout
        for i in (1, 2, 3)
    ]
    assert sum(text.splitlines()[-1].startswith("1 restored") for text in said) == 1
    assert made("shares") == made("whole")
    # A shard without files needs no model that runs.
    done = deblur("none", model, "--shard=77777/99999")
    assert (done.returncode, done.stdout) == (
        0,
        "0 restored, 0 there already, 0 failed\n",
    )
