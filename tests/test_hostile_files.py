"""Damaged and hostile model files: an `InputError` in one line, or a working model.

`tests/hostile/` holds tiny models, of a few kilobytes, and below found/ the variants
that crashed a library, hung it or raised something else. EGNET_TF_MUTANTS=1000 tries
more variants than are worth waiting for in each run.
"""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import egnet_tf
from egnet_tf.errors import InputError
from egnet_tf.inference.resolve import load
from helpers import random_image
from mutations import mutate_fields, mutated

HOSTILE = Path(__file__).with_name("hostile")
MUTANTS = int(os.environ.get("EGNET_TF_MUTANTS", "20"))

pytestmark = [pytest.mark.slow, pytest.mark.process]


def outcome(path):
    """ "works", or what was said of the file."""
    image = random_image((20, 30, 3))
    start = time.monotonic()
    try:
        restored = load(path, memory_limit=2**30)(image)
    except InputError as error:
        text = str(error)
        assert text.startswith("Expected ") and "Received: " in text
        assert "\n" not in text and len(text) < 1000
        return text
    finally:
        assert time.monotonic() - start < 150
    assert (restored.shape, restored.dtype) == (image.shape, image.dtype)
    return "works"


def flatbuffer_fields(root):
    """Every number and list of numbers of an unpacked flatbuffer: (get, set)."""
    places, seen, waiting = [], set(), [root]
    while waiting:
        table = waiting.pop()
        if id(table) in seen:
            continue
        seen.add(id(table))
        for name, value in vars(table).items():
            inner = value if isinstance(value, list) else [value]
            tables = [x for x in inner if hasattr(x, "__dict__")]
            waiting.extend(tables)
            if isinstance(value, (int, float, list, np.ndarray)) and not tables:
                places.append(
                    (
                        lambda table=table, name=name: getattr(table, name),
                        lambda x, table=table, name=name: setattr(table, name, x),
                    )
                )
    return places


def tflite_variant(content, seed):
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    for attempt in range(100):
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        mutate_fields(model, 1000 * seed + attempt, flatbuffer_fields)
        builder = flatbuffers.Builder(1024)
        try:
            builder.Finish(model.Pack(builder), b"TFL3")
        except Exception:  # A number that its field cannot hold.
            continue
        return bytes(builder.Output())
    raise AssertionError("no variant can be packed")


def message_fields(root):
    """Every number and list of numbers of a protobuf message: (get, set)."""
    places, waiting = [], [root]
    while waiting:
        message = waiting.pop()
        for field, value in message.ListFields():
            single = isinstance(value, (int, float))
            if field.type == field.TYPE_MESSAGE:
                waiting.extend([value] if not hasattr(value, "append") else value)
            elif single or (hasattr(value, "append") and field.type != 9):
                places.append(
                    (
                        lambda message=message, name=field.name: getattr(message, name),
                        lambda x, message=message, name=field.name, single=single: (
                            setattr(message, name, x)
                            if single
                            else getattr(message, name).__setitem__(slice(None), x)
                        ),
                    )
                )
    return places


def onnx_variant(content, seed):
    import onnx

    for attempt in range(100):
        model = onnx.ModelProto.FromString(content)
        try:
            mutate_fields(model, 1000 * seed + attempt, message_fields)
        except (TypeError, ValueError):  # A number that its field cannot hold.
            continue
        return model.SerializeToString()
    raise AssertionError("no variant can be serialised")


VARIANTS = {
    "tflite bytes": ("tiny.tflite", mutated, MUTANTS),
    "tflite fields": ("tiny.tflite", tflite_variant, MUTANTS),
    "onnx bytes": ("tiny.onnx", mutated, MUTANTS),
    "onnx fields": ("tiny.onnx", onnx_variant, MUTANTS),
    # Each starts TensorFlow once more.
    "SavedModel bytes": ("saved_model", mutated, MUTANTS // 5),
}


@pytest.mark.parametrize("kind", VARIANTS)
def test_variants_of_a_model_are_refused_or_work(kind, tmp_path):
    name, variant, count = VARIANTS[kind]
    if name.endswith("onnx"):
        pytest.importorskip("onnx", reason="of the extra onnx")
    source = HOSTILE / name
    assert outcome(source) == "works"
    main, path = source, tmp_path / name
    if source.is_dir():
        shutil.copytree(source, path)
        main, path = source / "saved_model.pb", tmp_path / name
    refused = 0
    for seed in range(count):
        content = variant(main.read_bytes(), seed)
        (path / main.name if path.is_dir() else path).write_bytes(content)
        refused += outcome(path) != "works"
    assert 0 < refused <= count


FOUND = sorted((HOSTILE / "found").glob("*"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_files_that_were_found_are_refused(path):
    if path.suffix == ".onnx":
        pytest.importorskip("onnxruntime", reason="of the extra onnx")
    assert outcome(path) != "works"


def test_what_is_known_to_be_sound_is_not_tried(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(
        "egnet_tf.inference.resolve.try_out",
        lambda function, path, **_: tried.append(path),
    )
    shipped = Path(egnet_tf.__file__).parent / "weights" / "egnet_mobile"
    name = "egnet_mobile_float16.tflite"
    load(shipped / name)
    assert tried == []
    # A copy may be another file by now.
    shutil.copy(shipped / name, tmp_path)
    load(tmp_path / name)
    assert tried == [tmp_path / name]
    tried.clear()
    folder = shutil.copytree(HOSTILE / "saved_model", tmp_path / "saved")
    main = folder / "saved_model.pb"
    digest = hashlib.sha256(main.read_bytes()).hexdigest()
    note = folder / "saved_model.pb.json"
    for text, is_tried in (
        (json.dumps({"sha256": digest}), False),
        (json.dumps({"sha256": digest[::-1]}), True),
        ("[]", True),
        ("{", True),
    ):
        note.write_text(text)
        load(folder)
        assert bool(tried) == is_tried
        tried.clear()
