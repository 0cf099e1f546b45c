"""Draws a figure of the paper.

python -m egnet_tf.figure --kind=gradient --input=photo.jpg --output=figure7.png

gradient   Figure 7: the picture, its Laplacian, its gradient map by Eq. 15
"""

from __future__ import annotations

from absl import flags

from egnet_tf import commands
from egnet_tf.data.pictures import read_rgb, write_picture
from egnet_tf.figures import gradient_figure

_KINDS = {"gradient": gradient_figure}

_KIND = flags.DEFINE_enum("kind", "gradient", list(_KINDS), "Which figure.")
_INPUT = flags.DEFINE_string("input", None, "A picture.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "The file to write.", required=True)


def main() -> None:
    """Reads, draws, writes."""
    write_picture(_OUTPUT.value, _KINDS[_KIND.value](read_rgb(_INPUT.value)))
    print(_OUTPUT.value)


if __name__ == "__main__":
    commands.run(main)
