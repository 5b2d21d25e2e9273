"""Every published layout beside every case of bad input: what is done to a copy of its fixture, or why it cannot be."""

from __future__ import annotations

from tests.corpora.spoiling import Layout, Spoilt, cut, move, pack, remove, row, sql, swap, write

from vulnscope.errors import CorruptData, InputError

TWICE = "is already used by"
NO_CWE = "not a CWE identifier: "
OUTSIDE = "is outside the set: "
UNPACKED = "read unpacked only; `corpus get` unpacks archives and refuses torn ones (test_fetch)"
LINES = "ids are file and line, so no two rows have the same"
SIDES = "labels are the names of columns or files, not values"


def fixes(name: str, packed: str = "") -> dict[str, Spoilt | str]:
    """The layout that SVEN and SafeCoder share."""
    return {
        "missing file": remove("data_train_val/train"),
        "truncated file": cut(name),
        "truncated archive": packed or UNPACKED,
        "wrong columns": Spoilt(row(name, drop="func_src_after"), "func_src_after: Field required"),
        "duplicate id": LINES,
        "malformed CWE": Spoilt(row(name, {"vul_type": "CWE-abc"}), NO_CWE),
        "unassigned CWE": Spoilt(row(name, {"vul_type": "cwe-9999"})),
        "label outside the set": SIDES,
    }


CROSSVUL = "data/train.jsonl"
WEAKNESSES = "weaknesses.jsonl"
XML = "cwec_v0.1.xml"
DIVERSEVUL = "diversevul_20990101.json"
HUB = "data/test-00000-of-00001.jsonl"
JAR = "testcases/CWE121_Small_Jar/s01/CWE121_Small_Jar__char_01.c"
PRIMEVUL = "primevul_train_paired.jsonl"
HAND = "datasets/hand-crafted/dataset"
DETAILS = "datasets/real-world/cve_details.json"
DPO = "secure_programming_dpo.json"
UGLY = {"DemonstrativeExamples": [{"Entries": [{"Nature": "Ugly", "ExampleCode": "x"}]}]}
BANANA = {"meta": {"vulnerable": True, "vulnerability_type": ["Banana"]}}

