"""The progress bar of a phase."""

from __future__ import annotations

from tqdm import tqdm


class Progress:
    """Shows on stderr how far a phase is, its loss, PSNR and speed.

    Args:
        phase: the name of the phase.
        done: how many steps are already done.
        steps: how many steps the phase has.
        batch_size: the global batch size.
    """

    def __init__(self, phase: str, done: int, steps: int, batch_size: int):
        self._batch_size = batch_size
        self._bar = tqdm(desc=phase, initial=done, total=steps, unit="step")

    def update(self, loss: float, psnr: float) -> None:
        """Advances by one step with these values."""
        speed = self._batch_size * (self._bar.format_dict["rate"] or 0.0)
        self._bar.set_postfix_str(
            f"loss {loss:.4f}, PSNR {psnr:.2f} dB, {speed:.1f} images/s", refresh=False
        )
        self._bar.update()

    def close(self) -> None:
        """Leaves the bar as it is and ends its line."""
        self._bar.close()
