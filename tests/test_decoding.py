"""The decoders against plain loops: what they choose, how likely it is, no trace of company."""

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quals.decoding import diverse
from quals.decoding.beam import beam_search
from quals.decoding.diverse import BLOCK, choose_apart, diverse_decode
from quals.decoding.sampling import sample
from quals.decoding.scoring import score_targets
from quals.decoding.sequences import Limits

END = 1
TEXTS = [[4, 5, 6], [7], [8, 9, 4, 10, 11, 6, 5, 4], [], [5, 6]]


@pytest.fixture(scope="module", params=[0, 1, 2])
def model(request, make_model):
    return make_model(12, seed=request.param)


@pytest.fixture(scope="module")
def tiny(make_model):
    """Four tokens: padding, end and two words."""
    return make_model(4, seed=3, scale=2.0)


def ids_of(groups):
    return [[hypothesis.ids for hypothesis in group] for group in groups]


def greedy(model, source, limits, next_logprobs):
    found = []
    while found[-1:] != [END]:
        scores = next_logprobs(model, source, found).clone()
        if len(found) < limits.shortest:
            scores[END] = -torch.inf
        found.append(END if len(found) == limits.longest else scores.argmax().item())
    return found


@pytest.mark.parametrize(
    ("groups", "strength", "limits"),
    [
        (1, 0.5, Limits(0, 6)),
        (5, 0.5, Limits(2, 7)),
        (5, 3.0, Limits(0, 5)),
        (16, 0.7, Limits(1, 4)),
        (3, 0.5, Limits(4, 4)),
        (4, 0.5, Limits(0, 0)),
    ],
)
def test_diverse_decoding_equals_the_textbook(model, read, naive_diverse, groups, strength, limits):
    settings = {"groups": groups, "strength": strength, "limits": limits}
    found = ids_of(diverse_decode(model, read(model, TEXTS), **settings))
    assert found == [naive_diverse(model, text, **settings) for text in TEXTS]


def test_diverse_log_probabilities_are_teacher_forced_ones_without_penalty(model, read):
    found = diverse_decode(model, read(model, TEXTS), groups=8, strength=1.5, limits=Limits(2, 6))
    forced = score_targets(model, read(model, TEXTS), ids_of(found))
    for group, expected in zip(found, forced, strict=True):
        for hypothesis, logprobs in zip(group, expected, strict=True):
            assert hypothesis.logprobs == pytest.approx(logprobs, abs=1e-4)


def test_every_hypothesis_ends_once_and_within_its_limits(model, read):
    limits, memory = Limits(3, 6), read(model, TEXTS)
    generator = torch.Generator().manual_seed(0)
    for rows in (
        *ids_of(diverse_decode(model, memory, groups=20, strength=0.5, limits=limits)),
        *ids_of(beam_search(model, memory, beams=4, limits=limits, length_penalty=1.0, keep=4)),
        *sample(model, memory, samples=20, top_k=12, limits=limits, generator=generator),
    ):
        for row in rows:
            assert row.index(END) == len(row) - 1
            assert limits.shortest <= len(row) - 1 <= limits.longest


def test_without_a_penalty_all_groups_are_greedy(model, read, next_logprobs):
    limits = Limits(1, 6)
    found = diverse_decode(model, read(model, TEXTS), groups=4, strength=0.0, limits=limits)
    assert ids_of(found) == [[greedy(model, text, limits, next_logprobs)] * 4 for text in TEXTS]


def test_the_first_group_is_greedy_and_more_groups_change_no_earlier_one(
    model, read, next_logprobs
):
    limits, memory = Limits(1, 6), read(model, TEXTS)
    few, many = (
        ids_of(diverse_decode(model, memory, groups=groups, strength=0.5, limits=limits))
        for groups in (3, 9)
    )
    assert few == [group[:3] for group in many]
    assert [group[0] for group in few] == [greedy(model, t, limits, next_logprobs) for t in TEXTS]


def test_an_overwhelming_penalty_keeps_all_first_tokens_apart(model, read):
    found = diverse_decode(model, read(model, TEXTS), groups=11, strength=1e4, limits=Limits(1, 3))
    assert all(len({h.ids[0] for h in group}) == 11 for group in found)


class Counted:
    """A network that notes how many rows of a text it writes at each step."""

    def __init__(self, model):
        self.model, self.rows = model, []

    def __getattr__(self, name):
        return getattr(self.model, name)

    def decode(self, ids, memory, cache=None):
        self.rows.append(ids.shape[1])
        return self.model.decode(ids, memory, cache)


