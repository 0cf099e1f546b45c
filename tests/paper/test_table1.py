"""Table 1 in one command, on a small GoPro and a small RealBlur."""

import csv
import math

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

from egnet_tf.data import open_pairs
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from egnet_tf.metrics import PROTOCOLS
from egnet_tf.paper.published import TABLE_1
from egnet_tf.paper.table1 import split_title
from egnet_tf.paper.tables import Result, comparison_table, marked
from helpers import ROOT, call

MODEL = ROOT / "egnet_tf/weights/egnet_mobile/egnet_mobile_float16.tflite"
TESTS = "--tests=gopro:gopro,realblur_j:realblur,realblur_r:realblur"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two pairs of GoPro, one each of RealBlur, and what two methods made of them."""
    folder = tmp_path_factory.mktemp("table1")
    photo = skimage.data.astronaut()
    lists = {"J": [], "R": []}
    for number in range(4):
        sharp = photo[80 * number :][:160, 200:360]
        blurry = ndimage.uniform_filter(sharp, (1, 5, 1))
        if number < 2:
            name, test = f"GOPR0384_11_00/{number:06}", "GoPro"
            scene = folder / "gopro/test/GOPR0384_11_00"
            write_image(scene / f"blur/{number:06}.png", blurry)
            write_image(scene / f"sharp/{number:06}.png", sharp)
        else:
            kind = "JR"[number - 2]
            name, test = "scene230/blur_7", f"RealBlur-{kind}"
            files = [f"{kind}/scene230/{x}/{x}_7.png" for x in ("gt", "blur")]
            for file, image in zip(files, (sharp, blurry), strict=True):
                write_image(folder / "realblur" / file, image)
            lists[kind].append(" ".join(files))
        better = ndimage.uniform_filter(sharp, (1, 2, 1))
        write_image(folder / f"SRN/{test}/{name.replace('/', '-')}.png", better)
        if test == "GoPro":
            write_image(folder / f"BANet/{test}/{name}.png", sharp // 2 + better // 2)
    for kind, lines in lists.items():
        text = "\n".join(lines) + "\n"
        (folder / f"realblur/RealBlur_{kind}_test_list.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def made(place):
    """What the command printed, with a model and the two methods."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        methods = f"--methods=ours={MODEL},SRN=SRN,BANet=BANet"
        done = call("egnet_tf.paper.table1", methods, TESTS, "--output=table1")
        assert done.returncode == 0, done.stderr
    return done


def numbers(place):
    with open(place / "table1.csv", newline="") as file:
        return {(row["method"], row["protocol"]): row for row in csv.DictReader(file)}


def test_one_command_makes_the_whole_table(place, made):
    rows = numbers(place)
    assert len(rows) == len(TABLE_1) + 2 + 2 + 2 + 1
    for protocol, sets in (
        ("gopro", ("gopro", "realblur_j", "realblur_r")),
        ("realblur", ("realblur_j", "realblur_r")),
    ):
        for name in sets:
            title = {"gopro": "GoPro", "realblur_j": "RealBlur-J"}.get(
                name, "RealBlur-R"
            )
            root = "gopro" if name == "gopro" else "realblur"
            pairs = open_pairs(name, data_dir=str(place / root), split="test")
            scores = []
            for index, pair_name in enumerate(pairs.names):
                file = place / "SRN" / title / f"{pair_name.replace('/', '-')}.png"
                sharp = pairs.read(index).sharp
                scores.append(PROTOCOLS[protocol].score(read_image(file), sharp))
            row = rows["SRN", protocol]
            assert row[f"{title} PSNR"] == f"{np.mean([s.psnr for s in scores]):.2f}"
            assert row[f"{title} SSIM"] == f"{np.mean([s.ssim for s in scores]):.3f}"
    assert rows["SRN", "realblur"]["GoPro PSNR"] == ""
    assert rows["BANet", "gopro"]["RealBlur-J PSNR"] == ""
    ours = rows["ours (whole)", "gopro"]
    assert all(float(ours[f"{x} PSNR"]) > 20 for x in ("GoPro", "RealBlur-J"))
    assert rows["blurry", "realblur"]["RealBlur-R PSNR"]


def test_best_is_bold_and_second_underlined_in_print_only(place, made):
    text = (place / "table1.md").read_text()
    assert text.startswith("| method | protocol | GoPro PSNR | GoPro SSIM |")
    assert "**" not in (place / "table1.csv").read_text()
    rows = numbers(place)
    compared = {
        key: float(row["GoPro PSNR"])
        for key, row in rows.items()
        if row["GoPro PSNR"] and key[0] != "blurry"
    }
    first, second = sorted(compared.values(), reverse=True)[:2]
    assert f"**{first:.2f}**" in text and f"<u>{second:.2f}</u>" in text
    assert text.splitlines()[1].count("---:") == 6


