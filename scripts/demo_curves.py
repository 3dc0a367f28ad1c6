# ruff: noqa: INP001 - a script, no package
"""Write the demo's scalars: three runs that can be told apart at a glance, with the same seed each time.

`.venv/bin/python scripts/demo_curves.py` writes one more event file into each run of `demo/logs`.
"""

import math
import random
from pathlib import Path

from tensorboardX import SummaryWriter

STEPS = 100
BEGIN = 1795441490  # seconds since 1970; a step each 20 seconds
# How fast it learns, where loss and accuracy end (as the runs' hyperparameter pages say), and how it trembles.
RUNS = {"exp_0": (0.16, 0.30, 0.80, 0.05), "exp_1": (0.07, 0.25, 0.85, 0.03), "exp_2": (0.035, 0.20, 0.90, 0.015)}


def write(folder: Path, speed: float, loss: float, accuracy: float, tremor: float) -> None:
    """One run: an exponential approach with noise that fades."""
    noise = random.Random(folder.name)  # noqa: S311 - noise, not a secret
    with SummaryWriter(str(folder), filename_suffix=".curves") as writer:
        for step in range(STEPS):
            left = math.exp(-speed * step)
            shake = tremor * noise.gauss(0, 1) * (0.3 + left)
            time = BEGIN + 20 * step
            writer.add_scalar("loss", max(0.02, loss + (2.3 - loss) * left + shake), step, walltime=time)
            writer.add_scalar(
                "acc", min(0.99, max(0.1, accuracy - (accuracy - 0.1) * left - shake)), step, walltime=time
            )


if __name__ == "__main__":
    for name, shape in RUNS.items():
        write(Path(__file__).parents[1] / "demo" / "logs" / name, *shape)
