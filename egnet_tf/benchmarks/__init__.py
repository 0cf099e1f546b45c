"""What the networks cost on this machine: one file per measurement.

A measurement is a module with a dataclass `Options`, from which its flags are made, and
`measure(options)`, which returns rows of `egnet_tf.cli.table`.
"""
