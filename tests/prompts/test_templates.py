from pathlib import Path
from typing import Any

import pytest
import yaml

from vulnscope.errors import InputError
from vulnscope.prompts import POLARITIES, load_prompts

VALID: dict[str, Any] = {
    "protocol": "mine",
    "answers": {"yes": ["Yes"], "no": ["No"]},
    "plain": "{code}\n{question}\n",
    "chat": "{code} {question}",
    "prompts": [{"name": "only", "vulnerable": "Vulnerable?", "secure": "Secure?"}],
}


def test_the_packaged_prompts_load() -> None:
    prompts = load_prompts("yes-no")
    assert prompts.canonical.name == "direct"
    assert len(prompts.prompts) == 3
    assert [prompts.canonical.question(polarity) for polarity in POLARITIES] == [
        "Is this code vulnerable? Answer yes or no.",
        "Is this code secure? Answer yes or no.",
    ]


def test_a_users_file_needs_no_code(tmp_path: Path) -> None:
    path = _write(tmp_path, VALID)
    assert load_prompts(path).canonical.name == "only"
    assert load_prompts(str(path)) == load_prompts(path)
    assert load_prompts(path).digest() != load_prompts("yes-no").digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"plain": "{code} {question} {cve}"}, r"plain: unknown slot \{cve\}; slots are \{language\}, \{code\}"),
        ({"plain": "{code!r} {question}"}, r"plain: unknown slot \{code\}"),
        ({"plain": "{question}"}, r"plain: needs the slot \{code\} exactly once, has it 0 times"),
        ({"chat": "{code}{code}{question}"}, r"chat: needs the slot \{code\} exactly once, has it 2 times"),
        ({"chat": "{code} {question} }"}, r"chat: .*'}'"),
        ({"answers": {"yes": ["Yes"]}}, r"answers: needs forms for exactly yes and no, has yes"),
        ({"answers": {"yes": ["Yes"], "no": []}}, r"answers: needs forms"),
        ({"answers": {"yes": ["Yes"], "no": [" "]}}, r"answers: a form is empty"),
        ({"answers": {True: ["Yes"], False: ["No"]}}, r"answers: write every yes and no in quotes"),
        ({"answers": {"yes": [True], "no": ["No"]}}, r"answers: write every yes and no in quotes"),
        ({"prompts": []}, r"prompts: .*at least 1 item"),
        ({"prompts": [{"name": "a", "vulnerable": "V?"}]}, r"prompts\.0\.secure: Field required"),
        ({"prompts": VALID["prompts"] * 2}, r"prompts: names must differ, only repeat"),
        ({"extra": 1}, r"extra: Extra inputs"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = _write(tmp_path, {**VALID, **changes})
    with pytest.raises(InputError, match=rf"mine\.yaml: {message}"):
        load_prompts(path)


def test_files_that_are_no_prompts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml: cannot read prompts"):
        load_prompts(tmp_path / "absent.yaml")
    path = tmp_path / "broken.yaml"
    path.write_text("plain: [", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.yaml: not valid YAML"):
        load_prompts(path)
    path.write_text("- a list", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.yaml: prompts are a mapping with the keys protocol, answers"):
        load_prompts(path)
    path.write_bytes(b"plain: \xff")
    with pytest.raises(InputError, match=r"broken\.yaml: cannot read prompts"):
        load_prompts(path)


def _write(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path