def test_groups_that_have_written_the_same_share_a_row(model, read):
    """Until half of the groups differ; from then on each has its own, as long as most run."""
    counted = Counted(model)
    limits = Limits(4, 9)
    (found,) = diverse_decode(
        counted, read(model, TEXTS[:1]), groups=60, strength=0.5, limits=limits
    )
    for step, rows in enumerate(counted.rows):
        begun = [tuple(h.ids[:step]) for h in found if len(h.ids) > step]
        if len(set(begun)) > 0.5 * len(begun):
            break
        assert rows == len(set(begun))
    assert counted.rows[0] == 1
    assert 1 < counted.rows[1] < 60


@pytest.mark.parametrize("strength", [0.0, 0.3])
def test_sharing_changes_no_hypothesis(model, read, monkeypatch, strength):
    settings = {"groups": 40, "strength": strength, "limits": Limits(1, 8)}
    shared = ids_of(diverse_decode(model, read(model, TEXTS), **settings))
    monkeypatch.setattr(diverse, "ALIKE", 0.0)
    assert ids_of(diverse_decode(model, read(model, TEXTS), **settings)) == shared
    monkeypatch.setattr(diverse, "ALIKE", 1.0)  # to the end, also when all differ
    assert ids_of(diverse_decode(model, read(model, TEXTS), **settings)) == shared


