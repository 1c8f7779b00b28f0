"""The embedded sample: a synthetic shop written in the raw Amazon-2014 formats.

Nothing in it is real. Brands, products, people and reviews are invented, and every review says so.
It exists so that the whole workflow runs without a download, and so that the order of the models
is known beforehand, because four signals are put in on purpose:

* popularity: items have a long-tailed popularity and some purchases follow nothing else;
* text: people favour a brand, a fragrance and a department, all of which stand in the titles;
* drift: those tastes change while a person buys, so recent items say more than old ones;
* co-occurrence: every item has a follow-up, unrelated in its text, that is often bought next.

Titles also carry wording that says nothing about taste ("Value Pack of 2 with Free Travel Bag"). A
language model sees it first, which is why plain embeddings do worse than whitened ones.

On a temporal split the models therefore rank MostPopular < SKNN < V-SKNN (harmonic decay) and
MostPopular < LLMSeqSim on raw titles < LLMSeqSim on whitened titles. Whitened means exponent 0.5,
or the first 128 principal components with exponent 1: with 600 items in 384 dimensions, exponent 1
on all of them weighs up more noise than meaning and gains nothing.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.contracts import atomic_path

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BRANDS = (
    "Zorblatt", "Fauxmeadow", "Nullaby", "Sham &amp; Poe", "Pretendia", "Imaginara",
    "Dr. Quibble's", "Mockingbee", "Placebo Petal", "Figmentum", "Unreal Botanics", "Phantasmé",
    "Noname &amp; Daughters", "Bogus Bloom", "Hypothetica", "Make-Believe Labs", "Wobblewick",
    "Lorem Ipsumme", "Sample St. Clair", "Nonesuchia", "Unobtainia", "Madame Placeholder",
    "Quixotic Fern", "Dummy Dumpling", "Atlantis Apothecary", "Snark Hunters", "Jabberwick",
    "Utopia Street", "El Dorado Dew", "Unicorn Tannery", "Mirage Marsh", "Perhaps Perfumery",
    "Gryphon Groom", "Moonbeam Mill", "Invented Ivy", "Cloud Cuckoo", "Yeti's Yonder",
    "Brobding", "Lilliputia", "Xanadu Xtra",
)  # fmt: skip
DEPARTMENTS: dict[str, tuple[str, ...]] = {
    "Hair Care": ("Shampoo", "Conditioner", "Hair Mask", "Styling Gel", "Hairspray"),
    "Skin Care": ("Face Cream", "Night Serum", "Clay Mask", "Facial Toner", "Eye Gel"),
    "Makeup": ("Lipstick", "Mascara", "Eyeshadow Palette", "Foundation", "Blush"),
    "Bath": ("Body Wash", "Bubble Bath", "Bar Soap", "Body Scrub", "Bath Salts"),
    "Fragrance": ("Eau de Toilette", "Perfume Oil", "Body Mist", "Cologne", "Solid Perfume"),
    "Nails": ("Nail Polish", "Cuticle Oil", "Top Coat", "Nail File", "Polish Remover"),
}
N_KINDS = 5  # of products in every department
SCENTS = (
    "Coconut", "Lavender", "Green Tea", "Rose", "Charcoal", "Lemon", "Vanilla", "Aloe Vera",
    "Cucumber", "Honey", "Peppermint", "Cherry", "Sandalwood", "Seaweed", "Almond", "Mango",
)  # fmt: skip
WORDING = (
    "Value Pack of 2 Bottles with Free Travel Bag Included",
    "Brand New in Box, Fast Free Shipping, Money Back Guaranteed",
    "As Seen on TV, Limited Time Special Offer, Hurry",
    "Professional Salon Size Refill Bottle with Pump Dispenser for Women",
    "Birthday Christmas Stocking Stuffer Gift Set for Men and Boys",
    "",
    "",
)
SIZES = ("1 oz", "2.5 oz", "4 oz", "8 oz", "12 fl oz", "16 Fluid Ounces")
FIRST_DAY = dt.date(2010, 1, 1)
LAST_DAY = 1660  # days after FIRST_DAY: 19 July 2014
LATE_DAY = 1440  # late items are launched after the last training session has ended
LATE_SHARE = 0.03
FOLLOW_UP, TASTE = 0.18, 0.76  # shares of purchases; what remains is popularity alone
# What a person has a taste for: brand, fragrance, department.
N_VALUES = (len(BRANDS), len(SCENTS), len(DEPARTMENTS))
APPEAL = np.array([250.0, 8.0, 12.0])  # how many times likelier an item is that meets it
DRIFT = np.array([0.25, 0.1, 0.1])  # probability, at each purchase, that the favourite changes


@dataclass(frozen=True)
class Catalogue:
    """The items; every array is (n_items,)."""

    brand: Ints
    department: Ints
    kind: Ints
    scent: Ints
    popularity: Floats
    launch_day: Ints
    follow_up: Ints
    titles: tuple[str, ...]

    def asin(self, item: int) -> str:
        """The raw identifier of an item, ten characters like a real one."""
        return f"SYN{item:07d}"

    def product(self, item: int) -> str:
        """What the item is, such as ``Lavender Shampoo``."""
        return f"{SCENTS[self.scent[item]]} {self.kind_name(item)}"

    def department_name(self, item: int) -> str:
        """Such as ``Hair Care``."""
        return tuple(DEPARTMENTS)[int(self.department[item])]

    def kind_name(self, item: int) -> str:
        """Such as ``Shampoo``."""
        return DEPARTMENTS[self.department_name(item)][int(self.kind[item])]


@dataclass(frozen=True)
class Review:
    """One purchase with its review; ``day`` counts from FIRST_DAY."""

    user: int
    item: int
    day: int
    rating: int


def write_sample(folder: Path, users: int = 1500, items: int = 600, seed: int = 20240205) -> None:
    """Write ``reviews_Sample.json.gz`` and ``meta_Sample.json.gz`` into ``folder``.

    The same arguments give the same bytes with the same numpy and zlib. Reviews are sorted by item,
    then person, as in the Amazon files, so the order inside a day is lost here as it is there.

    Args:
        folder: Created where missing; files of the same names are replaced.
        users: Number of people.
        items: Number of items, at least 40, since nobody buys an item twice.
        seed: Seed of the numpy generator everything is drawn from.
    """
    rng = np.random.default_rng(seed)
    catalogue = _draw_catalogue(items, rng)
    reviews = [review for user in range(users) for review in _draw_session(user, catalogue, rng)]
    reviews.sort(key=lambda review: (review.item, review.user))
    folder.mkdir(parents=True, exist_ok=True)
    review_lines = (_review_line(review, catalogue) for review in reviews)
    _write_lines(folder / "reviews_Sample.json.gz", review_lines)
    _write_lines(folder / "meta_Sample.json.gz", _meta_lines(catalogue, rng))


def _draw_catalogue(n_items: int, rng: np.random.Generator) -> Catalogue:
    """Draw the items: what they are, how popular, since when, and what is bought after them."""
    brand = rng.integers(len(BRANDS), size=n_items)
    department = rng.integers(len(DEPARTMENTS), size=n_items)
    kind = rng.integers(N_KINDS, size=n_items)
    scent = rng.integers(len(SCENTS), size=n_items)
    late = rng.permutation(n_items) < round(LATE_SHARE * n_items)
    popularity = rng.lognormal(sigma=0.8, size=n_items)
    order = rng.permutation(n_items)
    follow_up = np.empty(n_items, dtype=np.int64)
    follow_up[order] = np.roll(order, -1)
    catalogue = Catalogue(
        brand=brand,
        department=department,
        kind=kind,
        scent=scent,
        popularity=np.where(late, 6.0, popularity),
        launch_day=np.where(late, LATE_DAY, 0),
        follow_up=follow_up,
        titles=(),
    )
    titles = tuple(_title(catalogue, item, rng) for item in range(n_items))
    return replace(catalogue, titles=titles)


def _title(catalogue: Catalogue, item: int, rng: np.random.Generator) -> str:
    """One title; a few are empty or hold what makes the raw format hard to read."""
    parts = [f"{BRANDS[catalogue.brand[item]]} {catalogue.product(item)}"]
    parts.append(SIZES[rng.integers(len(SIZES))])
    wording = WORDING[rng.integers(len(WORDING))]
    parts += [wording] if wording else []
    quirk = rng.random()
    if quirk < 0.01:
        return ""
    if quirk < 0.03:
        parts.append("'Synthetic' Edition")  # the reference's title ends before ", '"
    elif quirk < 0.05:
        parts.append("""the "Tester's" Label""")
    return ", ".join(parts)


def _draw_session(user: int, catalogue: Catalogue, rng: np.random.Generator) -> Iterator[Review]:
    """What one person buys, oldest first, no item twice."""
    length = int(np.clip(5 + rng.geometric(0.25) - 1, 5, 30))
    taste = _Taste(catalogue, rng)
    popularity = catalogue.popularity.copy()  # 0 once bought
    follow_up = int(rng.integers(len(popularity)))
    for day in _draw_days(length, rng):
        weight = popularity * (catalogue.launch_day <= day)
        item = _draw_item(follow_up, weight, taste, rng)
        yield Review(user, item, int(day), _rating(taste, item, rng))
        popularity[item] = 0.0
        follow_up = int(catalogue.follow_up[item])
        taste.drift(rng)


def _draw_days(length: int, rng: np.random.Generator) -> Ints:
    """Purchase days, ascending; about one gap in six is zero, so days tie."""
    gaps = rng.geometric(1 / 20, size=length - 1) * (rng.random(length - 1) > 1 / 6)
    back = np.concatenate([np.cumsum(gaps[::-1])[::-1], [0]])
    return np.maximum(rng.integers(400, LAST_DAY) - back, 0).astype(np.int64)


class _Taste:
    """The brand, fragrance and department a person favours now, and what that makes of the shop."""

    def __init__(self, catalogue: Catalogue, rng: np.random.Generator) -> None:
        self.facets = np.stack([catalogue.brand, catalogue.scent, catalogue.department])
        self.favourites = rng.integers(N_VALUES)  # (3,)

    def drift(self, rng: np.random.Generator) -> None:
        """Draw some favourites anew."""
        changed = rng.random(len(DRIFT)) < DRIFT
        self.favourites = np.where(changed, rng.integers(N_VALUES), self.favourites)

    def meets(self) -> NDArray[np.bool_]:
        """Which favourites each item meets; (3, n_items)."""
        meets: NDArray[np.bool_] = self.facets == self.favourites[:, None]
        return meets

    def appeal(self) -> Floats:
        """How much more likely the favourites make each item; (n_items,)."""
        appeal: Floats = np.where(self.meets(), APPEAL[:, None], 1.0).prod(axis=0)
        return appeal


def _draw_item(follow_up: int, weight: Floats, taste: _Taste, rng: np.random.Generator) -> int:
    """Draw the next item: a follow-up, one to the person's taste, or just popular."""
    reason = rng.random()
    if reason < FOLLOW_UP and weight[follow_up] > 0:
        return follow_up
    if reason < FOLLOW_UP + TASTE:
        weight = np.sqrt(weight) * taste.appeal()
    cumulative = np.cumsum(weight)
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))


