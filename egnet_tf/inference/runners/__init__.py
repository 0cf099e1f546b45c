"""Runners: networks on TensorFlow, LiteRT or ONNX Runtime, and the self-ensemble."""