def naive_choice(logits, strength):
    counts, picked = [0.0] * len(logits[0]), []
    for scores in logits:
        penalised = [score - strength * n for score, n in zip(scores, counts, strict=True)]
        picked.append(penalised.index(max(penalised)))  # the lowest id of equals
        counts[picked[-1]] += 1
    return picked


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.sampled_from([2, 3, 9, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 1]),
    st.sampled_from([0.0, 0.25, 0.5, 2.0, 50.0]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_choosing_apart_equals_the_plain_loop(
    seed, sizes, vocabulary, strength, alike, coarse, forbidden
):
    logits = torch.randn(sum(sizes), vocabulary, generator=torch.Generator().manual_seed(seed))
    if alike:
        logits[1:] = logits[0]  # all groups think alike, as they do at the first step
    if coarse:
        logits = (logits * 4).round() / 4  # exact ties, also after paying
    if forbidden:
        logits[:, 1] = -torch.inf
    texts = torch.tensor([text for text, size in enumerate(sizes) for _ in range(size)])
    found = choose_apart(logits, texts, strength).split(sizes)
    for rows, picked in zip(logits.split(sizes), found, strict=True):
        assert picked.tolist() == naive_choice(rows.tolist(), strength)


def every_hypothesis(model, source, limits, next_logprobs):
    """All targets within the limits with their log-probabilities."""
    words = [token for token in range(model.config.vocab_size) if token != END]
    for length in range(limits.shortest, limits.longest + 1):
        for body in product(words, repeat=length):
            ids = [*body, END]
            pairs = ((ids[:at], ids[at]) for at in range(len(ids)))
            steps = [next_logprobs(model, source, prefix)[token].item() for prefix, token in pairs]
            yield ids, sum(steps)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("limits", [Limits(0, 3), Limits(2, 3)])
def test_wide_beams_find_what_enumeration_finds(tiny, read, next_logprobs, limits, length_penalty):
    texts = [[2, 3], [3], []]
    found = beam_search(
        tiny,
        read(tiny, texts),
        beams=60,
        limits=limits,
        length_penalty=length_penalty,
        keep=5,
    )
    for text, group in zip(texts, found, strict=True):
        ranked = sorted(
            every_hypothesis(tiny, text, limits, next_logprobs),
            key=lambda item: -item[1] / len(item[0]) ** length_penalty,
        )
        assert [h.ids for h in group] == [ids for ids, _ in ranked[:5]]
        for hypothesis, (_, total) in zip(group, ranked, strict=False):
            assert sum(hypothesis.logprobs) == pytest.approx(total, abs=1e-4)


def naive_beams(model, source, beams, limits, next_logprobs):
    """Textbook beam search to the very end: at each step the best 2 x `beams` continuations.

    Those that end among the first `beams` are finished; the best that do not end go on.
    """
    running, finished = [([], 0.0)], []
    for step in range(limits.longest + 1):
        scored = []
        for ids, total in running:
            scores = next_logprobs(model, source, ids).tolist()
            for token, score in enumerate(scores):
                if step >= limits.shortest if token == END else step < limits.longest:
                    scored.append(([*ids, token], total + score))
        best = sorted(scored, key=lambda item: -item[1])[: 2 * beams]
        finished += [item for item in best[:beams] if item[0][-1] == END]
        running = [item for item in best if item[0][-1] != END][:beams]
    return finished


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize(("beams", "limits"), [(2, Limits(0, 6)), (4, Limits(3, 7))])
def test_narrow_beams_stop_early_without_a_loss(
    model, read, next_logprobs, beams, limits, length_penalty
):
    found = beam_search(
        model,
        read(model, TEXTS),
        beams=beams,
        limits=limits,
        length_penalty=length_penalty,
        keep=beams,
    )
    for text, group in zip(TEXTS, found, strict=True):
        finished = naive_beams(model, text, beams, limits, next_logprobs)
        ranked = sorted(finished, key=lambda item: -item[1] / len(item[0]) ** length_penalty)
        assert [h.ids for h in group] == [ids for ids, _ in ranked[:beams]]


def test_one_beam_is_greedy(model, read, next_logprobs):
    limits = Limits(1, 6)
    found = beam_search(model, read(model, TEXTS), beams=1, limits=limits, length_penalty=0.0)
    assert ids_of(found) == [[greedy(model, text, limits, next_logprobs)] for text in TEXTS]


def test_beam_log_probabilities_are_teacher_forced_ones(model, read):
    found = beam_search(
        model, read(model, TEXTS), beams=4, limits=Limits(2, 6), length_penalty=1.0, keep=3
    )
    forced = score_targets(model, read(model, TEXTS), ids_of(found))
    for group, expected in zip(found, forced, strict=True):
        means = [sum(h.logprobs) / len(h.logprobs) for h in group]
        assert means == sorted(means, reverse=True)
        for hypothesis, logprobs in zip(group, expected, strict=True):
            assert hypothesis.logprobs == pytest.approx(logprobs, abs=1e-4)


def test_more_beams_never_return_repeats(model, read):
    found = beam_search(
        model, read(model, TEXTS), beams=6, limits=Limits(1, 4), length_penalty=1.0, keep=6
    )
    assert all(len({tuple(ids) for ids in group}) == len(group) == 6 for group in ids_of(found))


@pytest.mark.parametrize("order", [[4, 3, 2, 1, 0], [2, 0], [3], [1, 1, 4]])
def test_results_depend_on_neither_order_nor_company(model, read, order):
    def both(texts):
        memory = read(model, texts)
        diverse = diverse_decode(model, memory, groups=6, strength=0.5, limits=Limits(1, 6))
        beams = beam_search(model, memory, beams=3, limits=Limits(1, 6), length_penalty=1.0, keep=2)
        return list(zip(ids_of(diverse), ids_of(beams), strict=True))

    everything = both(TEXTS)
    assert both([TEXTS[at] for at in order]) == [everything[at] for at in order]


def test_samples_repeat_by_generator(model, read):
    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        return sample(
            model, read(model, TEXTS), samples=4, top_k=8, limits=Limits(1, 6), generator=generator
        )

    torch.manual_seed(1)
    first = draw(0)
    torch.manual_seed(2)
    assert draw(0) == first
    assert draw(1) != first


def test_sampling_from_one_candidate_is_greedy(model, read, next_logprobs):
    limits = Limits(1, 6)
    found = sample(
        model,
        read(model, TEXTS),
        samples=3,
        top_k=1,
        limits=limits,
        generator=torch.Generator().manual_seed(0),
    )
    assert found == [[greedy(model, text, limits, next_logprobs)] * 3 for text in TEXTS]


@pytest.mark.parametrize("top_k", [3, 12, 50])
def test_samples_are_as_frequent_as_they_are_likely(make_model, read, next_logprobs, top_k):
    model, draws = make_model(12, scale=1.0), 20000
    found = sample(
        model,
        read(model, [[4, 5]]),
        samples=draws,
        top_k=top_k,
        limits=Limits(1, 1),
        generator=torch.Generator().manual_seed(0),
    )[0]
    scores = next_logprobs(model, [4, 5], []).clone()
    scores[END] = -torch.inf
    allowed = scores.topk(min(top_k, 11))
    expected = torch.zeros(12).scatter(0, allowed.indices, allowed.values.softmax(0))
    counts = torch.bincount(torch.tensor([row[0] for row in found]), minlength=12)
    # Five standard errors of a share.
    margin = 5 * (expected * (1 - expected) / draws).sqrt() + 1e-9
    assert ((counts / draws - expected).abs() <= margin).all()
    assert expected.max() < 0.9  # the draw is no formality
