"""What the networks cost on this machine: one file a measurement.

Each measurement returns rows, named tuples of plain values; `egnet_tf.table` prints
them.
"""
