"""SAELens, in an environment of its own: `PYTHON sae_lens_store.py FOLDER`; imports nothing of ours.

FOLDER holds `model/`, `tokens.safetensors` and `job.json`. Two ways are measured: SAELens' own way to disk, which takes
one run per layer and writes float32, and its activation store for several layers at once, which has no way to disk:
its batches are saved as ours are, in bfloat16. Prints seconds of this process's CPU, and versions, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sae_lens import CacheActivationsRunner, CacheActivationsRunnerConfig  # type: ignore[import-not-found]
from sae_lens.load_model import load_model  # type: ignore[import-not-found]
from sae_lens.training.activations_store import ActivationsStore  # type: ignore[import-not-found]
from safetensors.torch import load_file, save_file

_PACKAGES = ("sae-lens", "transformer-lens", "torch", "transformers")
_MODEL = "AutoModelForCausalLM"


def run_runner(folder: Path, tokens: torch.Tensor, job: dict[str, Any]) -> float:
    """Seconds of one run per layer; the first text of each layer is kept in `sae-lens-runner.safetensors`."""
    seconds, kept = 0.0, {}
    for layer in job["layers"]:
        hook = f"model.layers.{layer}"
        config = CacheActivationsRunnerConfig(
            dataset_path="",
            model_name=str(folder / "model"),
            model_class_name=_MODEL,
            model_batch_size=job["rows"],
            hook_name=hook,
            d_in=job["d_model"],
            training_tokens=tokens.numel(),
            context_size=tokens.shape[1],
            new_cached_activations_path=str(folder / f"runner-{layer}"),
            shuffle=False,
            device="cpu",
            buffer_size_gb=4 * job["d_model"] * tokens.numel() / 1e9,
            prepend_bos=False,
            streaming=False,
            model_from_pretrained_kwargs={"dtype": torch.float32},
        )
        runner = CacheActivationsRunner(config, override_dataset=_as_dataset(tokens))
        start = time.process_time()
        found = runner.run()
        seconds += time.process_time() - start
        kept[str(layer)] = torch.tensor(found[0][hook]).to(torch.bfloat16)[None].contiguous()
    save_file(kept, folder / "sae-lens-runner.safetensors")
    return seconds


def run_store(folder: Path, tokens: torch.Tensor, job: dict[str, Any]) -> float:
    """Seconds of the store for all layers at once; each batch is saved, the first in `sae-lens-store-0.safetensors`."""
    names = [f"model.layers.{layer}" for layer in job["layers"]]
    model = load_model(
        _MODEL,
        str(folder / "model"),
        "cpu",
        model_from_pretrained_kwargs={"dtype": torch.float32},
        hook_names=names,
    )
    store = ActivationsStore.from_config_multi_hook(
        model,
        dataset=_as_dataset(tokens),
        hook_names=names,
        hook_d_ins=dict.fromkeys(names, job["d_model"]),
        streaming=False,
        context_size=tokens.shape[1],
        total_training_tokens=len(tokens),
        store_batch_size_prompts=job["rows"],
        prepend_bos=False,
    )
    start = time.process_time()
    for number in range(len(tokens) // job["rows"]):
        found = store.get_multi_hook_activations(store.get_batch_tokens())
        rows = {name.rpartition(".")[2]: value.to(torch.bfloat16).contiguous() for name, value in found.items()}
        save_file(rows, folder / f"sae-lens-store-{number}.safetensors")
    return time.process_time() - start


def main(folder: Path) -> None:
    """Both ways on the same tokens."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    tokens = load_file(folder / "tokens.safetensors")["tokens"]
    seconds = {"store": run_store(folder, tokens, job), "runner": run_runner(folder, tokens, job)}
    print(json.dumps({"seconds": seconds, "versions": {name: version(name) for name in _PACKAGES}}))


def _as_dataset(tokens: torch.Tensor) -> Dataset:
    return Dataset.from_dict({"input_ids": tokens.tolist()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
