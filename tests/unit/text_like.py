"""Vectors that lie as those of texts do: in a narrow cone, with variances that fall fast."""

import numpy as np

N, DIM, RANK = 200, 16, 11
CLASSES = [f"class{number % 5}" for number in range(N)]


def text_like(rank: int = DIM, rows: int = N) -> np.ndarray:
    """(rows, DIM) with a large common component and variances that fall fast."""
    rng = np.random.default_rng(3)
    scales = 0.7 ** np.arange(rank)
    inner = rng.normal(size=(rows, rank)) * scales
    basis = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]
    vectors = inner @ basis[:rank] + 2 * basis[-1]
    return vectors.astype(np.float32)
