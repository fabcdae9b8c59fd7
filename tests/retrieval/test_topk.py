"""The best of each row, against a stable sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.errors import ConfigurationError
from crsgym.retrieval.topk import top_k


@given(
    rows=st.integers(0, 5),
    n=st.integers(1, 40),
    levels=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_as_a_stable_sort_does_it(
    rows: int, n: int, levels: int, seed: int, data: st.DataObject
) -> None:
    scores = np.random.default_rng(seed).integers(0, levels, (rows, n)).astype(np.float32)
    scores[scores == 0] = -np.inf
    k = data.draw(st.integers(1, n))
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert np.array_equal(top_k(scores, k), expected)


def test_by_hand() -> None:
    scores = np.array([[1, 3, 3, 0, 3], [0, 0, 0, 0, 0]], dtype=np.float32)
    assert top_k(scores, 2).tolist() == [[1, 2], [0, 1]]
    assert top_k(scores, 4).tolist() == [[1, 2, 4, 0], [0, 1, 2, 3]]


@pytest.mark.parametrize("k", [0, 4])
def test_k_out_of_range(k: int) -> None:
    with pytest.raises(ConfigurationError, match="1 to 3"):
        top_k(np.zeros((1, 3), dtype=np.float32), k)
