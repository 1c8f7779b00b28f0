"""Items that stand for clusters, on three groups whose best answer is known."""

import numpy as np

from llmseqrec.llm.categories import fit_categories

# Three groups on a line.
PLACES = np.array([0, 1, 5, 0, 1, 6, 0, 1, 6])
GROUPS = np.repeat([0, 1, 2], 3)
# Far enough apart for k-means to find them from any start.
VECTORS = (PLACES + 1000 * GROUPS)[:, None].astype(np.float32)


def test_the_most_popular_item_stands_for_its_cluster() -> None:
    weights = np.array([1, 2, 3, 1, 2, 3, 3, 3, 2])
    made = fit_categories(VECTORS, weights, clusters=3)
    assert sorted(made.items.tolist()) == [2, 5, 6]  # equal counts: the lower id


def test_a_cluster_without_a_training_item_has_no_category() -> None:
    weights = np.array([0, 2, 0, 0, 0, 0, 0, 0, 1])
    made = fit_categories(VECTORS, weights, clusters=3)
    assert sorted(made.items.tolist()) == [1, 8]
    assert made.nearest_to(0, 20) == [1, 8]


def test_a_category_lies_at_its_item_or_at_its_centre() -> None:
    weights = np.array([1, 2, 3, 1, 2, 3, 3, 3, 2])
    by_item = fit_categories(VECTORS, weights, 3, "items")
    by_centre = fit_categories(VECTORS, weights, 3, "centres")
    assert by_item.items.tolist() == by_centre.items.tolist()
    np.testing.assert_array_equal(by_item.points, VECTORS[by_item.items])
    means = [VECTORS[GROUPS[item] == GROUPS].mean() for item in by_centre.items]
    np.testing.assert_allclose(by_centre.points[:, 0], means, atol=0.01)


def test_distance_is_euclidean() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(60, 4)).astype(np.float32)
    made = fit_categories(vectors, np.ones(60, dtype=np.int64), clusters=12, nearest="centres")
    for item in range(60):
        distances = np.linalg.norm(made.points - vectors[item], axis=1)
        assert made.nearest_to(item, 5) == made.items[np.argsort(distances)[:5]].tolist()


def test_no_more_clusters_than_items() -> None:
    made = fit_categories(VECTORS[:3], np.ones(3, dtype=np.int64), clusters=200)
    assert sorted(made.items.tolist()) == [0, 1, 2]
