"""Checks docs/files.md and test/data/torch with PyTorch itself. The Python code of the page runs unchanged.

python -m pip install torch safetensors && python scripts/torch-files.py [folder of PyTorch states, <rule>.pt]

For each rule of test/data/groups.json, PyTorch reads the committed file and must write the same tensors. It must also
resume from a file that `toTorch` has written, with deviations below 1e-12 of the largest value so far. With a folder, the
committed file must also equal the file that PyTorch writes from its own state. Needs the built package; no test needs
this script.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open

# ASGD computes its learning rate in this dtype, independent of the dtype of the parameters.
torch.set_default_dtype(torch.float64)
root = pathlib.Path(__file__).parent.parent
page = (root / "docs/files.md").read_text()
blocks = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
lines = {}
for block in blocks:
    if "def write_optimizer" in block or "def read_optimizer" in block:
        exec(block, lines)
write_optimizer, read_optimizer = lines["write_optimizer"], lines["read_optimizer"]

# Reads a file of PyTorch with antigrad and writes it back.
BACK = """
import { Optimizer } from './dist/index.js'
import { fromTorch, toTorch } from './dist/files/index.js'
const pairs = process.argv.slice(1)
for (let k = 0; k < pairs.length; k += 2) await toTorch(pairs[k + 1], Optimizer.load(await fromTorch(pairs[k])))
"""


def tensors_of(path):
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def compare(name, path, expected):
    (own, metadata), (theirs, their_metadata) = tensors_of(path), tensors_of(expected)
    assert own.keys() == theirs.keys(), (name, own.keys() ^ theirs.keys())
    for key, tensor in own.items():
        same = tensor.dtype == theirs[key].dtype and torch.equal(tensor, theirs[key])
        assert same, (name, key, tensor, theirs[key])
    groups, their_groups = (json.loads(data["param_groups"]) for data in (metadata, their_metadata))
    assert groups == their_groups, (name, groups, their_groups)
    assert metadata["torch.optim"] == their_metadata["torch.optim"], name


def optimizer_of(run, update):
    """A new optimizer, with the parameters before an update, or after the last update for `update` < 0."""
    values = run["parameters"][update]
    params = [torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in values]
    kind = getattr(torch.optim, run["system"].split(".")[-1])
    groups = [{"params": [params[0]]}, {"params": [params[1]], **run["second"]}, {"params": [params[2]], **run["third"]}]
    return kind(groups, **run["options"], foreach=False), params


def goes_on(run, path):
    """The largest difference from PyTorch's own run, relative to the largest value so far."""
    saved_after = run["savedAfter"]
    optimizer, params = optimizer_of(run, saved_after)
    for param in params:
        param.data.zero_()
    read_optimizer(path, optimizer)
    worst = 0.0
    largest = [torch.zeros(len(one), dtype=torch.float64) for one in run["parameters"][-1]]
    for t, expected in enumerate(run["parameters"]):
        if t > saved_after:
            if t == run["lrTimes"]["update"]:
                group = run["lrTimes"]["group"]
                optimizer.param_groups[group]["lr"] = run["lrs"][t][group]
            for i, param in enumerate(params):
                gradient = torch.tensor(run["gradients"][t][i], dtype=torch.float64)
                param.grad = None if run["missing"][t] == i else gradient
            optimizer.step()
        for i, values in enumerate(expected):
            values = torch.tensor(values, dtype=torch.float64)
            largest[i] = torch.maximum(largest[i], values.abs())
            if t >= saved_after:
                distance = (params[i].detach() - values).abs() / largest[i]
                worst = max(worst, distance.nan_to_num(0).max().item())
    return worst


folder = pathlib.Path(tempfile.mkdtemp())
runs = json.loads((root / "test/data/groups.json").read_text())["runs"]
names = [run["system"].split(".")[-1] for run in runs]
files = {name: root / f"test/data/torch/{name}.safetensors" for name in names}
pairs = [str(path) for name in names for path in (files[name], folder / f"{name}.back")]
subprocess.run(["node", "--input-type=module", "-e", BACK, *pairs], cwd=root, check=True)
for name, run in zip(names, runs):
    optimizer, _ = optimizer_of(run, run["savedAfter"])
    if len(sys.argv) > 1:
        optimizer.load_state_dict(torch.load(f"{sys.argv[1]}/{name.lower()}.pt", weights_only=True))
        write_optimizer(folder / name, optimizer)
        compare(name, files[name], folder / name)
    optimizer, _ = optimizer_of(run, run["savedAfter"])
    read_optimizer(files[name], optimizer)
    write_optimizer(folder / name, optimizer)
    compare(name, files[name], folder / name)
    worst = goes_on(run, folder / f"{name}.back")
    assert worst <= 1e-12, (name, worst)
    print(f"{name}: the same tensors; goes on from our file to {worst:.1e}")
