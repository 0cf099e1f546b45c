import itertools

import pytest

from egnet_tf.errors import InputError
from egnet_tf.evaluation.results_folder import EvaluationFolder
from egnet_tf.evaluation.scoring import Images, Unscored, score_images
from egnet_tf.metrics import PROTOCOLS
from helpers import random_image

NAMES = [f"image{number}" for number in range(6)]
GOPRO = PROTOCOLS["gopro"]


def images(index):
    return Images(*random_image((3, 12 + index, 16, 3), seed=index))


def open_folder(path):
    return EvaluationFolder(path, {"of": "this test"})


def test_scores_do_not_depend_on_the_number_of_workers(tmp_path):
    one, two = open_folder(tmp_path / "one"), open_folder(tmp_path / "two")
    rows = list(score_images(NAMES, images, GOPRO, one, workers=1))
    assert [row.name for row in rows] == NAMES
    assert rows[0].restored == GOPRO.score(images(0).restored, images(0).sharp)
    assert rows[0].blurry == GOPRO.score(images(0).blurry, images(0).sharp)

    parallel = list(score_images(NAMES, images, GOPRO, two, workers=2))
    assert parallel == rows
    assert two.rows == one.rows


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_scoring_resumes_without_repeating_images(tmp_path, workers):
    running = score_images(NAMES, images, GOPRO, open_folder(tmp_path), workers=workers)
    done = {row.name for row in itertools.islice(running, 2)}
    running.close()

    asked = []

    def counted(index):
        asked.append(NAMES[index])
        return images(index)

    folder = open_folder(tmp_path)
    assert done <= folder.rows.keys()
    left = set(NAMES) - folder.rows.keys()
    assert left
    rows = list(score_images(NAMES, counted, GOPRO, folder, workers=workers))
    assert {row.name for row in rows} == set(asked) == left
    assert folder.rows.keys() == set(NAMES)


@pytest.mark.parametrize("workers", [1, 2])
def test_incomparable_images_do_not_stop_the_others(tmp_path, workers):
    def faulty(index):
        if index == 1:
            raise InputError("Expected an image. Received: an empty file")
        found = images(index)
        return found if index != 3 else found._replace(sharp=found.sharp[:-1])

    folder = open_folder(tmp_path)
    found = list(score_images(NAMES, faulty, GOPRO, folder, workers=workers))
    unscored = {row.name: row.reason for row in found if isinstance(row, Unscored)}
    assert set(unscored) == {NAMES[1], NAMES[3]}
    assert unscored[NAMES[1]] == "Expected an image. Received: an empty file"
    assert "Received: " in unscored[NAMES[3]]
    assert folder.rows.keys() == set(NAMES) - set(unscored)
    # Nothing remembers them: put right, they are scored.
    again = list(score_images(NAMES, images, GOPRO, folder, workers=workers))
    assert {row.name for row in again} == set(unscored)


def test_blurry_images_are_optional(tmp_path):
    def without(index):
        return images(index)._replace(blurry=None)

    rows = score_images(NAMES[:1], without, GOPRO, open_folder(tmp_path), workers=4)
    assert [row.blurry for row in rows] == [None]
