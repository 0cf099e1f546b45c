"""The report of a run as a reader gets it."""

import csv
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.evaluation.results_folder import EvaluationFolder, Row
from egnet_tf.evaluation.summary import summarize
from egnet_tf.images.write import write_image
from egnet_tf.metrics import PROTOCOLS, Score
from egnet_tf.paper.report_page import report_page
from egnet_tf.paper.run_record import Scored, chosen_images, read_run


def make_run(folder, psnr, images=("a", "b")):
    folder.mkdir(parents=True)
    (folder / "recipe.flags").write_text("--variant=egnet_tiny\n--loss=<egnet>\n")
    with open(folder / "metrics.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phase", "step", "psnr", "ssim"])
        writer.writerows([["backbone", 0, 25, 0.7], ["backbone", 40, 26, 0.8]])
        writer.writerows([["egn", 0, 26, 0.8], ["egn", 10, psnr, 0.9]])
    with tf.summary.create_file_writer(str(folder / "logs" / "egn")).as_default():
        for step in (1, 2):
            tf.summary.scalar("loss/total", 0.5 / step, step=step)
            tf.summary.scalar("loss/gradient/stage1", 0.02 * step, step=step)
            tf.summary.scalar("loss_share/gradient/stage1", 0.125 * step, step=step)
    about = {"method": str(folder.name), "dataset": "samples test"}
    written = EvaluationFolder(folder / "evaluation" / "samples_plain", about)
    rows = [
        Row(name, Score(psnr + i, 0.9), Score(25.0, 0.7))
        for i, name in enumerate(images)
    ]
    for row in rows:
        written.append(row)
        for kind, value in (("blurry", 10), ("restored", 120), ("sharp", 250)):
            image = np.full((40, 60, 3), value, np.uint8)
            write_image(written.image(kind, row.name), image)
    written.write_summary(summarize(rows, PROTOCOLS["plain"], about))
    return folder