def _rating(taste: _Taste, item: int, rng: np.random.Generator) -> int:
    """Stars, 1 to 5, higher where the item meets more of the taste."""
    return int(np.clip(round(3.2 + 0.6 * taste.meets()[:, item].sum() + rng.normal()), 1, 5))


def _review_line(review: Review, catalogue: Catalogue) -> str:
    """One JSON line with the fields, in the order, of the Amazon-2014 review files."""
    date = FIRST_DAY + dt.timedelta(days=review.day)
    midnight = dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC)
    product = catalogue.product(review.item).lower()
    record = {
        "reviewerID": f"SYNTHETIC{review.user:05d}",
        "asin": catalogue.asin(review.item),
        "reviewerName": f"Synthetic Person {review.user}",
        "helpful": [0, 0],
        "reviewText": f"This is a synthetic review of an invented product: {product}. "
        f"It gets {review.rating} of 5 stars.",
        "overall": float(review.rating),
        "summary": f"Synthetic review, {review.rating} stars",
        "unixReviewTime": int(midnight.timestamp()),
        "reviewTime": f"{date.month:02d} {date.day}, {date.year}",
    }
    return json.dumps(record)


def _meta_lines(catalogue: Catalogue, rng: np.random.Generator) -> Iterator[str]:
    """Python-literal lines with the fields, some absent, of the Amazon-2014 metadata file."""
    for item, title in enumerate(catalogue.titles):
        record: dict[str, Any] = {"asin": catalogue.asin(item)}
        if title or item % 2:
            record["title"] = title
        if rng.random() < 0.95:
            record["brand"] = BRANDS[catalogue.brand[item]]
        if rng.random() < 0.8:
            record["price"] = round(float(rng.uniform(2, 60)), 2)
        if rng.random() < 0.7:
            after = int(catalogue.follow_up[item])
            related = [catalogue.asin(after), catalogue.asin(int(catalogue.follow_up[after]))]
            record["related"] = {"also_bought": related}
        department = catalogue.department_name(item)
        record["categories"] = [["Synthetic Beauty", department, catalogue.kind_name(item)]]
        yield repr(record)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write gzip text without time or name in its header, so that equal lines give equal bytes."""
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as text,
    ):
        text.writelines(line + "\n" for line in lines)