def test_second_call_evaluates_nothing_again(place, made, monkeypatch):
    monkeypatch.chdir(place)
    scores = sorted(place.rglob("scores.csv"))
    assert len(scores) == 5 + 5 + 1
    lines = scores[0].read_text().splitlines()
    edited = lines[1].split(",")
    edited[4] = "77.0"  # Nothing that scoring could give.
    scores[0].write_text("\n".join([lines[0], ",".join(edited), *lines[2:]]) + "\n")
    try:
        methods = f"--methods=ours={MODEL},SRN=SRN,BANet=BANet"
        done = call("egnet_tf.paper.table1", methods, TESTS)
        assert "77.0" in scores[0].read_text()
    finally:
        scores[0].write_text("\n".join(lines) + "\n")
    assert done.returncode == 0, done.stderr


def test_scores_that_evaluate_made_are_used_under_another_title(place, monkeypatch):
    monkeypatch.chdir(place)
    done = call(
        *("egnet_tf.evaluate", "--restored=SRN/GoPro", "--dataset=gopro"),
        *("--data_dir=gopro", "--protocol=gopro"),
    )
    assert done.returncode == 0, done.stderr
    assert "| SRN/GoPro | gopro test |" in done.stdout
    done = call("egnet_tf.paper.table1", "--methods=A|B=SRN", TESTS, "--nopublished")
    assert done.returncode == 0, done.stderr
    assert r"| A\|B | gopro |" in done.stdout


def test_missing_images_are_said_and_their_mean_is_not_marked(place, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for file in sorted((place / "SRN/GoPro").iterdir())[:1]:
            write_image(tmp_path / "part" / file.name, read_image(file))
        done = call(
            *("egnet_tf.paper.table1", "--methods=SRN=part", "--nopublished"),
            f"--tests=gopro:{place / 'gopro'}",
        )
    assert done.returncode == 1
    assert "error: SRN, gopro test, gopro: 1 images not scored" in done.stderr
    assert "(1 of 2)" in done.stdout and "**" not in done.stdout


def row(method, psnr, protocol="gopro", images="2"):
    return Result(method, "gopro test", protocol, psnr, psnr / 40, images, "")


def test_numbers_are_ranked_within_a_protocol():
    results = [
        row("blurry", 99.0),
        row("a", 30.0),
        row("b", 31.0),
        row("tie", 30.004),
        row("c", 29.0),
        row("part", 50.0, images="1 of 2"),
        row("none", math.nan),
        row("d", 40.0, "realblur"),
        row("e", 41.0, "realblur"),
    ]
    shown = {
        x["method"]: x["GoPro PSNR"] for x in marked(comparison_table(results, {}))
    }
    assert shown == {
        "blurry": "99.00",
        "a": "<u>30.00</u>",
        "b": "**31.00**",
        "tie": "<u>30.00</u>",
        "c": "29.00",
        "part": "50.00 (1 of 2)",
        "none": None,
        "d": "<u>40.00</u>",
        "e": "**41.00**",
    }


def test_published_rows_are_marked_as_in_the_paper():
    shown = {
        x["method"]: list(x.values())[2:] for x in marked(comparison_table([], TABLE_1))
    }
    assert shown["EGNet"] == [
        *("**33.00**", "**0.961**", "**26.96**", "**0.877**"),
        *("**34.30**", "**0.952**"),
    ]
    assert shown["MPRNet"][0] == "<u>32.66</u>"
    assert shown["DeblurGAN-v2"][2] == "<u>26.68</u>"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods=a"], "--methods and --tests together"),
        ([TESTS], "--runs=folder,... or --methods"),
        (["--methods=SRN=SRN,SRN=BANet", TESTS], "different titles"),
        (["--methods=x=none", TESTS], "Received: none"),
        (["--methods=x=realblur", TESTS], "Expected sub-folders gopro, realblur_j"),
        (["--methods=SRN", "--tests=gopro:none"], "Received: none"),
        (["--methods=SRN", "--tests=gopro:gopro*2"], "without weights"),
        (["--methods=SRN", "--tests=coco:x"], "Received: coco:x"),
        (
            ["--methods=SRN", "--tests=gopro:gopro", "--protocol=realblur"],
            "--protocol for gopro",
        ),
        (["--methods=SRN", TESTS, "--branches=third"], "Received: third"),
    ],
)
def test_wrong_calls_are_refused_in_one_line(place, monkeypatch, words, message):
    monkeypatch.chdir(place)
    done = call("egnet_tf.paper.table1", *words)
    errors = [line for line in done.stderr.splitlines() if "warning: " not in line]
    assert (done.returncode, len(errors)) == (1, 1), done.stderr
    assert message in errors[0]


def test_titles_and_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert split_title("SRN=/a/b") == ("SRN", "/a/b")
    assert split_title("results/SRN") == ("SRN", "results/SRN")
    (tmp_path / "a=b").mkdir()
    assert split_title("a=b") == ("a=b", "a=b")
