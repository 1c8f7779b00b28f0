"""Products of queries and items that are the same to the last bit whatever stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

FloatArray = NDArray[np.float32]
Product = Callable[[FloatArray, slice, FloatArray], object]

# Libraries multiply few rows by other kernels, which sum in another order: a score would depend on
# how many queries stand beside its own, and with one query, equal items would get unequal scores.
# From 2 rows on (OpenBLAS of numpy) and 16 (MKL of torch) the bits stay the same (x86, all tried).
MIN_PRODUCT_ROWS = 16
# torch's product is about 15 % faster than numpy's for long vectors and not for short ones; small
# tables are not worth importing it. The number of queries has no say, as the last bits differ.
TORCH_FROM_DIM = 128
TORCH_FROM_SIZE = 2 * 10**6  # numbers of the table
COPIED_ROWS = 512  # at once, into columns: they stay in the caches, a table of a million does not


def dot_scores(queries: FloatArray, table: FloatArray) -> FloatArray:
    """Dot products (n_queries, n_items) that do not depend on the number of queries."""
    product: FloatArray = at_least(queries, MIN_PRODUCT_ROWS) @ table.T
    return product[: len(queries)]


@contextmanager
def single_threaded_product(table: FloatArray) -> Iterator[Product]:
    """A function that writes queries @ table[items].T, on the thread that it is called from."""
    if table.shape[1] < TORCH_FROM_DIM or table.size < TORCH_FROM_SIZE:
        by_column = _columns_of(table)
        with threadpool_limits(1, user_api="blas"):
            yield lambda queries, items, out: np.matmul(queries, by_column[:, items], out=out)
        return
    import torch

    rows = torch.from_numpy(np.ascontiguousarray(table, dtype=np.float32))

    def multiply(queries: FloatArray, items: slice, out: FloatArray) -> None:
        torch.set_num_threads(1)  # holds for the calling thread
        # The copy is aligned alike in every run, on which the last bit may depend.
        aligned = torch.tensor(queries, dtype=torch.float32)
        torch.mm(aligned, rows[items].T, out=torch.from_numpy(out))

    n_threads = torch.get_num_threads()
    try:
        yield multiply
    finally:
        torch.set_num_threads(n_threads)


def _columns_of(table: FloatArray) -> FloatArray:
    """(dim, n_items) the table, column after column."""
    columns = np.empty(table.shape[::-1], dtype=np.float32)
    for start in range(0, len(table), COPIED_ROWS):
        columns[:, start : start + COPIED_ROWS] = table[start : start + COPIED_ROWS].T
    return columns


def at_least(rows: FloatArray, count: int) -> FloatArray:
    """The rows, with rows of zeros below them where they are fewer than `count`."""
    missing = count - len(rows)
    return np.pad(rows, ((0, missing), (0, 0))) if missing > 0 else rows


def blas_threads() -> int:
    """Threads of the BLAS libraries, as the environment or the caller limits them."""
    counts = [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]
    return max(counts, default=1)
