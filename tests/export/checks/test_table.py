"""The table of several exports."""

import pytest

from egnet_tf.errors import InputError
from export.checks.checked_export import Export, ToleranceError
from export.checks.parity import Parity
from export.checks.table import write_all


def test_files_behind_a_refused_one_are_written(tmp_path, capsys):
    """For example, where one format has no rule for an operator of the network."""
    path = tmp_path / "x.tflite"
    path.touch()
    parity = Parity(1, 0.1, 40.0, 24.0, 25.0, 24.9, 0.9, 0.9, 0.1)

    def refuse(error):
        def write():
            raise error

        return write

    writers = [
        refuse(InputError("Expected a rule. Received: EXP")),
        refuse(ToleranceError("Expected less. Received: 1 dB lost")),
        lambda: Export(path, "tflite", 3_000_000, parity),
    ]
    with pytest.raises(InputError, match=r"Received: EXP; .*Received: 1 dB lost"):
        write_all(writers, tmp_path / "all.csv")
    assert "x.tflite" in capsys.readouterr().out
    assert "x.tflite" in (tmp_path / "all.csv").read_text()
