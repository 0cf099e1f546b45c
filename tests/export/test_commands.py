"""Wrong calls are answered in one line, before TensorFlow is imported."""

import importlib.util

import pytest
from PIL import Image

from helpers import python, random_image

WRONG = [
    ("export.tflite --model=nowhere", "Expected a file or folder that exists"),
    pytest.param(
        "export.saved_model --model=nowhere",
        "Expected a file or folder that exists",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("tensorflow_serving") is None,
            reason="needs the extra serving",
        ),
    ),
    ("export.tflite --model=egnet_mobile --uint8", "Expected --mode=int8 with --uint8"),
    ("export.tflite --model=egnet_mobile --mode=int9", "--mode"),
    ("export.tflite --model=egnet_mobile --mod=int8", "Unknown command line flag"),
    ("export.tflite --model=egnet_mobile --dataset=nosuch", "Expected a dataset"),
    ("export.onnx --model=egnet_mobile --data_set=samples", "Unknown command line"),
    ("export.onnx --model=egnet_mobile --half", "Expected --tile with --half"),
    ("export.onnx --model=egnet_mobile --layout=nwhc", "--layout"),
    ("export.onnx --model=egnet_mobile", "the extra onnx: pip install "),
    ("export.openvino --model=egnet_mobile", "the extra openvino: pip install "),
    ("export.openvino --model=egnet_mobile --tile=8", "--tile"),
    ("export.openvino --model=egnet_mobile --mode=int8", "Expected --tile with --mode"),
    ("export.all --model=egnet_mobile", "the extra onnx: pip install "),
    ("export.saved_model --model=egnet_mobile", "the extra serving: pip install "),
    ("export.serving.client --input=nowhere.jpg", "nowhere.jpg"),
    ("export.serving.client --input={photo}", "the extra serving: pip install "),
    ("export.serving.client --input={photo} --server=ftp://x", "http://, https://"),
]

SCRIPT = """
import importlib, sys
from egnet_tf.cli import app
{missing}
module = importlib.import_module({module!r})
code = app.call(module.define_flags, module.main, {words!r})
assert "tensorflow" not in sys.modules, "TensorFlow was imported"
sys.exit(code)
"""


@pytest.mark.process
@pytest.mark.parametrize(("words", "message"), WRONG)
def test_wrong_calls_of_exports_are_refused_without_tensorflow(
    words, message, tmp_path
):
    photo = tmp_path / "photo.png"
    Image.fromarray(random_image((8, 8, 3))).save(photo)
    module, *words = words.format(photo=photo).split()
    if "serving.client" not in module:
        words.append(f"--output={tmp_path / 'out'}")
    extra = "pip install" in message
    modules = ("onnx", "tf2onnx", "openvino", "tensorflow_serving", "requests")
    missing = modules if extra else ()
    script = SCRIPT.format(
        module=module,
        words=words,
        missing=f"sys.modules.update(dict.fromkeys({missing}))",
    )
    done = python("-c", script)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
