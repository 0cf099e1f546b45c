"""Draws the figures of the paper.

python -m egnet_tf.paper.figures --kind=gradient --input=photo.jpg --output=figure7.png
python -m egnet_tf.paper.figures --kind=comparison --input=blurry/ --sharp=sharp/ \
    --methods="MPRNet=results/mprnet,EGNet=runs/gopro" --output=figure8.png
python -m egnet_tf.paper.figures --kind=features --model=runs/gopro --input=photo.jpg
python -m egnet_tf.paper.figures --kind=ensemble --model=runs/gopro --input=photo.jpg

gradient    Figure 7: the image, its Laplacian, its gradient map by Eq. 15
comparison  Figures 8 to 14: one scene, or several below each other, as several
            methods restore them, with zoomed crops
features    the features before and after EGN, stage by stage
ensemble    what the self-ensemble takes of each branch

docs/figures.md shows one of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from absl import flags

from egnet_tf import metrics, models, visualization
from egnet_tf.cli import app
from egnet_tf.cli.restorer_flags import RestorerFlags
from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from egnet_tf.inference.branches import branch_images, shrinkage

_MOST_SCENES = 8

_KIND = flags.DEFINE_enum(
    "kind", "gradient", ["gradient", "comparison", "features", "ensemble"], "See above."
)
_INPUT = flags.DEFINE_string(
    "input", None, "The blurry image; for comparison also a folder.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "The file to write.", required=True)
_SHARP = flags.DEFINE_string(
    "sharp", None, "The sharp image, or folder: the figure then says PSNR and SSIM."
)
_MODEL = flags.DEFINE_string("model", None, "features, ensemble: a run or a variant.")
_METHODS = flags.DEFINE_list(
    "methods",
    [],
    "comparison: title=path, of a model, or of an image or folder of results with the "
    "input's names. Without a title the path's last part stands there.",
)
_IMAGES = flags.DEFINE_list(
    "images", None, "comparison: names in the input's folder; all by default."
)
_ZOOM = flags.DEFINE_multi_string(
    "zoom",
    [],
    "comparison: x,y,width,height of a crop in pixels; may be given several times. By "
    "default where the methods differ most.",
)
_ZOOMS = flags.DEFINE_integer(
    "zooms", 2, "comparison: how many crops are chosen without --zoom.", lower_bound=1
)
_GRADIENTS = flags.DEFINE_bool(
    "gradients", False, "comparison: draw the gradient maps of the crops too."
)
_CHANNELS = flags.DEFINE_integer(
    "channels", 4, "features: how many single channels.", lower_bound=0
)
_WIDTH = flags.DEFINE_integer(
    "width", 2100, "Of the figure in pixels; not of gradient.", lower_bound=400
)
_RESTORER = RestorerFlags()


def main() -> None:
    """Draws what is asked for and writes it."""
    draw = {
        "gradient": lambda: visualization.gradient_figure(read_image(_INPUT.value)),
        "comparison": _comparison,
        "features": _features,
        "ensemble": _ensemble,
    }[_KIND.value]
    write_image(_OUTPUT.value, draw())
    print(_OUTPUT.value)


def _comparison() -> np.ndarray:
    if not _METHODS.value:
        raise InputError("Expected --methods=title=path,... Received: none")
    methods = dict(_method(entry) for entry in _METHODS.value)
    scenes = list(_scenes())
    if len(scenes) > _MOST_SCENES:
        raise InputError(
            f"Expected up to {_MOST_SCENES} images; --images chooses. "
            f"Received: {len(scenes)} in {_INPUT.value}"
        )
    return visualization.column(
        [_scene(name, path, methods) for name, path in scenes], 24
    )


def _scenes() -> Iterator[tuple[str, Path]]:
    """The input's images by their names without suffix."""
    source = Path(_INPUT.value)
    if not source.is_dir():
        yield source.stem, source
        return
    found = find_images(source)
    for name in _IMAGES.value or found:
        if name not in found:
            raise InputError(
                f"Expected --images of {source}, without suffix. Received: {name}"
            )
        yield name, found[name]


def _scene(
    name: str, path: Path, methods: dict[str, Callable[[str, np.ndarray], np.ndarray]]
) -> np.ndarray:
    blurry = read_image(path)
    images = {"blurry": blurry}
    for title, restore in methods.items():
        images[title] = restore(name, blurry)
    # One method is compared with the blurry image, several with each other.
    compared = list(images.values())[min(len(methods) - 1, 1) :]
    if _SHARP.value:
        images["sharp"] = _image_of(Path(_SHARP.value), name)
    for title, image in images.items():
        if image.shape != blurry.shape:
            raise InputError(
                f"Expected images of {name} of one size, {blurry.shape[:2]}. "
                f"Received: {image.shape[:2]} of {title}"
            )
    size = blurry.shape[1] // 6, blurry.shape[1] // 5
    zooms = [_parse_zoom(text, blurry.shape) for text in _ZOOM.value]
    zooms = zooms or visualization.largest_differences(compared, size, _ZOOMS.value)
    panels = [
        visualization.Panel(title, image, _note(title, image, images.get("sharp")))
        for title, image in images.items()
    ]
    return visualization.comparison_figure(
        panels, zooms, gradients=_GRADIENTS.value, width=_WIDTH.value
    )


