"""TensorFlow Serving: its configuration, and clients for both of its protocols."""
