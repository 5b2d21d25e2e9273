from hypothesis import given
from hypothesis import strategies as st

from vulnscope.ask.scored.packed import Requests, pack
from vulnscope.prompts import AnswerTokens, EncodedPrompt

tokens = st.lists(st.integers(0, 200_000), min_size=1, max_size=6).map(tuple)


@given(shared=st.lists(st.integers(0, 200_000), max_size=6).map(tuple), tails=st.lists(tokens, min_size=1, max_size=4))
def test_packing_loses_nothing(shared: tuple[int, ...], tails: list[tuple[int, ...]]) -> None:
    prompts = [EncodedPrompt(shared + tail, None) for tail in tails]
    answers = [AnswerTokens(((1,), (2, 3)), ("yes", "no"))] * len(tails)
    packed = pack(prompts, answers)
    request = packed.unpack()
    assert request.prompts == tuple(prompt.token_ids for prompt in prompts)
    assert request.answers == (((1,), (2, 3)),) * len(tails)
    assert packed.n_tokens == tuple(len(prompt.token_ids) for prompt in prompts)


def test_requests_unpack_as_they_are_read() -> None:
    one, other = (
        pack([EncodedPrompt(ids, None)], [AnswerTokens(((1,), (2,)), ("yes", "no"))]) for ids in ((5, 6), (7,))
    )
    requests = Requests([one, other])
    assert len(requests) == 2
    assert requests[1].prompts == ((7,),)
    assert [request.prompts for request in requests] == [((5, 6),), ((7,),)]
    assert [request.prompts for request in requests[1:]] == [((7,),)]
