"""What TensorFlow Serving 2.20 reads, on SavedModels made by hand."""

import pytest
import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.client import pywrap_tf_session

from egnet_tf.errors import InputError
from export.checks.served import GRAPH_VERSION, NEW_OPERATORS, check_served


@pytest.fixture
def folder(tmp_path):
    """A SavedModel that maps a list of files, as `deblur_bytes` does."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def lengths(files):
        return tf.map_fn(tf.strings.length, files, fn_output_signature=tf.int32)

    module.lengths = lengths
    tf.saved_model.save(module, str(tmp_path), signatures=lengths)
    return tmp_path


def change(folder, modify):
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    modify(saved.meta_graphs[0].graph_def)
    path.write_bytes(saved.SerializeToString())


def test_what_this_tensorflow_writes_is_read(folder):
    check_served(folder)


def set_attribute(graph):
    """On the operator inside the loop of the map."""
    nodes = [n for f in graph.library.function for n in f.node_def]
    (node, *_) = (n for n in nodes if n.op == "TensorListGetItem")
    node.attr["Tshape"].type = tf.int64.as_datatype_enum


def add_operator(graph):
    graph.node.add(name="decode", op="DecodeJxl")


def ask_for_a_later_reader(graph):
    graph.versions.min_consumer = GRAPH_VERSION + 1


@pytest.mark.parametrize(
    ("modify", "message"),
    [
        (set_attribute, "Received: TensorListGetItem.Tshape$"),
        (add_operator, "Received: DecodeJxl$"),
        (ask_for_a_later_reader, f"Received: graphs of version {GRAPH_VERSION + 1}$"),
    ],
)
def test_what_came_after_is_refused(folder, modify, message):
    change(folder, modify)
    with pytest.raises(InputError, match=message):
        check_served(folder)


def test_the_list_is_of_this_tensorflow_or_an_earlier_one():
    """Up to 2.20, no operator is new; the list ends with 2.21."""
    version = tuple(map(int, tf.__version__.split(".")[:2]))
    assert version < (2, 22), "compare the operators with those of TensorFlow Serving"
    operators = op_def_pb2.OpList.FromString(
        pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    )
    known = {operator.name for operator in operators.op}
    assert "TensorListGetItem" in known
    assert (known >= NEW_OPERATORS) == (version == (2, 21))
    assert tf.version.GRAPH_DEF_VERSION > GRAPH_VERSION or version < (2, 21)
