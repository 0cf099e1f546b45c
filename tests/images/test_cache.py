import concurrent.futures
import threading

import numpy as np
import pytest

from egnet_tf.images import cache
from egnet_tf.images.cache import cached_reader


@pytest.fixture
def decoded(monkeypatch):
    """Which files were decoded, in order; each is 300 bytes of its own name."""
    files = []

    def read(path):
        files.append(path)
        return np.full((10, 10, 3), ord(path), np.uint8)

    monkeypatch.setattr(cache, "read_image", read)
    return files


def test_first_images_that_fit_are_kept(decoded):
    read = cached_reader(limit=650)
    for path in "abacabc":
        assert (read(path) == ord(path)).all()
    # Two fit, and c displaces neither.
    assert decoded == ["a", "b", "c", "c"]


def test_share_of_the_reads_that_find_their_image_is_that_of_the_images(decoded):
    """In epochs of shuffled order; the most recently used ones would find 1 in 7."""
    read = cached_reader(limit=20 * 300)
    rng = np.random.default_rng(0)
    files = [chr(100 + n) for n in range(40)]
    for _ in range(11):
        for path in rng.permutation(files):
            read(path)
    assert len(decoded) == 40 + 10 * 20


def test_threads_that_decode_one_image_keep_it_once(monkeypatch):
    both = threading.Barrier(2)

    def slow(path):
        both.wait(10)
        return np.zeros((10, 10, 3), np.uint8)

    monkeypatch.setattr(cache, "read_image", slow)
    read = cached_reader(limit=600)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        list(threads.map(read, "aa"))
    both = threading.Barrier(1)
    # There is room for one more.
    read("b")
    monkeypatch.setattr(cache, "read_image", None)
    read("a")
    read("b")


def test_image_larger_than_the_cache_is_never_kept(decoded):
    read = cached_reader(limit=299)
    read("a")
    read("a")
    assert decoded == ["a", "a"]


def test_cached_image_is_read_only(decoded):
    with pytest.raises(ValueError, match="read-only"):
        cached_reader()("a")[0] = 1
