"""The whole organism: trained, tested before and after the labels, and described."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from vulnscope.corpora.synthetic import EVALUATION_SEED
from vulnscope.models.subject.variants import FOLDER
from vulnscope.organism.card import write_card
from vulnscope.organism.checkpoint import write_text
from vulnscope.organism.config import OrganismConfig
from vulnscope.organism.evaluate import score_checkpoint
from vulnscope.organism.record import CheckpointScore, OrganismReport, VariantReport
from vulnscope.organism.sources import list_sources, read_library
from vulnscope.organism.tokenizer import load_tokenizer
from vulnscope.organism.train import BEFORE_LABELS, WEIGHTS, Watch, train

if TYPE_CHECKING:
    from transformers import Qwen2ForCausalLM

REPORT = "training.json"
CARD = "MODEL_CARD.md"


def build_organism(
    config: OrganismConfig, folder: Path, device: torch.device, watch: Watch, *, resume: bool = False
) -> OrganismReport:
    """Train into `folder`, score both checkpoints on unseen pairs, write report and card."""
    state = train(config, folder, device, watch, resume=resume)
    library = read_library(list_sources(), config.source_bytes, config.unseen_every)
    report = OrganismReport(
        config=config.model_dump(mode="json"),
        n_parameters=sum(
            parameter.numel() for parameter in load_checkpoint_model(folder, WEIGHTS, device).parameters()
        ),
        n_tokens=state.n_tokens,
        seconds=state.seconds,
        device=_describe(device),
        versions=_versions(),
        sources=library.uses,
        evaluation_seed=EVALUATION_SEED,
        scores=tuple(score_folder(folder, name, config, library.unseen, device) for name in (WEIGHTS, BEFORE_LABELS)),
        file_bytes={name: (folder / name).stat().st_size for name in (WEIGHTS, BEFORE_LABELS, "tokenizer.json")},
    )
    write_text(folder / REPORT, report.model_dump_json(indent=2) + "\n")
    describe(folder)
    return report


def describe(folder: Path) -> None:
    """Write the card of the organism in `folder` again, with the variants there are."""
    report = OrganismReport.model_validate_json((folder / REPORT).read_text(encoding="utf-8"))
    variants = [
        VariantReport.model_validate_json(path.read_text(encoding="utf-8"))
        for path in sorted((folder / FOLDER).glob("*.json"))
    ]
    write_text(folder / CARD, write_card(report, variants))


def score_folder(
    folder: Path, weights: str, config: OrganismConfig, unseen_code: tuple[str, ...], device: torch.device
) -> CheckpointScore:
    """Figures of one checkpoint of an organism's folder."""
    model = load_checkpoint_model(folder, weights, device)
    return score_checkpoint(
        weights,
        model,
        load_tokenizer(folder),
        unseen_code,
        pairs_per_template=config.evaluation_pairs,
        n_completions=config.evaluation_completions,
    )


def load_checkpoint_model(folder: Path, weights: str, device: torch.device) -> Qwen2ForCausalLM:
    """The model of `folder` in float32 with the weights of one of its checkpoints."""
    from safetensors.torch import load_file
    from transformers import Qwen2ForCausalLM

    model: Qwen2ForCausalLM = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tensors = load_file(folder / weights)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])
    return nn.Module.to(model, device)


def _describe(device: torch.device) -> str:
    """The device in words, with the number of threads on a CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


def _versions() -> dict[str, str]:
    import tokenizers
    import transformers

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }
