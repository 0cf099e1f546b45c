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


def test_least_recently_used_image_is_evicted_first(decoded):
    read = cached_reader(limit=600)
    for path in "abacaba":
        assert (read(path) == ord(path)).all()
    # Two fit: c displaces b, and b displaces c.
    assert decoded == ["a", "b", "c", "b"]


def test_image_larger_than_the_cache_is_never_kept(decoded):
    read = cached_reader(limit=299)
    read("a")
    read("a")
    assert decoded == ["a", "a"]


def test_cached_image_is_read_only(decoded):
    with pytest.raises(ValueError, match="read-only"):
        cached_reader()("a")[0] = 1
