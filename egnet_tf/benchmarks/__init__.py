"""What the networks cost on this machine: one file a measurement.

Each measurement returns rows, named tuples of plain values; `egnet_tf.cli.table` prints
them.
"""