def _method(entry: str) -> tuple[str, Callable[[str, np.ndarray], np.ndarray]]:
    """Title, and what finds or makes its image from the scene's name and image."""
    title, _, where = entry.rpartition("=")
    path = Path(where)
    is_model = (path / "weights").is_dir() or any(path.rglob("saved_model.pb"))
    if path.suffix in (".tflite", ".onnx") or is_model or not path.exists():
        restorer = _RESTORER.load(where)
        return title or path.stem, lambda _, blurry: restorer(blurry)
    return title or path.stem, lambda name, _: _image_of(path, name)


def _image_of(path: Path, name: str) -> np.ndarray:
    if not path.is_dir():
        return read_image(path)
    found = find_images(path)
    if name not in found:
        raise InputError(f"Expected an image named {name} in {path}. Received: none")
    return read_image(found[name])


def _parse_zoom(text: str, shape: tuple[int, ...]) -> visualization.Zoom:
    try:
        left, top, width, height = map(int, text.split(","))
    except ValueError:
        raise InputError(
            f"Expected --zoom=x,y,width,height in pixels. Received: {text}"
        ) from None
    inside = left >= 0 and top >= 0 and top + height <= shape[0]
    if not inside or left + width > shape[1] or min(height, width) < 1:
        raise InputError(
            f"Expected --zoom inside {shape[1]} x {shape[0]} pixels. Received: {text}"
        )
    return visualization.Zoom(top, left, height, width)


def _note(title: str, image: np.ndarray, sharp: np.ndarray | None) -> str:
    if sharp is None:
        return ""
    if title == "sharp":
        return "PSNR / SSIM"
    score = metrics.protocol_named("gopro").score(image, sharp)
    return f"{score.psnr:.2f} dB / {score.ssim:.3f}"


def _features() -> np.ndarray:
    loaded, image = _loaded(), read_image(_INPUT.value)
    image = _cropped(image, loaded.size_multiple)
    stages = models.egn_features(loaded, _batch(image))
    if not stages:
        raise InputError(f"Expected a network with EGN. Received: {_MODEL.value}")
    drawn = [
        visualization.feature_figure(
            image,
            *stages[stage],
            title=f"stage {stage}",
            channels=_CHANNELS.value,
            width=_WIDTH.value,
        )
        for stage in stages
    ]
    return visualization.column(drawn, 24)


def _ensemble() -> np.ndarray:
    loaded, blurry = _loaded(), read_image(_INPUT.value)
    if loaded.ensemble is None:
        raise InputError(
            f"Expected a run with a trained self-ensemble. Received: {_MODEL.value}"
        )
    multiple = loaded.size_multiple * shrinkage(loaded.branches)
    blurry = _cropped(blurry, multiple)
    sharp = _SHARP.value and _cropped(read_image(_SHARP.value), multiple)

    def caption(title: str, image: np.ndarray) -> str:
        return title if sharp is None else f"{title}\n{_note(title, image, sharp)}"

    restored = branch_images(
        lambda image: models.finest(loaded.network(image, training=False)),
        _batch(blurry),
        loaded.branches,
    )
    branches = {
        caption(name, _bytes(image)): _bytes(image)
        for name, image in zip(loaded.branches, restored, strict=True)
    }
    weights = models.ensemble_weights(loaded.ensemble)(restored)[0]
    fused = _bytes(loaded.ensemble(restored))
    return visualization.ensemble_figure(
        branches,
        np.asarray(weights),
        (caption("weighted sum", fused), fused),
        width=_WIDTH.value,
    )


def _loaded() -> models.LoadedModel:
    if _MODEL.value is None:
        raise InputError(f"Expected --model with --kind={_KIND.value}. Received: none")
    return models.load(models.find_weights(_MODEL.value))


def _cropped(image: np.ndarray, multiple: int) -> np.ndarray:
    """The largest part from the top left that the network takes without padding."""
    height, width = (side // multiple * multiple for side in image.shape[:2])
    if not height or not width:
        raise InputError(
            f"Expected an image of at least {multiple} x {multiple} pixels. "
            f"Received: {image.shape[1]} x {image.shape[0]}"
        )
    return image[:height, :width]


def _batch(image: np.ndarray) -> np.ndarray:
    return image[None].astype(np.float32) / 255


def _bytes(image) -> np.ndarray:
    return np.rint(255 * np.clip(image[0], 0, 1)).astype(np.uint8)


if __name__ == "__main__":
    app.run(main)