class Page(HTMLParser):
    """Collects tags, ids and what labels point to; void tags need no end."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.data = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    runs = [make_run(root / "first", 27.0), make_run(root / "second", 28.0)]
    text = report_page("A <report>", [read_run(run) for run in runs])
    return text, Page(text)


def test_report_refers_to_no_other_file(page):
    text, parsed = page
    assert not re.search(r"https?:|url\((?!#)|@import|<link|srcset", text)
    sources = [image["src"] for image in parsed.all("img")]
    assert len(sources) == 2 * 2 * 3
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all("src" not in script for script in parsed.all("script"))


def test_report_has_the_terms_of_the_loss_with_their_shares(page):
    _, parsed = page
    assert "egn, gradient" in parsed.data
    # The last of two steps is the last tenth.
    row = parsed.data[parsed.data.index("egn, gradient") :]
    assert [cell for cell in row if cell.strip()][:4] == [
        *("egn, gradient", "stage1", "0.04", "25%"),
    ]


def test_report_is_well_formed_and_escaped(page):
    text, parsed = page
    assert parsed.open == []
    assert "A &lt;report&gt;" in text and "<report>" not in text
    assert "--loss=&lt;egnet&gt;" in text


def test_report_shows_the_scores_and_their_protocol(page):
    text, _ = page
    assert PROTOCOLS["plain"].description.partition(":")[0] in text
    words = re.sub(r"<[^>]*>", " ", text).split()
    assert words.index("27.50") < words.index("28.50")
    best = re.search(r'<tr role="row" class="best">.*?</tr>', text, re.DOTALL)[0]
    assert "second" in best and "28.50" in best


def test_report_breaks_long_paths_after_slashes(tmp_path):
    record = read_run(make_run(tmp_path / "runs", 27.0))
    text = report_page("title", [record._replace(name="runs/<a>")])
    assert "<h2>runs/<wbr>&lt;a&gt;</h2>" in text


def test_report_is_accessible_by_screen_reader_and_keyboard(page):
    _, parsed = page
    assert parsed.all("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in parsed.all("img"))
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {label.get("for") for label in parsed.all("label")}
    sliders = [x["id"] for x in parsed.all("input") if x["type"] == "range"]
    assert len(sliders) == 4 and set(sliders) <= labels
    assert all("aria-label" in drawn for drawn in parsed.all("svg"))
    assert all(cell.get("scope") for cell in parsed.all("th"))


def test_report_counts_steps_over_all_phases(tmp_path):
    record = read_run(make_run(tmp_path / "run", 27.0))
    assert record.curves["psnr"] == [
        ("backbone", 0, [(0, 25), (40, 26)]),
        ("egn", 40, [(40, 26), (50, 27)]),
    ]
    assert record.curves["loss"] == [
        ("backbone", 0, []),
        ("egn", 40, [(41, 0.5), (42, 0.25)]),
    ]


def test_report_images_are_spread_over_the_gains():
    gains = [3.0, -1.0, 0.5, 2.0, 1.0]
    paths = [None] * 3
    scored = [Scored(str(g), 25.0, 25.0 + g, 0.9, *paths) for g in gains]

    def names(count):
        return [float(image.name) for image in chosen_images(scored, count)]

    assert names(3) == [-1.0, 1.0, 3.0]
    assert names(1) == [1.0]
    assert names(9) == sorted(gains)


def test_report_refuses_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="Received: "):
        read_run(tmp_path)


def test_report_gives_each_loss_a_panel_of_its_own(tmp_path):
    runs = [make_run(tmp_path / name, 27.0) for name in ("a", "b", "c")]
    recipe = "--loss=egnet\n--gradient_loss={}\n--loss_weights=\n"
    for run, gradient in zip(runs, ("true", "false", "true"), strict=True):
        (run / "recipe.flags").write_text(recipe.format(gradient))
    text = report_page("title", [read_run(run) for run in runs])
    panels = re.findall(r"<figure>(.*?)<figcaption>(Loss.*?)</fig", text, re.DOTALL)
    assert {title: description(svg) for svg, title in panels} == {
        "Loss of the phase egn: egnet": ["a", "c"],
        "Loss of the phase egn: egnet, gradient_loss=false": ["b"],
    }


def description(svg):
    """The names of the runs that a chart says it has drawn."""
    label = re.search(r'aria-label="([^"]*)"', svg.rpartition("<svg")[2])[1]
    return re.findall(r"(\w+): \S+ at first", label)


def test_report_zooms_in_where_the_images_differ(tmp_path):
    run = make_run(tmp_path / "run", 27.0, images=("a",))
    rows, columns = np.indices((40, 60))
    image = np.repeat(np.uint8(60 * ((rows + columns) % 2) + 60)[..., None], 3, -1)
    images = run / "evaluation" / "samples_plain" / "images"
    for kind in ("blurry", "sharp", "restored"):
        if kind == "restored":
            image = image.copy()
            image[24:32, 40:50] += 100
        write_image(images / kind / "a.png", image)
    parsed = Page(report_page("title", [read_run(run)]))
    (frame,) = [x for x in parsed.all("div") if "data-x" in x]
    assert 40 / 60 <= float(frame["data-x"]) <= 50 / 60
    assert 24 / 40 <= float(frame["data-y"]) <= 32 / 40
    assert len(parsed.all("select")) == 1


def test_report_names_each_number_for_narrow_screens(page):
    _, parsed = page
    cells = parsed.all("td")
    assert cells and all(cell["role"] == "cell" for cell in cells)
    titles = {cell["data-title"] for cell in cells}
    assert {"PSNR (dB)", "SSIM", "images", "share of the loss"} <= titles


def test_report_shows_measures_that_need_no_sharp_image(tmp_path):
    about = {"method": "mine", "dataset": "photos"}
    scores = Score(math.nan, math.nan, further={"niqe": 4.125, "brisque": 20.5})
    rows = [Row("a", scores, None)]
    written = EvaluationFolder(tmp_path / "evaluation" / "photos", about)
    written.append(rows[0])
    written.write_summary(summarize(rows, PROTOCOLS["noreference"], about))
    text = report_page("title", [read_run(tmp_path)])
    parsed = Page(text)
    titles = [cell["data-title"] for cell in parsed.all("td")]
    assert titles == ["NIQE", "BRISQUE", "images"]
    assert {"4.125", "20.500"} <= set(parsed.data)
    # Without a PSNR no row is the best.
    assert 'class="best"' not in text
