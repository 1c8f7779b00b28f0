"""MovieLens-1M files."""

import zipfile
from pathlib import Path

import pytest

from llmseqrec.config import Dataset, LeaveOneOut, RawFile
from llmseqrec.data import movielens
from llmseqrec.data.raw import RawData
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.errors import InputError

RATINGS = b"1::1193::5::978300760\r\n1::661::3::978302109\r\n2::1193::4::978298413\r\n"
MOVIES = "661::L\xe9on: 1, 2 (1996)::Drama|Action\n1193::Toy Story (1995)::Comedy\n".encode(
    "latin-1"
)


def read(files: dict[str, Path], member: bool = False, share: float = 0.001) -> RawData:
    members = {role: f"ml-1m/{role}.dat" if member else None for role in files}
    dataset = Dataset(
        display="MovieLens",
        format="movielens",
        raw={role: RawFile(name=path.name, member=members[role]) for role, path in files.items()},
        malformed_share=share,
        splits={"last": LeaveOneOut()},
    )
    return movielens.read(dataset, files)


def plain(folder: Path, ratings: bytes = RATINGS) -> dict[str, Path]:
    (folder / "ratings.dat").write_bytes(ratings)
    (folder / "movies.dat").write_bytes(MOVIES)
    return {role: folder / f"{role}.dat" for role in ("ratings", "movies")}


def test_ratings_and_movies_are_read(tmp_path: Path) -> None:
    raw = read(plain(tmp_path))
    rows = raw.interactions.astype({"session": str, "item": str})
    assert rows.to_dict("list") == {
        "session": ["1", "1", "2"],
        "item": ["1193", "661", "1193"],
        "timestamp": [978300760, 978302109, 978298413],
        "rating": [5, 3, 4],
    }
    assert raw.items.to_dict("list") == {
        "item": ["661", "1193"],
        "title": ["Léon: 1, 2 (1996)", "Toy Story (1995)"],
        "genres": [["Drama", "Action"], ["Comedy"]],
        "class": ["Action_Drama", "Comedy"],
    }


def test_an_archive_gives_the_same_as_its_members(tmp_path: Path) -> None:
    files = plain(tmp_path)
    archive = tmp_path / "ml-1m.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        for role, path in files.items():
            stream.write(path, f"ml-1m/{role}.dat")
    inside = read(dict.fromkeys(files, archive), member=True)
    assert inside.interactions.equals(read(files).interactions)
    with pytest.raises(InputError, match=r"name one `member` of the archive: ml-1m/ratings.dat"):
        read(dict.fromkeys(files, archive))


@pytest.mark.parametrize(
    "line",
    [
        b"1::2::3",
        b"1::2::3::x",
        b"::2::3::4",
        b"1::2::3::9" + b"9" * 20,
        b"1::2::nan::4",
        b"1::2::inf::4",
    ],
)
def test_a_malformed_rating_is_reported_with_its_line(tmp_path: Path, line: bytes) -> None:
    files = plain(tmp_path, RATINGS + line + b"\n")
    raw = read(files, share=0.3)
    assert len(raw.interactions) == 3
    assert raw.report.malformed == [f"{files['ratings']}:4: not user::movie::rating::seconds"]
    with pytest.raises(InputError, match=r"ratings.dat:4"):
        read(files)


def test_real_files(real_data: Path) -> None:
    folder = real_data / "movielens_1m"
    raw = read({role: folder / f"{role}.dat.gz" for role in ("ratings", "movies")})
    assert len(raw.interactions) == 722_568
    assert len(raw.items) == 3_883
    assert raw.report.n_malformed == 0
    movie = raw.items.set_index("item").loc["1"]
    assert movie["title"] == "Toy Story (1995)"
    texts = item_texts(raw.items, "title_genres")
    assert "Toy Story (1995), Animation, Children's, Comedy" in texts
    assert "" not in texts
    assert movie["class"] == "Animation_Children's_Comedy"


def test_movies_in_utf8_are_told_and_not_garbled(tmp_path: Path) -> None:
    files = plain(tmp_path)
    files["movies"].write_bytes("1::Misérables (1995)::Drama\n".encode())
    with pytest.raises(InputError, match=r"movies\.dat:1: written in UTF-8"):
        read(files)
    files["movies"].write_bytes("1::Misérables (1995)::Drama\n".encode("latin-1"))
    assert "Misérables (1995)" in set(read(files).items["title"])
