"""Sums over groups of rows and blocks of columns, against NumPy."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from crsgym.retrieval.signals import ItemSignals
from crsgym.retrieval.sparse import dense_sums
from crsgym.text.words import words

SAID = [
    words(text)
    for text in (
        "a gritty drama from the 1990s",
        "horror",
        "",
        "a drama with something funny, gritty",
    )
]
WEIGHTS = np.array([0.5, -0.5, 1, 2], dtype=np.float32)
ENDS = (0, 2, 2, 4)


@given(st.data())
def test_sums_are_those_of_the_dense_rows(data: st.DataObject) -> None:
    rows, blocks, width = (data.draw(st.integers(1, 4)) for _ in range(3))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    dense = rng.integers(-3, 4, (rows, blocks * width)).astype(np.float32)
    weights = rng.integers(-2, 3, rows).astype(np.float32)
    ends = [0, *sorted(rng.integers(0, rows + 1, 3).tolist()), rows]
    folded = dense.reshape(rows, blocks, width).sum(axis=1)
    weighed = weights[:, None] * folded
    groups = [weighed[start:end].sum(axis=0) for start, end in pairwise(ends)]
    assert np.array_equal(dense_sums(csr_matrix(dense), width), folded)
    assert np.array_equal(dense_sums(csr_matrix(dense), width, weights, ends), np.array(groups))


@pytest.mark.parametrize("signal", ["text", "attributes"])
def test_a_signal_of_several_texts_is_the_weighted_sum(signal: str, synthetic: ItemSignals) -> None:
    read = getattr(synthetic, signal)
    each = WEIGHTS[:, None] * read(SAID)
    expected = np.array([each[:2].sum(axis=0), each[2:2].sum(axis=0), each[2:].sum(axis=0)])
    together = read(SAID, WEIGHTS, ENDS)
    assert together.dtype == np.float32
    assert expected.any(axis=1).tolist() == [True, False, True]
    np.testing.assert_allclose(together, expected, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def synthetic() -> ItemSignals:
    from crsgym.data import load

    return ItemSignals(load("synthetic"))
