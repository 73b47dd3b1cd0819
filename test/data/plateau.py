"""Writes plateau.json: learning rates of Torch's ReduceLROnPlateau after each of some metrics.

python -m pip install torch && python test/data/plateau.py
"""

import json
import pathlib
import random

import torch

draw = random.Random(4)
cases = [
    {},
    {"factor": 0.5, "patience": 4, "threshold": 0.001, "cooldown": 2, "min_lr": 1e-4},
    {"factor": 0.5, "patience": 0},
    {"factor": 0.3, "patience": 2, "threshold": 0.05, "threshold_mode": "abs", "cooldown": 3},
    {"factor": 0.7, "patience": 1, "threshold": 0.02, "mode": "max", "min_lr": 0.02},
    {"factor": 0.7, "patience": 3, "threshold": 0.1, "threshold_mode": "abs", "mode": "max", "cooldown": 1},
]


def run(options):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, eps=0, **options)
    metrics, values = [], []
    for t in range(80):
        trend = 1 / (1 + 0.3 * min(t, 12))
        if options.get("mode") == "max":
            trend = 2 - trend
        metrics.append(float("nan") if t in (20, 21) else round(trend + draw.uniform(0, 0.05), 3))
        scheduler.step(metrics[-1])
        values.append(optimizer.param_groups[0]["lr"])
    # NaN is not JSON.
    return {"options": options, "metrics": [m if m == m else None for m in metrics], "values": values}


text = json.dumps({"torch": torch.__version__, "runs": [run(options) for options in cases]})
pathlib.Path(__file__).with_suffix(".json").write_text(text.replace('}, {"', '},\n{"') + "\n")
