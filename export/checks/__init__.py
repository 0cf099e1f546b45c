"""Every export is run and compared with its Keras model before it is written."""
