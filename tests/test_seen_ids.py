"""Repeated ids are found, whatever the chunks, in eight bytes for each id."""

from hypothesis import given
from hypothesis import strategies as st

from quals.scoring.ids import SeenIds


@given(st.lists(st.lists(st.text(max_size=2), max_size=8), max_size=8))
def test_the_first_repeated_id_is_found_as_with_a_set(chunks):
    seen, known = SeenIds(), set()
    for chunk in chunks:
        expected = next((i for i, id_ in enumerate(chunk) if id_ in known | set(chunk[:i])), None)
        assert seen.add(chunk) == expected
        if expected is not None:
            return
        known |= set(chunk)
        assert len(seen) == len(known)


def test_many_ids_cost_eight_bytes_each():
    seen = SeenIds()
    for start in range(0, 100_000, 512):
        assert seen.add([f"a fairly long id {i}" for i in range(start, start + 512)]) is None
    assert seen.nbytes == 8 * len(seen)
    assert seen.add(["new", "a fairly long id 77777"]) == 1
