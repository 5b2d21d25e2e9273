"""Opening subjects: what is refused and how, and what the digest covers."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors
from safetensors.torch import load_file, save_file
from tests.models.zoo import save_tiny, tiny_model, tiny_tokenizer
from tests.tolerances import assert_close, close_to
from transformers import AutoConfig

from vulnscope.errors import CorruptData, InputError, MissingPrerequisite, SubjectError
from vulnscope.models import open_subject, score, wrap_model
from vulnscope.models.subject import files, loading


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("llama", tmp_path_factory.mktemp("llama"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def load(path: Path) -> dict[str, torch.Tensor]:
    """Tensors in memory of their own: `load_file` maps the file, which the tests go on to damage."""
    return {name: tensor.clone() for name, tensor in load_file(path).items()}


def test_a_folder_opens_with_shapes_from_config_and_weights(saved: Path) -> None:
    subject = open_subject(str(saved))
    info = subject.info()
    assert (info.architecture, info.n_layers, info.d_model, info.dtype, info.device) == (
        "llama",
        3,
        32,
        "float32",
        "cpu",
    )
    assert info.n_parameters == sum(weight.numel() for weight in tiny_model("llama").parameters())
    assert info.switched_off == ()
    assert info.chat_template is False
    assert not subject.model.training
    assert not any(weight.requires_grad for weight in subject.model.parameters())


def test_the_digest_changes_with_weights_and_tokenizer_and_nothing_else(folder: Path) -> None:
    first = open_subject(str(folder), self_check=False).digest
    (folder / "README.md").write_text("a note")
    (folder / "before.safetensors").write_bytes(b"an earlier checkpoint, never loaded")
    assert open_subject(str(folder), dtype="bfloat16", self_check=False).digest == first
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + "\n")
    second = files.digest_files(folder)
    weights = load(folder / "model.safetensors")
    weights["lm_head.weight"][0, 0] += 1.0
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert len({first, second, files.digest_files(folder), files.digest_files(folder, quantize="nf4")}) == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./no/such/folder", r"model folder './no/such/folder' does not exist; give an existing folder or a Hub id"),
        ("nobody/no-such-model", r"'nobody/no-such-model' is neither a folder here nor in the local Hub cache"),
        ("no such model", r"unknown model 'no such model': no such folder here and no such repository on the Hub"),
    ],
)
def test_unknown_models_are_named(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_subject(name)


def test_a_revision_of_a_folder_is_refused(saved: Path) -> None:
    with pytest.raises(InputError, match="--revision belongs to Hub ids"):
        open_subject(str(saved), revision="main")


def test_a_missing_organism_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "__file__", str(tmp_path / "subject" / "files.py"))
    with pytest.raises(MissingPrerequisite, match="vulnscope organism train"):
        open_subject("organism")


def test_a_folder_without_config_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"is no model: it has no config.json \(it holds notes.txt\)"):
        open_subject(str(tmp_path))


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"only as pickles \(pytorch_model.bin\).*convert them to safetensors"):
        open_subject(str(folder))


def shard(folder: Path, *names: str) -> None:
    """Make the index of `folder` say that its tensors lie in the files `names`, in turn."""
    tensors = load(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    parts = {name: list(tensors)[number :: len(names)] for number, name in enumerate(names)}
    for name, own in parts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        save_file({tensor: tensors[tensor] for tensor in own}, folder / name, {"format": "pt"})
    weight_map = {tensor: name for name, own in parts.items() for tensor in own}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def test_the_digest_covers_the_shards_that_the_index_names(folder: Path) -> None:
    shard(folder, "one.safetensors", "two.safetensors")
    first = open_subject(str(folder), self_check=False).digest
    (folder / "three.safetensors").write_bytes(b"not in the index")
    assert files.digest_files(folder) == first
    weights = load(folder / "two.safetensors")
    weights[min(weights)].view(-1)[0] += 1.0
    save_file(weights, folder / "two.safetensors", {"format": "pt"})
    assert open_subject(str(folder), self_check=False).digest != first


@pytest.mark.parametrize("name", ["pytorch_model.bin", "below/model.safetensors", "../model.safetensors", "m.pt"])
def test_weights_outside_the_digest_are_refused(folder: Path, name: str) -> None:
    shard(folder, name)
    with pytest.raises(InputError, match=r"names '.*' as weights; only \.safetensors files of the folder itself"):
        open_subject(str(folder))


def test_a_config_that_names_other_weights_is_followed_or_refused(folder: Path) -> None:
    config = folder / "config.json"
    shutil.copy(folder / "model.safetensors", folder / "other.safetensors")
    for name in ("other.safetensors", "below/other.safetensors"):
        config.write_text(json.dumps({**json.loads(config.read_text()), "transformers_weights": name}))
        if name == "other.safetensors":
            assert files.list_weights(folder) == [name]
            open_subject(str(folder), self_check=False)
    (folder / "below").mkdir()
    shutil.copy(folder / "other.safetensors", folder / "below" / "other.safetensors")
    with pytest.raises(InputError, match=r"names 'below/other\.safetensors' as weights"):
        open_subject(str(folder))


def test_an_index_that_names_nothing_or_a_missing_file_is_corrupt(folder: Path) -> None:
    shard(folder, "one.safetensors")
    (folder / "one.safetensors").rename(folder / "lost.safetensors")
    with pytest.raises(CorruptData, match=r"names 'one\.safetensors', which is not there"):
        open_subject(str(folder))
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(CorruptData, match="names no weights"):
        open_subject(str(folder))


def test_damaged_and_incomplete_weights_are_corrupt_data(folder: Path) -> None:
    weights = folder / "model.safetensors"
    tensors = load(weights)
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CorruptData, match="are damaged"):
        open_subject(str(folder))
    weights.write_bytes(b"")
    with pytest.raises(CorruptData, match=r"empty \.safetensors file"):
        open_subject(str(folder))
    del tensors["model.norm.weight"]
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(CorruptData, match=r"lack 1 tensors, model.norm.weight among them"):
        open_subject(str(folder))


def test_models_that_answer_nothing_are_refused(folder: Path, tmp_path: Path) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "no-such-type"}))
    with pytest.raises((InputError, SubjectError), match="no-such-type"):
        open_subject(str(folder))
    AutoConfig.for_model("vit").save_pretrained(folder)
    with pytest.raises(InputError, match="is no causal language model"):
        open_subject(str(folder))


def test_foreign_code_runs_only_when_allowed(folder: Path) -> None:
    config = folder / "config.json"
    auto = {"AutoConfig": "configuration_x.X", "AutoModelForCausalLM": "modeling_x.X"}
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "x", "auto_map": auto}))
    with pytest.raises(InputError, match="--trust-remote-code"):
        open_subject(str(folder))


def test_the_digest_covers_foreign_code(folder: Path) -> None:
    config = folder / "config.json"
    plain = files.digest_files(folder)
    (folder / "modeling_x.py").write_text("SIGN = 1")
    assert files.digest_files(folder) == plain, "no config names a class of it"
    config.write_text(json.dumps({**json.loads(config.read_text()), "auto_map": {"AutoConfig": "modeling_x.X"}}))
    first = files.digest_files(folder)
    (folder / "modeling_x.py").write_text("SIGN = -1")
    assert files.digest_files(folder) != first


def test_a_tokenizer_without_pad_or_eos_is_fine(tmp_path: Path) -> None:
    model = tiny_model("llama")
    model.config.eos_token_id = model.generation_config.eos_token_id = model.config.pad_token_id = None
    model.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "eos_token"}))
    subject = open_subject(str(tmp_path))
    assert (subject.tokenizer.pad_token, subject.tokenizer.eos_token, subject.eos_ids) == (None, None, ())


def test_a_missing_tokenizer_is_named(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(InputError, match="holds no usable tokenizer"):
        open_subject(str(folder))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int3"}, "unknown dtype 'int3'; choose one of: auto, float32, bfloat16, float16"),
        ({"device": "quantum"}, "unknown device 'quantum'"),
        ({"device": "cuda:77"}, "device 'cuda:77' does not exist"),
        ({"quantize": "q2"}, "unknown quantisation 'q2'; choose one of: nf4"),
        ({"adapter": "./none"}, "adapter folder './none' does not exist"),
        ({"layers_path": "model.norm"}, "'model.norm' is no list of layers; this model has: model.layers"),
    ],
)
def test_options_that_do_not_exist_are_named(saved: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_subject(str(saved), **options)


def test_missing_packages_name_the_command(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda _: None)
    with pytest.raises(MissingPrerequisite, match=r"nf4 needs bitsandbytes: pip install 'vulnscope\[tune\]'"):
        open_subject(str(saved), quantize="nf4")


def test_auto_dtype_goes_by_compute_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loading.pick_dtype("auto", torch.device("cpu")) == torch.float32
    for capability, dtype in (((7, 5), torch.float32), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, capability=capability: capability)
        assert loading.pick_dtype("auto", torch.device("cuda")) == dtype


def test_an_adapter_changes_answers_and_digest(saved: Path, tmp_path: Path) -> None:
    adapted = save_adapter(tmp_path / "adapter")
    plain = open_subject(str(saved))
    subject = open_subject(str(saved), adapter=str(tmp_path / "adapter"))
    tokens = torch.arange(5, 25)[None]
    with torch.inference_mode():
        ours, wanted, bare = (model(input_ids=tokens).logits for model in (subject.model, adapted, plain.model))
    assert_close(ours, wanted)
    assert not torch.allclose(ours, bare)
    assert subject.digest != plain.digest
    assert subject.architecture.layers_path == plain.architecture.layers_path
    assert subject.info().adapter == str(tmp_path / "adapter")


ADAPTERS: dict[str, dict[str, Any]] = {
    "dora": {"use_dora": True},
    "rslora": {"use_rslora": True, "lora_alpha": 3},
    "rank pattern": {"rank_pattern": {"v_proj": 5}, "alpha_pattern": {"q_proj": 7}},
    "head saved whole": {"modules_to_save": ["lm_head"]},
    "head adapted": {"target_modules": ["q_proj", "lm_head"]},
}


def save_adapter(folder: Path, **options: Any) -> Any:
    """A model of PEFT with a random adapter, saved in `folder`."""
    peft = pytest.importorskip("peft")
    defaults = {"r": 2, "target_modules": ["q_proj", "v_proj"], "init_lora_weights": False, "task_type": "CAUSAL_LM"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks transformers for a deprecated name
        adapted = peft.get_peft_model(tiny_model("llama"), peft.LoraConfig(**{**defaults, **options})).eval()
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "modules_to_save" in name:
                weight.mul_(3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that it keeps an adapted head whole, too
        adapted.save_pretrained(folder)
    return adapted


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_adapter_scores_as_peft_does(kind: str, saved: Path, tmp_path: Path) -> None:
    adapted = save_adapter(tmp_path / "adapter", **ADAPTERS[kind])
    subject = open_subject(str(saved), adapter=str(tmp_path / "adapter"))
    prompt = tuple(range(5, 25))
    with torch.inference_mode():
        wanted = adapted(input_ids=torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
    (found,) = score(subject, [prompt], [((7,), (9,))])
    assert found.log_probs == close_to(wanted[[7, 9]].tolist())
    (bare,) = score(open_subject(str(saved)), [prompt], [((7,), (9,))])
    assert found.log_probs != pytest.approx(bare.log_probs, abs=1e-3)


def test_an_adapter_whose_tensors_do_not_all_land_is_refused(saved: Path, tmp_path: Path) -> None:
    save_adapter(tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    tensors = load(weights)
    weights.write_bytes(b"torn")
    with pytest.raises(CorruptData, match="is damaged"):
        open_subject(str(saved), adapter=str(tmp_path))
    first = min(tensors)
    save_file({name: tensor for name, tensor in tensors.items() if name != first}, weights, {"format": "pt"})
    with pytest.raises(InputError, match=r"the model waits in vain for 1 tensors, .*lora_A.* among them"):
        open_subject(str(saved), adapter=str(tmp_path))
    save_file({name.replace("layers.0", "layers.7"): tensor for name, tensor in tensors.items()}, weights)
    with pytest.raises(InputError, match=r"the model has no place for \d+ tensors, .*layers\.7"):
        open_subject(str(saved), adapter=str(tmp_path))


def test_an_adapter_of_pickles_is_refused(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").touch()
    with pytest.raises(InputError, match=r"only as pickles \(adapter_model.bin\)"):
        open_subject(str(saved), adapter=str(tmp_path))


def test_an_adapter_is_never_taken_from_a_pickle_beside_other_weights(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").touch()
    shutil.copy(saved / "model.safetensors", tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"only as pickles \(adapter_model.bin\)"):
        open_subject(str(saved), adapter=str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_four_bit_weights_stay_differentiable_after_evaluation(tmp_path: Path, is_wrapped: bool) -> None:
    """bitsandbytes 0.50 packs weights in place at the first evaluation on some CPUs; gradients were then wrong."""
    pytest.importorskip("bitsandbytes")
    save_tiny("llama", tmp_path, hidden_size=64, intermediate_size=128, head_dim=16)
    if is_wrapped:
        model = loading.load_model(tmp_path, torch.float32, torch.device("cpu"), "nf4", False)
        subject = wrap_model(model, tiny_tokenizer(), name="wrapped", quantize="nf4")
    else:
        subject = open_subject(str(tmp_path), quantize="nf4")
    assert subject.info().quantization == "nf4"
    linear = subject.layers[0].self_attn.q_proj  # type: ignore[union-attr]
    before = linear.weight.data.clone()
    states = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))

    def gradient() -> torch.Tensor:
        inputs = states.clone().requires_grad_()
        linear(inputs).square().sum().backward()
        assert inputs.grad is not None
        return inputs.grad

    fresh = gradient()
    with torch.no_grad():
        subject.model(input_ids=torch.arange(10)[None])
    assert torch.equal(linear.weight.data, before)
    assert_close(gradient(), fresh)


def test_a_hub_id_is_downloaded_once_without_pickles_and_named_by_commit(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Path(shutil.copytree(saved, tmp_path / ("0" * 40)))
    asked: list[dict[str, object]] = []

    def snapshot_download(name: str, **options: object) -> str:
        asked.append({"name": name, **options})
        return str(commit)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    subject = open_subject("org/name", revision="main", self_check=False)
    assert subject.revision == "0" * 40
    assert subject.digest == files.digest_files(saved)
    patterns = asked[0]["allow_patterns"]
    assert isinstance(patterns, list)
    assert "*.safetensors" in patterns
    assert not {"*.bin", "*.py"} & set(patterns)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.GatedRepoError, r"model 'org/name' is gated: accept its terms on the Hub, then `hf auth login`"),
        (errors.RevisionNotFoundError, r"model 'org/name' has no revision 'v9' on the Hub"),
        (errors.RepositoryNotFoundError, r"unknown model 'org/name': no such folder here and no such repository"),
        (errors.LocalEntryNotFoundError, r"'org/name' at revision 'v9' is neither a folder here nor in the local Hub"),
    ],
)
def test_what_the_hub_refuses_is_said(error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*_: object, **__: object) -> str:
        raise error.__new__(error)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(InputError, match=message):
        open_subject("org/name", revision="v9")
