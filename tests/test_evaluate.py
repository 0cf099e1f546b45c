"""The command as a person runs it: in a process of its own."""

import csv
import json
import os
import shutil
import time

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

import egnet_tf
from egnet_tf.data import open_pairs
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from egnet_tf.metrics import PROTOCOLS
from helpers import call, start


def evaluate(*words, cwd):
    before = os.getcwd()
    os.chdir(cwd)
    try:
        return call("egnet_tf.evaluate", *words)
    finally:
        os.chdir(before)


def table(folder):
    with open(folder / "scores.csv", newline="") as file:
        return list(csv.DictReader(file))


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture(scope="module")
def sharpen(tmp_path_factory):
    """A model like every other: unsharp masking as an exported .tflite file."""
    import tensorflow as tf

    class Sharpen(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 256, 256, 3), name="image")])
        def restore(self, image):
            smooth = tf.nn.avg_pool2d(image, 3, 1, "SAME")
            return {"restored": image + 0.6 * (image - smooth)}

    folder = tmp_path_factory.mktemp("sharpen")
    module = Sharpen()
    tf.saved_model.save(module, str(folder / "saved"), signatures=module.restore)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"))
    path = folder / "sharpen.tflite"
    path.write_bytes(converter.convert())
    return path


@pytest.fixture(scope="module")
def evaluated(sharpen, tmp_path_factory):
    """The folder of a finished evaluation by two workers, and what was printed."""
    folder = tmp_path_factory.mktemp("evaluated")
    done = evaluate(f"--model={sharpen}", "--save_images", "--workers=2", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "evaluation" / "sharpen" / "samples_plain", done.stdout


def test_scores_are_those_of_the_restored_images(sharpen, evaluated):
    folder, _ = evaluated
    pairs = open_pairs("samples", split="test", seed=0)
    rows = table(folder)
    assert [row["name"] for row in rows] == list(pairs.names)

    pair = pairs.read(0)
    restored = egnet_tf.load(sharpen)(pair.blurry)
    for kind, image in (("restored", restored), ("blurry", pair.blurry)):
        expected = PROTOCOLS["plain"].score(image, pair.sharp)
        assert float(rows[0][f"{kind}_psnr"]) == expected.psnr
        assert float(rows[0][f"{kind}_ssim"]) == expected.ssim
        mean = summary(folder)[kind]
        psnrs = [float(row[f"{kind}_psnr"]) for row in rows]
        assert mean["psnr"] == pytest.approx(np.mean(psnrs))
        assert mean["compared"] == len(pairs)


def test_summary_records_what_was_measured_and_how(sharpen, evaluated):
    folder, printed = evaluated
    found = summary(folder)
    name = f"{sharpen} (tiles of 256x256)"
    assert (found["method"], found["dataset"]) == (name, "samples test")
    assert found["restored_in"] == {"tiles of 256x256": 6}
    assert (found["branches"], found["fuse"]) == ([], None)
    assert found["local_pooling"] is False
    assert found["description"] == PROTOCOLS["plain"].description
    assert PROTOCOLS["plain"].description in printed
    psnr, ssim = found["restored"]["psnr"], found["restored"]["ssim"]
    row = f"| {name} | samples test | plain | 6 | {psnr:.2f} | {ssim:.4f} |"
    assert row in printed


def test_saved_images_are_those_that_were_scored(evaluated):
    images = evaluated[0] / "images"
    pairs = open_pairs("samples", split="test", seed=0)
    pair = pairs.read(1)
    name = f"{pairs.names[1]}.png"
    np.testing.assert_array_equal(read_image(images / "blurry" / name), pair.blurry)
    np.testing.assert_array_equal(read_image(images / "sharp" / name), pair.sharp)
    restored = read_image(images / "restored" / name)
    found = float(table(evaluated[0])[1]["restored_psnr"])
    assert PROTOCOLS["plain"].score(restored, pair.sharp).psnr == found


def test_second_evaluation_repeats_no_scores_and_adds_missing_images(
    sharpen, evaluated, tmp_path
):
    output = tmp_path / "copy"
    shutil.copytree(evaluated[0], output)
    lines = (output / "scores.csv").read_text().splitlines(keepends=True)
    name = lines[1].split(",")[0]
    lines[1] = f"{name},1.0,0.1,,2.0,0.2,,whole\n"  # nothing that scoring could give
    (output / "scores.csv").write_text("".join(lines))
    missing = output / "images" / "restored" / f"{name}.png"
    missing.unlink()

    flags = (f"--model={sharpen}", f"--output={output}", "--save_images")
    done = evaluate(*flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (output / "scores.csv").read_text() == "".join(lines)
    assert missing.is_file()


def test_different_evaluation_is_refused_in_the_same_folder(
    sharpen, evaluated, tmp_path
):
    output = tmp_path / "copy"
    shutil.copytree(evaluated[0], output)
    before = (output / "scores.csv").read_bytes()
    other = tmp_path / "other.tflite"
    other.write_bytes(sharpen.read_bytes() + b"other weights")
    flags = (f"--model={other}", f"--output={output}", "--protocol=gopro")
    done = evaluate(*flags, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "differs in weights, protocol" in done.stderr
    assert (output / "scores.csv").read_bytes() == before

    done = evaluate(*flags, "--overwrite", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert summary(output)["protocol"] == "gopro"
    assert float(table(output)[0]["restored_ssim"]) > 0


def make_results(folder, count):
    """A method's images and the sharp ones, small crops of a photograph."""
    photo = data.astronaut()
    for number in range(count):
        top, left = divmod(number * 40, 360)
        sharp = photo[top * 40 : top * 40 + 128, left : left + 128]
        restored = ndimage.gaussian_filter(sharp, (1, 1, 0))
        write_image(folder / "sharp" / f"{number:02}.png", sharp)
        write_image(folder / "restored" / f"{number:02}.png", restored)


def test_images_of_any_method_are_scored_and_failures_named(tmp_path):
    make_results(tmp_path, 3)
    grey = np.full((128, 128, 3), 90, np.uint8)
    write_image(tmp_path / "restored" / "01.png", grey)
    (tmp_path / "restored" / "02.png").unlink()
    write_image(tmp_path / "restored" / "sheet.png", grey)

    flags = ("--restored=restored", "--sharp=sharp", "--protocol=realblur")
    done = evaluate(*flags, cwd=tmp_path)
    assert done.returncode == 1  # a part was scored, and says so
    assert "Traceback" not in done.stderr
    for named in ("restored/sheet.png", "sharp/02.png", "01: the alignment did not"):
        assert named in done.stderr

    output = tmp_path / "restored_evaluation" / "realblur"
    found = summary(output)
    assert (found["images"], found["restored"]["compared"]) == (2, 1)
    assert found["restored"]["failed"] == {"01": "the alignment did not converge"}
    assert found["only_sharp"] == ["sharp/02.png"]
    assert "| restored | sharp | realblur | 1 of 2 |" in done.stdout
    sharp, restored = (
        read_image(tmp_path / k / "00.png") for k in ("sharp", "restored")
    )
    expected = PROTOCOLS["realblur"].score(restored, sharp)
    assert float(table(output)[0]["restored_psnr"]) == pytest.approx(expected.psnr)
    assert table(output)[0]["blurry_psnr"] == ""


def test_shards_are_put_together_by_the_command_without_one(tmp_path, monkeypatch):
    make_results(tmp_path, 6)
    flags = ("--restored=restored", "--sharp=sharp", "--protocol=plain,gopro")
    whole = evaluate(*flags, "--output=whole", cwd=tmp_path)
    for shard in ("2/3", "1/3", "3/3"):
        done = evaluate(*flags, "--output=shares", f"--shard={shard}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "|" not in done.stdout  # No table of a part.
    shares = tmp_path / "shares" / "gopro"
    parts = [table(shares / f"shard_{i}_of_3") for i in (1, 2, 3)]
    assert sorted(row["name"] for part in parts for row in part) == [
        f"{number:02}" for number in range(6)
    ]
    assert not list((tmp_path / "shares").rglob("summary.json"))

    scored = "egnet_tf.evaluation.scoring._score"
    monkeypatch.setattr(scored, lambda *_: pytest.fail("scored again"))
    done = evaluate(*flags, "--output=shares", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.replace("shares", "whole") == whole.stdout
    for protocol in ("plain", "gopro"):
        for file in ("scores.csv", "summary.json", "evaluation.json"):
            made = tmp_path / "shares" / protocol / file
            expected = tmp_path / "whole" / protocol / file
            assert made.read_bytes() == expected.read_bytes()

    monkeypatch.undo()
    (tmp_path / "restored" / "00.png").touch()  # Other files than were scored.
    done = evaluate(*flags, "--output=other", "--shard=1/1", cwd=tmp_path)
    shutil.copytree(
        tmp_path / "shares" / "plain" / "shard_1_of_3",
        tmp_path / "other" / "plain" / "shard_1_of_3",
    )
    done = evaluate(*flags, "--output=other", cwd=tmp_path)
    assert done.returncode == 1
    assert "shard_1_of_3 to hold scores of this evaluation" in done.stderr


def test_damaged_image_is_named_and_the_others_are_scored(tmp_path):
    make_results(tmp_path, 3)
    (tmp_path / "restored" / "01.png").write_bytes(b"no image")
    done = evaluate("--restored=restored", "--sharp=sharp", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: not scored: 01: Expected an image" in done.stderr
    assert "| restored | sharp | plain | 2 of 3 |" in done.stdout
    output = tmp_path / "restored_evaluation" / "plain"
    assert [row["name"] for row in table(output)] == ["00", "02"]
    assert list(summary(output)["unscored"]) == ["01"]


def test_restorer_options_are_part_of_the_evaluation(sharpen, tmp_path):
    folder = tmp_path / "pairs"
    make_results(folder, 1)
    (folder / "restored").rename(folder / "blurry")
    flags = (f"--model={sharpen}", "--dataset=folder", f"--data_dir={folder}")
    done = evaluate(*flags, "--branches=rotate180,whole", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    home = tmp_path / "runs" / "evaluation" / "sharpen"
    output = home / "folder_plain_branches=whole_rotate180"
    found = summary(output)
    assert found["method"] == f"{sharpen} (whole; mean of whole, rotate180)"
    assert (found["branches"], found["fuse"]) == (["whole", "rotate180"], "mean")
    assert found["restored_in"] == {"whole": 1}
    image = read_image(folder / "blurry" / "00.png")
    restored = egnet_tf.load(sharpen, branches=["whole", "rotate180"])(image)
    sharp = read_image(folder / "sharp" / "00.png")
    expected = PROTOCOLS["plain"].score(restored, sharp).psnr
    assert float(table(output)[0]["restored_psnr"]) == expected


def make_gopro(folder, count):
    """A small GoPro, and a method's results under the names that MPRNet gives them."""
    make_results(folder, count)
    for number in range(count):
        scene = folder / "gopro" / "test" / "GOPR0384_11_00"
        for kind, source in (("sharp", "sharp"), ("blur", "restored")):
            image = read_image(folder / source / f"{number:02}.png")
            write_image(scene / kind / f"{number:06}.png", image)
            flat = folder / "SRN" / f"GOPR0384_11_00-{number:06}.png"
            write_image(flat, ndimage.median_filter(image, (3, 3, 1)))


def test_results_of_a_method_stand_beside_a_model_by_all_protocols(sharpen, tmp_path):
    make_gopro(tmp_path, 2)
    flags = ("--dataset=gopro", "--data_dir=gopro", "--protocol=gopro,plain")
    results = ("--restored=SRN", "--method=SRN", *flags)
    done = evaluate(*results, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ours = evaluate(f"--model={sharpen}", "--method=ours", *flags, cwd=tmp_path)
    assert ours.returncode == 0, ours.stderr
    pairs = open_pairs("gopro", data_dir=str(tmp_path / "gopro"), split="test")
    home = tmp_path / "runs" / "evaluation" / "sharpen"
    for protocol in ("gopro", "plain"):
        theirs = summary(tmp_path / "SRN_evaluation" / f"gopro_{protocol}")
        found = summary(home / f"gopro_{protocol}")
        assert (theirs["method"], found["method"]) == ("SRN", "ours (whole)")
        for key in ("dataset", "names", "seed", "blurry", "description"):
            assert theirs[key] == found[key]
        scores = [
            PROTOCOLS[protocol].score(
                read_image(tmp_path / "SRN" / f"{name.replace('/', '-')}.png"),
                pairs.read(index).sharp,
            )
            for index, name in enumerate(pairs.names)
        ]
        psnr = theirs["restored"]["psnr"]
        assert psnr == pytest.approx(np.mean([score.psnr for score in scores]))
        assert f"| SRN | gopro test | {protocol} | 2 | {psnr:.2f}" in done.stdout
    assert done.stdout.count("| blurry |") == 2

    (tmp_path / "SRN" / "GOPR0384_11_00-000001.png").unlink()
    done = evaluate(*results, "--output=part", cwd=tmp_path)
    assert done.returncode == 1
    assert "Expected a restored image of GOPR0384_11_00/000001" in done.stderr
    assert summary(tmp_path / "part" / "plain")["images"] == 2
    assert "| SRN | gopro test | plain | 1 of 2 |" in done.stdout


def test_each_image_is_restored_once_for_all_protocols(sharpen, tmp_path, monkeypatch):
    from egnet_tf.inference import Restorer

    make_gopro(tmp_path, 5)
    restored = []
    call_restorer = Restorer.__call__

    def counted(self, images, **options):
        restored.append(images.shape)
        return call_restorer(self, images, **options)

    monkeypatch.setattr(Restorer, "__call__", counted)
    flags = ("--dataset=gopro", "--data_dir=gopro", "--protocol=gopro,plain")
    done = evaluate(f"--model={sharpen}", *flags, "--workers=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(restored) == 5


def test_summary_says_how_many_images_were_restored_in_tiles(sharpen, tmp_path):
    make_gopro(tmp_path, 1)
    wide = np.pad(data.astronaut(), ((0, 0), (0, 40), (0, 0)))
    for kind in ("sharp", "blur"):
        write_image(tmp_path / "gopro/test/GOPR0385_11_01" / kind / "1.png", wide)
    flags = ("--dataset=gopro", "--data_dir=gopro", "--output=scores")
    done = evaluate(f"--model={sharpen}", "--method=ours", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = summary(tmp_path / "scores")
    assert found["restored_in"] == {"whole": 1, "tiles of 256x256": 1}
    assert found["method"] == "ours (whole and tiles of 256x256)"
    rows = {row["name"]: row["restored_in"] for row in table(tmp_path / "scores")}
    assert rows["GOPR0385_11_01/1"] == "tiles of 256x256"


@pytest.mark.process
def test_killed_evaluation_resumes(tmp_path):
    make_results(tmp_path, 14)
    flags = ("--restored=restored", "--sharp=sharp", "--protocol=realblur")
    flags = (*flags, "--output=scores")
    scores = tmp_path / "scores" / "scores.csv"

    running = start("egnet_tf.evaluate", *flags, "--workers=1", cwd=tmp_path)
    while running.poll() is None:
        if scores.exists() and scores.read_bytes().count(b"\n") > 2:
            running.kill()
            break
        time.sleep(0.01)
    running.wait()
    assert running.returncode == -9

    lines = scores.read_text().splitlines(keepends=True)
    done = sum(line.endswith("\n") for line in lines) - 1
    assert 2 <= done < 14
    lines[1] = "00,,,,1.0,0.1,,\n"  # nothing that scoring could give
    scores.write_text("".join(lines))

    again = evaluate(*flags, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    rows = table(tmp_path / "scores")
    assert [row["name"] for row in rows] == [f"{number:02}" for number in range(14)]
    assert rows[0]["restored_psnr"] == "1.0"
    assert all(float(row["restored_psnr"]) > 20 for row in rows[1:])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Received: neither"),
        (["--model=a", "--restored=a", "--sharp=a"], "Received: both"),
        (["--restored=a"], "--sharp or --dataset with --restored. Received: neither"),
        (["--restored=a", "--sharp=a", "--dataset=samples"], "Received: both"),
        (["--model=a", "--sharp=a"], "Expected --restored with --sharp"),
        (["--model=a", "--protocol=gopro,gopro"], "Received: gopro, gopro"),
        (["--model=a", "--protocol="], "different protocols for --protocol"),
        (["--model=egnet_mobile", "--fuse=mean"], "--fuse=mean"),
        (
            ["--restored=a", "--sharp=b", "--save_images"],
            "Expected --model with --save",
        ),
        (["--restored=a", "--sharp=b"], "folder of images. Received: a"),
        (["--model=a"], "Received: a"),
        (["--model=egnet_mobile", "--dataset=coco"], "Received: coco"),
        (["--model=egnet_mobile", "--shard=0/3"], "Received: '0/3'"),
        (["--model=egnet_mobile", "--shard=1/3", "--save_images"], "--shard=1/3"),
    ],
)
def test_wrong_flags_say_what_was_expected(tmp_path, words, message):
    done = evaluate(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_images_are_scored_without_sharp_ones(tmp_path):
    from egnet_tf.metrics.noreference import brisque, niqe

    photos = {
        "a": data.astronaut()[:200, :220],
        "b": data.coffee()[:200, :220],
    }
    for name, photo in photos.items():
        write_image(tmp_path / f"photos/{name}.png", photo)
    write_image(tmp_path / "photos/tiny.png", photos["a"][:40, :40])
    flags = (f"--restored={tmp_path / 'photos'}", "--method=mine")
    done = call("egnet_tf.evaluate", *flags, "--protocol=noreference")
    assert done.returncode == 1  # One image is smaller than NIQE's patches.
    assert "tiny: Expected an image of at least 192 x 192 pixels" in done.stderr
    with open(tmp_path / "photos_evaluation/noreference/scores.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["a", "b"]
    for row, photo in zip(rows, photos.values(), strict=True):
        assert float(row["restored_niqe"]) == niqe(photo)
        assert float(row["restored_brisque"]) == brisque(photo)
        assert (row["restored_psnr"], row["blurry_niqe"]) == ("nan", "")
    head, _, line = done.stdout.split("\n\n")[1].splitlines()[:3]
    titles = [cell.strip() for cell in head.split("|")[1:-1]]
    assert titles[-4:] == ["PSNR (dB)", "SSIM", "NIQE", "BRISQUE"]
    means = [cell.strip() for cell in line.split("|")[1:-1]]
    assert means[0] == "mine"
    assert means[-2] == f"{np.mean([niqe(x) for x in photos.values()]):.3f}"

    # Beside PSNR and SSIM, and of what was scored before nothing again.
    (tmp_path / "photos/tiny.png").unlink()
    flags = (*flags, f"--output={tmp_path / 'both'}")
    sharp = f"--sharp={tmp_path / 'photos'}"
    for _ in range(2):
        done = call("egnet_tf.evaluate", *flags, sharp, "--protocol=plain,noreference")
        assert done.returncode == 0, done.stderr
        plain, alone = done.stdout.split("\n\n")[1].splitlines()[2:4]
        assert plain.endswith("| inf | 1.0000 | – | – |")  # noqa: RUF001
        assert alone.endswith(f"| {means[-2]} | {means[-1]} |")
    done = call("egnet_tf.evaluate", *flags[:2], "--protocol=plain,noreference")
    assert "Expected --sharp or --dataset with --restored. Received: neither" in (
        done.stderr
    )