LAYOUTS: dict[str, Layout] = {
    "crossvul": Layout(
        "crossvul",
        {
            "missing file": remove(CROSSVUL),
            "truncated file": cut(CROSSVUL),
            "truncated archive": pack(CROSSVUL),
            "wrong columns": Spoilt(
                row(CROSSVUL, drop="fixed_code"), "column 'fixed_code' is missing; there are: cwe_id"
            ),
            "duplicate id": Spoilt(row(CROSSVUL, times=2), TWICE),
            "malformed CWE": Spoilt(row(CROSSVUL, {"cwe_id": "CWE-abc"}), NO_CWE),
            "unassigned CWE": Spoilt(row(CROSSVUL, {"cwe_id": "CWE-9999"})),
            "label outside the set": SIDES,
        },
    ),
    "cvefixes": Layout(
        "cvefixes",
        {
            "missing file": remove("CVEfixes.db"),
            "truncated file": Spoilt(
                lambda root: (root / "CVEfixes.db").write_bytes((root / "CVEfixes.db").read_bytes()[:5000]),
                "is not a whole SQLite database: .*; get it again",
                None,
            ),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(
                sql("ALTER TABLE method_change DROP COLUMN code"), "before_change; missing: code", None, InputError
            ),
            "duplicate id": Spoilt(
                sql("UPDATE method_change SET method_change_id = 'm6' WHERE method_change_id = 'm5'"), TWICE
            ),
            "malformed CWE": Spoilt(
                sql("UPDATE cwe_classification SET cwe_id = 'CWE-abc' WHERE cwe_id = 'CWE-125'"), NO_CWE, 2
            ),
            "unassigned CWE": Spoilt(sql("UPDATE cwe_classification SET cwe_id = 'CWE-9999' WHERE cwe_id = 'CWE-125'")),
            "label outside the set": Spoilt(
                sql("UPDATE method_change SET before_change = 'maybe' WHERE method_change_id = 'm5'"), OUTSIDE
            ),
        },
    ),
    "cwe-catalog": Layout(
        "cwe-catalog",
        {
            "missing file": remove(WEAKNESSES),
            "truncated file": cut(WEAKNESSES),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(row(WEAKNESSES, drop="Name"), "Name: Field required"),
            "duplicate id": Spoilt(row(WEAKNESSES, times=2), TWICE),
            "malformed CWE": Spoilt(row(WEAKNESSES, {"ID": "abc"}), NO_CWE),
            "unassigned CWE": Spoilt(row(WEAKNESSES, {"ID": "9999"})),
            "label outside the set": Spoilt(row(WEAKNESSES, UGLY), OUTSIDE),
        },
    ),
    "cwe-catalog-xml": Layout(
        "cwe-catalog",
        {
            "missing file": remove(XML),
            "truncated file": cut(XML, "not XML that can be read: .*; download it again", None, 0.5),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(swap(XML, 'ID="125" Name=', 'ID="125" Title='), "Name: "),
            "duplicate id": Spoilt(swap(XML, '<Weakness ID="22"', '<Weakness ID="125"'), TWICE),
            "malformed CWE": Spoilt(swap(XML, 'ID="125"', 'ID="abc"'), NO_CWE),
            "unassigned CWE": Spoilt(swap(XML, 'ID="125"', 'ID="9999"')),
            "label outside the set": Spoilt(swap(XML, 'Nature="Bad"', 'Nature="Ugly"'), OUTSIDE),
        },
    ),
    "diversevul": Layout(
        "diversevul",
        {
            "missing file": remove(DIVERSEVUL),
            "truncated file": cut(DIVERSEVUL),
            "truncated archive": pack(DIVERSEVUL),
            "wrong columns": Spoilt(row(DIVERSEVUL, drop="func"), "column 'func' is missing; there are: target"),
            "duplicate id": LINES,
            "malformed CWE": Spoilt(row(DIVERSEVUL, {"cwe": ["CWE-abc"]}), NO_CWE),
            "unassigned CWE": Spoilt(row(DIVERSEVUL, {"cwe": ["CWE-9999"]})),
            "label outside the set": Spoilt(row(DIVERSEVUL, {"target": "maybe"}), OUTSIDE),
        },
    ),
    "folder": Layout(
        "folder",
        {
            "missing file": remove("off-by-one/fixed.c")._replace(
                words="pair 'off-by-one' needs one vulnerable and one fixed twin", n_bad=1, error=CorruptData
            ),
            "truncated file": cut("off-by-one/meta.json", "its meta.json is not JSON that can be read", 2, 0.5),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(write("off-by-one/meta.json", '{"severity": 1}'), "severity: Extra inputs", 2),
            "duplicate id": Spoilt(write("off-by-one/vulnerable.py", "x = 1\n"), TWICE),
            "malformed CWE": Spoilt(swap("off-by-one/meta.json", "CWE-787", "CWE-abc"), NO_CWE, 2),
            "unassigned CWE": Spoilt(swap("off-by-one/meta.json", "CWE-787", "CWE-9999")),
            "label outside the set": Spoilt(
                write("off-by-one/fix.c", "int x;\n"), "expected the name vulnerable.c or fix"
            ),
        },
    ),
    "hub": Layout(
        "hub",
        {
            "missing file": remove("data"),
            "truncated file": cut(HUB),
            "truncated archive": pack(HUB),
            "wrong columns": Spoilt(row(HUB, drop="func"), "no column 'func'; there are: flaw, lang"),
            "duplicate id": Spoilt(row(HUB, {"id": "x"}, times=2), TWICE),
            "malformed CWE": Spoilt(row(HUB, {"cwe": "CWE-abc"}), NO_CWE),
            "unassigned CWE": Spoilt(row(HUB, {"cwe": "CWE-9999"})),
            "label outside the set": Spoilt(row(HUB, {"flaw": "maybe"}), OUTSIDE),
        },
        {"columns": "code=func,label=flaw,language=lang"},
    ),
    "juliet": Layout(
        "juliet",
        {
            "missing file": remove("testcases"),
            "truncated file": cut(JAR, "no whole part under #ifndef ", keep=0.5),
            "truncated archive": UNPACKED,
            "wrong columns": "files of C have no columns",
            "duplicate id": Spoilt(move(JAR, JAR.replace("s01", "s02"), is_copy=True), TWICE),
            "malformed CWE": "the CWE is a number in the file's name; a file named otherwise is no test case",
            "unassigned CWE": Spoilt(move(JAR, JAR.replace("CWE121_Small_Jar__", "CWE9999_Small_Jar__"))),
            "label outside the set": SIDES,
        },
    ),
    "juliet-table": Layout(
        "juliet",
        {
            "missing file": remove("cases.jsonl"),
            "truncated file": cut("cases.jsonl"),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(row("cases.jsonl", drop="good"), "column 'good' is missing; there are: id, cwe"),
            "duplicate id": Spoilt(row("cases.jsonl", times=2), TWICE),
            "malformed CWE": Spoilt(row("cases.jsonl", {"cwe": "CWE-abc"}), NO_CWE),
            "unassigned CWE": Spoilt(row("cases.jsonl", {"id": "CWE9999_Small_Jar__char_01.c", "cwe": "CWE-9999"})),
            "label outside the set": SIDES,
        },
    ),
    "primevul": Layout(
        "primevul",
        {
            "missing file": remove("primevul_test_paired.jsonl", PRIMEVUL),
            "truncated file": cut(PRIMEVUL, n_bad=2),
            "truncated archive": pack(PRIMEVUL),
            "wrong columns": Spoilt(row(PRIMEVUL, drop="func"), "column 'func' is missing; there are: idx", 2),
            "duplicate id": LINES,
            "malformed CWE": Spoilt(row(PRIMEVUL, {"cwe": ["CWE-abc"]}), NO_CWE, 2),
            "unassigned CWE": Spoilt(row(PRIMEVUL, {"cwe": ["CWE-9999"]})),
            "label outside the set": Spoilt(row(PRIMEVUL, {"target": 7}), OUTSIDE, 2),
        },
    ),
    "safecoder": Layout("safecoder", fixes("data_train_val/train/sec-new-desc.jsonl")),
    "secllmholmes": Layout(
        "secllmholmes",
        {
            "missing file": remove(DETAILS),
            "truncated file": cut(DETAILS, "is not the expected JSON of projects and CVEs", None, 0.5),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(swap(DETAILS, '"cwe"', '"weakness"'), "is not the expected JSON .*'cwe'", None),
            "duplicate id": Spoilt(write(f"{HAND}/CWE-787/1.cpp", "int x;\n"), TWICE),
            "malformed CWE": Spoilt(move(f"{HAND}/CWE-89", f"{HAND}/CWE-abc"), NO_CWE, 2),
            "unassigned CWE": Spoilt(move(f"{HAND}/CWE-89", f"{HAND}/CWE-9999")),
            "label outside the set": Spoilt(
                write(f"{HAND}/CWE-787/draft.c", "int x;\n"), "expected a name such as 1.c"
            ),
        },
    ),
    "security-dpo": Layout(
        "security-dpo",
        {
            "missing file": remove(DPO),
            "truncated file": cut(DPO),
            "truncated archive": pack(DPO),
            "wrong columns": Spoilt(row(DPO, drop="rejected"), "column 'rejected' is missing; there are: lang"),
            "duplicate id": LINES,
            "malformed CWE": "vulnerabilities are told in words",
            "unassigned CWE": "vulnerabilities are told in words",
            "label outside the set": SIDES,
        },
    ),
    "securityeval": Layout(
        "securityeval",
        {
            "missing file": remove("dataset.jsonl"),
            "truncated file": cut("dataset.jsonl"),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(row("dataset.jsonl", drop="Insecure_code"), "column 'Insecure_code' is missing"),
            "duplicate id": Spoilt(row("dataset.jsonl", times=2), TWICE),
            "malformed CWE": Spoilt(row("dataset.jsonl", {"ID": "CWE-abc_author_1.py"}), NO_CWE),
            "unassigned CWE": Spoilt(row("dataset.jsonl", {"ID": "CWE-9999_author_1.py"})),
            "label outside the set": "all samples are vulnerable",
        },
    ),
    "sven": Layout("sven", fixes("data_train_val/train/cwe-089.jsonl")),
    "table": Layout(
        "table",
        {
            "missing file": remove("pairs.jsonl"),
            "truncated file": cut("pairs.jsonl"),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(row("pairs.jsonl", drop="bad"), "no column 'bad'; there are: key, good"),
            "duplicate id": Spoilt(row("pairs.jsonl", times=2), TWICE),
            "malformed CWE": Spoilt(row("pairs.jsonl", {"weakness": ["CWE-abc"]}), NO_CWE),
            "unassigned CWE": Spoilt(row("pairs.jsonl", {"weakness": ["CWE-9999"]})),
            "label outside the set": SIDES,
        },
        {"columns": "vulnerable=bad,fixed=good,cwe=weakness,language=lang,commit=fix,id=key"},
    ),
    "samples": Layout(
        "table",
        {
            "missing file": remove("samples.csv"),
            "truncated file": cut("samples.csv", "not CSV: unexpected end of data", keep=0.9),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(swap("samples.csv", "func,", "code,"), "no column 'func'; there are: code", None),
            "duplicate id": LINES,
            "malformed CWE": Spoilt(swap("samples.csv", "greet,CWE-79", "greet,CWE-abc"), NO_CWE, 2),
            "unassigned CWE": Spoilt(swap("samples.csv", "greet,CWE-79", "greet,CWE-9999")),
            "label outside the set": Spoilt(swap("samples.csv", '",0,,', '",maybe,,'), OUTSIDE),
        },
        {"columns": "code=func,label=target,pair=twin"},
    ),
    "vulbench": Layout(
        "vulbench",
        {
            "missing file": remove("data/magma/JAR001/src_fixed.c")._replace(
                words="no file 'src_fixed.c'; there are: ", n_bad=1, error=CorruptData
            ),
            "truncated file": cut("data/magma/JAR001/meta_data.json", "its meta_data.json is not JSON", keep=0.5),
            "truncated archive": UNPACKED,
            "wrong columns": "files of C have no columns",
            "duplicate id": "ids are names of folders, of which there is one each",
            "malformed CWE": Spoilt(swap("data/magma/JAR001/meta_data.json", "Buffer-", "Banana-"), "unknown vulnerab"),
            "unassigned CWE": "types of the publisher are mapped to CWEs that there are",
            "label outside the set": Spoilt(
                write("data/devign/Devign_3/meta_data.json", '{"vulnerable": null}'),
                "neither vulnerable true nor false",
            ),
        },
    ),
    "vulbench-table": Layout(
        "vulbench",
        {
            "missing file": remove("items.jsonl"),
            "truncated file": cut("items.jsonl"),
            "truncated archive": UNPACKED,
            "wrong columns": Spoilt(row("items.jsonl", drop="dataset"), "column 'dataset' is missing; there are: ", 2),
            "duplicate id": Spoilt(row("items.jsonl", times=2), TWICE),
            "malformed CWE": Spoilt(row("items.jsonl", BANANA), "unknown vulnerability type 'Banana'; known are: ", 2),
            "unassigned CWE": "types of the publisher are mapped to CWEs that there are",
            "label outside the set": Spoilt(
                row("items.jsonl", {"meta": {"vulnerability_type": []}}), "neither vulnerable true nor false", 2
            ),
        },
    ),
}
