"""KServe's V1 REST protocol over a SavedModel: kserve_server.py FOLDER PORT.

What TensorFlow Serving does before and after the graph is done here: {"b64": ...}
becomes bytes, the named signature is run, outputs whose names end in "_bytes" become
base64 again, an error of the graph becomes an answer of status 400.
"""

import base64
import sys

import kserve
import tensorflow as tf
from kserve.errors import InvalidInput


class Egnet(kserve.Model):
    def __init__(self, folder):
        super().__init__("egnet")
        self.loaded = tf.saved_model.load(folder)
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        signature = self.loaded.signatures.get(
            payload.get("signature_name", "serving_default")
        )
        if signature is None:
            raise InvalidInput("Serving signature name not found")
        ((key, spec),) = signature.structured_input_signature[1].items()
        try:
            values = [_value(instance, key) for instance in payload["instances"]]
            outputs = signature(**{key: tf.constant(values, spec.dtype)})
        except (ValueError, TypeError, KeyError, tf.errors.OpError) as error:
            raise InvalidInput(str(error)) from error
        ((name, output),) = outputs.items()
        if name.endswith("_bytes"):
            return {
                "predictions": [
                    {"b64": base64.b64encode(o).decode()} for o in output.numpy()
                ]
            }
        return {"predictions": output.numpy().tolist()}


_MOST_DIMENSIONS = 254


def _depth(value):
    depth = 0
    while isinstance(value, list) and value:
        value, depth = value[0], depth + 1
    return depth


def _value(instance, key):
    if isinstance(instance, dict) and "b64" not in instance and set(instance) != {key}:
        # As in TensorFlow Serving (util/json_tensor.cc).
        raise InvalidInput("JSON object: does not have named input")
    if _depth(instance) > _MOST_DIMENSIONS:
        # tf.constant ends the process; TensorFlow Serving checks the shape.
        raise InvalidInput("Too many dimensions")
    value = (
        instance[key] if isinstance(instance, dict) and key in instance else instance
    )
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True)
    return value


if __name__ == "__main__":
    server = kserve.ModelServer(http_port=int(sys.argv[2]), enable_grpc=False)
    server.start([Egnet(sys.argv[1])])
