"""What a network runs on: TensorFlow, LiteRT, ONNX Runtime, and ensembles of passes."""
