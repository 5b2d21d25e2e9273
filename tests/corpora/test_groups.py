from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from vulnscope.corpora import Sample
from vulnscope.corpora.groups import DisjointSets, connect_groups, seal_groups


def test_samples_that_share_a_key_a_pair_or_their_code_are_one_group(make_sample: Callable[..., Sample]) -> None:
    samples = [
        make_sample("a", group_keys=("cve:1",), pair_id="p"),
        make_sample("b", pair_id="p", group_keys=("commit:x",)),
        make_sample("c", group_keys=("commit:x",), code="int  x;\n"),
        make_sample("d", code="int x;"),
        make_sample("e", group_keys=("cve:2",)),
        make_sample("f"),
    ]
    assert connect_groups(samples) == {**dict.fromkeys("abcd", "commit:x"), "e": "cve:2", "f": "sample:f"}


def test_a_pair_names_its_group_before_a_copy_does(make_sample: Callable[..., Sample]) -> None:
    samples = [make_sample("z", pair_id="p", code="same"), make_sample("a", code="same")]
    assert set(connect_groups(samples).values()) == {"pair:p"}


def test_sealed_groups_survive_a_selection(make_sample: Callable[..., Sample]) -> None:
    chain = [make_sample(name, group_keys=(f"k:{index}", f"k:{index + 1}")) for index, name in enumerate("abcd")]
    sealed = seal_groups(chain)
    assert connect_groups(chain[::3]) == {"a": "k:0", "d": "k:3"}
    assert connect_groups(sealed[::3]) == {"a": "k:0", "d": "k:0"}
    assert seal_groups(sealed) == sealed


def test_links_join_groups(make_sample: Callable[..., Sample]) -> None:
    samples = [make_sample(name, group_keys=(f"cve:{name}",)) for name in "abc"]
    sealed = seal_groups(samples, {"b": "near:b", "c": "near:b"})
    assert connect_groups(sealed) == {"a": "cve:a", "b": "cve:b", "c": "cve:b"}


links = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20)


@given(links, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_order(edges: list[tuple[int, int]], random: object) -> None:
    samples = [
        Sample(
            id=str(node),
            corpus="test",
            language="c",
            label="unlabelled",
            code=f"code {node}",
            group_keys=tuple(f"edge:{index:02}" for index, edge in enumerate(edges) if node in edge),
        )
        for node in range(13)
    ]
    groups = connect_groups(samples)
    shuffled = list(samples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert connect_groups(shuffled) == groups
    assert all(groups[str(one)] == groups[str(other)] for one, other in edges)
    assert len(set(groups.values())) == _count_components(edges)


def _count_components(edges: list[tuple[int, int]]) -> int:
    """By repeated flooding, independent of union-find."""
    label = list(range(13))
    for _ in range(13):
        for one, other in edges:
            label[one] = label[other] = min(label[one], label[other])
    return len(set(label))


def test_disjoint_sets() -> None:
    sets = DisjointSets()
    sets.join("a", "b")
    sets.join("c", "d")
    assert sets.find("a") == sets.find("b") != sets.find("c")
    sets.join("b", "d")
    assert len({sets.find(item) for item in "abcd"}) == 1
    assert sets.find("e") == "e"
