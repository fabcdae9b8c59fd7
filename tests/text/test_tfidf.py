"""Hashed TF-IDF: hand-worked weights, and what must hold for any text."""

import math
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.errors import ConfigurationError
from crsgym.text import load_encoder
from crsgym.text.tfidf import HashedTfidf
from crsgym.text.words import words

TEXTS = st.lists(st.text(max_size=60), max_size=8)


def test_weights_worked_by_hand() -> None:
    # "scary" once and "ghost" three times: (1, 1 + ln 3) over its length.
    [vector] = HashedTfidf().encode(["Scary ghosts, ghost, GHOST!"])
    once, thrice = 1.0, 1 + math.log(3)
    expected = np.array([once, thrice]) / math.hypot(once, thrice)
    assert sorted(vector[vector > 0]) == pytest.approx(expected)


def test_a_rare_word_weighs_more_after_fit() -> None:
    # df(comedy) = 2, df(noir) = 1 of n = 3: idf = 1 + ln(4 / 3) and 1 + ln(4 / 2).
    encoder = HashedTfidf().fit(["comedy", "comedy comedy", "noir"])
    [vector] = encoder.encode(["noir comedy"])
    common, rare = 1 + math.log(4 / 3), 1 + math.log(2)
    expected = np.array([common, rare]) / math.hypot(common, rare)
    assert sorted(vector[vector > 0]) == pytest.approx(expected)


def test_words_that_say_nothing_do_not_count() -> None:
    encoder = HashedTfidf()
    a, b, nothing = encoder.encode(
        ["a comedy", "I would like some comedies please no", "the movie"]
    )
    assert a @ encoder.encode(["comedies"])[0] == pytest.approx(1.0)
    assert 0 < a @ b < 1
    assert not nothing.any()


@given(TEXTS)
def test_rows_are_unit_or_zero_and_do_not_depend_on_the_batch(texts: list[str]) -> None:
    encoder = HashedTfidf(dim=64)
    batch = encoder.encode(texts)
    assert batch.shape == (len(texts), 64)
    assert batch.dtype == np.float32
    norms = np.linalg.norm(batch, axis=1)
    assert np.all((np.abs(norms - 1) < 1e-5) | (norms == 0))
    for text, row in zip(texts, batch, strict=True):
        assert np.array_equal(encoder.encode([text])[0], row)


@given(TEXTS)
def test_sparse_is_the_same_matrix(texts: list[str]) -> None:
    encoder = HashedTfidf(dim=64)
    sparse = encoder.encode_sparse(texts)
    assert sparse.has_sorted_indices
    assert np.array_equal(sparse.toarray(), encoder.encode(texts))


def test_vectors_are_the_same_in_another_process() -> None:
    code = (
        "from crsgym.text.tfidf import HashedTfidf;"
        "print(HashedTfidf(97).encode(['Amélie in Paris, 2001']).nonzero()[1].tolist())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == str(
        HashedTfidf(97).encode(["Amélie in Paris, 2001"]).nonzero()[1].tolist()
    )


def test_what_it_was_fitted_on_is_in_its_spec() -> None:
    assert HashedTfidf().spec() != HashedTfidf().fit(["a b"]).spec()
    assert HashedTfidf().fit(["a b"]).spec() != HashedTfidf().fit(["a c"]).spec()
    assert HashedTfidf().fit(["a b"]).spec() == HashedTfidf().fit(iter(["a b"])).spec()


def test_wrong_arguments_stop_early() -> None:
    with pytest.raises(ConfigurationError, match="dim"):
        HashedTfidf(dim=0)
    with pytest.raises(ConfigurationError, match="at least one text"):
        HashedTfidf().fit([])
    with pytest.raises(TypeError, match="one str"):
        HashedTfidf().encode("a comedy")


def test_encoding_a_batch_is_cheap() -> None:
    encoder = load_encoder("tfidf")
    texts = [
        f"The seeker wants a dark thriller from the 199{i % 10}s with star {i}." for i in range(512)
    ]
    encoder.encode(texts)
    best = min(_seconds(encoder, texts) for _ in range(5))
    # About 10 µs a text on an idle core; the bound leaves room for a busy machine.
    assert best / len(texts) < 60e-6


def _seconds(encoder: object, texts: list[str]) -> float:
    start = time.perf_counter()
    encoder.encode(texts)  # type: ignore[attr-defined]
    return time.perf_counter() - start


def test_the_rows_of_a_group_are_weighed_and_added_up() -> None:
    encoder = HashedTfidf(dim=64)
    texts = ["a scary comedy", "comedy", "noir", ""]
    weights = np.array([1, -0.5, 2, 1], dtype=np.float32)
    rows = weights[:, None] * encoder.encode(texts)
    grouped = encoder.encode_words(list(map(words, texts)), weights, [0, 2, 2, 4]).toarray()
    expected = [rows[0] + rows[1], np.zeros(64), rows[2] + rows[3]]
    np.testing.assert_allclose(grouped, expected, rtol=1e-6)
