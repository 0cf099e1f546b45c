import cv2
import pytest
import skimage.data
from PIL import Image


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of small photographs."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    folder.mkdir()
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        image = cv2.resize(getattr(skimage.data, name)(), (96, 64))
        Image.fromarray(image).save(folder / f"{name}.png")
    return folder
