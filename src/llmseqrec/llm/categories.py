"""Items that stand for clusters of the catalogue, as the Class task has them (study, §4.3).

Deviations from the study's code: a cluster without a named training item has no category; clusters
are never more than items; of equal counts the lowest item id wins, of equal distances the first
cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llmseqrec.evaluation.ranking import rank_dot
from llmseqrec.sessions import IntArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Categories:
    """The most popular item of each cluster.

    Attributes:
        items: (n_categories,) item ids, in the order of their clusters.
        points: (n_categories, dim) where each category lies: its item's vector, or its centre.
        order: (n_items, n_categories) positions of the categories, nearest to the item first.
    """

    items: IntArray
    points: FloatArray
    order: IntArray

    @classmethod
    def at(cls, items: IntArray, points: FloatArray, vectors: FloatArray) -> Categories:
        """Categories at some points, ordered by Euclidean distance for each of the item vectors."""
        # |q - p|^2 = |q|^2 - 2 (q.p - |p|^2 / 2), so one more column makes it a dot product.
        half = np.square(points).sum(axis=1, keepdims=True) / 2
        queries = np.hstack([vectors, np.ones((len(vectors), 1), dtype=np.float32)])
        order, _ = rank_dot(queries, np.hstack([points, -half]), None, len(items))
        return cls(items, points, order)

    def nearest_to(self, item: int, k: int) -> list[int]:
        """The k category items that lie nearest to an item, nearest first."""
        nearest: list[int] = self.items[self.order[item, :k]].tolist()
        return nearest


def fit_categories(
    vectors: FloatArray,
    weights: NDArray[np.int64],
    clusters: int = 200,
    nearest: Literal["items", "centres"] = "items",
) -> Categories:
    """Cluster the catalogue by k-means (study code: random_state 0) and name each cluster.

    Args:
        vectors: (n_items, dim).
        weights: (n_items,) training interactions of each item; 0 for an item without a name.
        clusters: how many, at most one an item.
        nearest: whether a category lies where its item lies or at its cluster's centre.

    Returns:
        At most `clusters` categories.
    """
    from sklearn.cluster import KMeans

    model = KMeans(n_clusters=min(clusters, len(vectors)), random_state=0, n_init="auto")
    labels = model.fit_predict(vectors)
    order = np.lexsort((np.arange(len(weights)), -weights))
    order = order[weights[order] > 0]
    found, first = np.unique(labels[order], return_index=True)
    items = order[first].astype(np.int32)
    points = vectors[items] if nearest == "items" else model.cluster_centers_[found]
    return Categories.at(items, points.astype(np.float32), vectors)
