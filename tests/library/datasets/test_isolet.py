"""The ISOLET reader: formats, refused files, speakers and scaling; the stand-in."""

import gzip
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from isolet_files import isolet_folder, text
from ncompress import compress

from nnjax.datasets import isolet
from nnjax.datasets.errors import DataError
from nnjax.datasets.standin import standin

TRAIN, TEST = isolet.FILES["train"], isolet.FILES["test"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with isolet_folder(tmp_path_factory.mktemp("isolet")) as place:
        yield place


@pytest.fixture(scope="module")
def table(folder: Path) -> pl.DataFrame:
    return isolet.load(folder)


@pytest.fixture(scope="module")
def plain(table: pl.DataFrame) -> dict[str, bytes]:
    """Both files as text."""
    return {name: text(table.filter(pl.col("split") == s)) for s, name in isolet.FILES.items()}


def test_table_has_the_agreed_columns_and_rows(table: pl.DataFrame) -> None:
    assert table.columns == ["split", "speaker", "letter", *isolet.COLUMNS]
    assert table.dtypes[:3] == [pl.String, pl.Int32, pl.Int32]
    assert set(table.dtypes[3:]) == {pl.Float32}
    assert table["split"].to_list() == ["train"] * 6238 + ["test"] * 1559
    assert isolet.is_official(table)


def test_counts_per_letter(table: pl.DataFrame) -> None:
    counts = {(s, letter): n for s, letter, n in table.group_by("split", "letter").len().rows()}
    for letter in range(1, 27):
        assert counts["train", letter] == (238 if letter == 6 else 240)
        assert counts["test", letter] == (59 if letter == 13 else 60)


def test_speakers_of_the_two_splits(table: pl.DataFrame) -> None:
    rows = dict(table.group_by("speaker").len().iter_rows())
    short = {85: 51, 109: 51, 124: 51}
    assert rows == {speaker: short.get(speaker, 52) for speaker in range(1, 151)}
    split = pl.col("split") == "train"
    assert table.filter(split)["speaker"].max() == 120
    assert table.filter(~split)["speaker"].min() == 121


def test_first_and_second_utterances_have_the_same_speaker(table: pl.DataFrame) -> None:
    """Run i of rows 3121-4680 resembles run i of rows 4681-6238 more than any other run."""
    data = isolet.arrays(table)
    means = np.array([data.x_train[data.y_train == letter].mean(axis=0) for letter in range(26)])
    residual = data.x_train - means[data.y_train]
    speaker, row = data.speakers_train, np.arange(6238)

    def run_means(rows: np.ndarray) -> np.ndarray:
        return np.array([residual[rows & (speaker == s)].mean(axis=0) for s in range(61, 121)])

    first, second = run_means((row >= 3120) & (row < 4680)), run_means(row >= 4680)
    between = np.corrcoef(first, second)[:60, 60:]
    assert (between.argmax(axis=1) == np.arange(60)).all()
    assert np.diag(between).mean() > 0.85


def test_speakers_refuse_another_order(table: pl.DataFrame) -> None:
    letters = table["letter"].to_numpy()[6238:]
    with pytest.raises(DataError, match=r"Rows 1 to 1559 of the test split contain 60 runs .* 30"):
        isolet.speakers(np.concatenate([letters[::2], letters[1::2]]), "test")
    with pytest.raises(DataError, match="1558 rows, expected 1559"):
        isolet.speakers(letters[1:], "test")


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


FORMS: dict[str, Callable[[bytes, bytes], dict[str, bytes]]] = {
    "plain, no final newline": lambda train, test: {TRAIN: train[:-1], TEST: test[:-1]},
    "Z and gz": lambda train, test: {
        f"{TRAIN}.Z": compress(train),
        f"{TEST}.gz": gzip.compress(test, 1),
    },
    "zip for one file": lambda train, test: {
        "isolet.zip": zipped({f"isolet/{TRAIN}": train}),
        TEST: test,
    },
    "windows": lambda train, test: {
        TRAIN: b"\xef\xbb\xbf" + train.replace(b"\n", b"\r\n"),
        TEST: test.replace(b"\n", b"\r\n") + b"\r\n  \r\n\n",
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_packing_gives_the_same_table(
    form: str, plain: dict[str, bytes], table: pl.DataFrame, tmp_path: Path
) -> None:
    for name, content in FORMS[form](plain[TRAIN], plain[TEST]).items():
        (tmp_path / name).write_bytes(content)
    assert isolet.load(tmp_path).equals(table)


def edited(line: int, value: int, word: str) -> Callable[[bytes], bytes]:
    """Put `word` in place of one value; line and value from 1."""

    def edit(content: bytes) -> bytes:
        lines = [text_line.split(b", ") for text_line in content.splitlines()]
        lines[line - 1][value - 1] = word.encode()
        return b"\n".join(b", ".join(words) for words in lines)

    return edit


# The edit of a file, and what the error must say apart from the name of the file.
MALFORMED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda c: b"", "is empty"),
    "blank": (lambda c: b" \r\n\n", "is empty, expected 6238 rows of 617 features"),
    "short": (lambda c: c, "has 12 rows, expected 6238"),
    "cut": (lambda c: c[: 10 * len(c) // 12 - 30], "truncated: line 10, the last, has"),
    "narrow": (lambda c: c.replace(b", ", b" ", 1), "line 1: 617 values, expected 618"),
    "wide": (edited(4, 9, "0.1, 0.2"), "line 4: 619 values, expected 618"),
    "blank line": (edited(3, 1, "\n0.1"), "line 3: 0 values, expected 618"),
    "word": (edited(3, 7, "abc"), "line 3: value 7 is 'abc', expected a finite number"),
    "quote": (edited(3, 7, '"0.1"'), "line 3: value 7 is '\"0.1\"', expected a finite"),
    "no value": (edited(3, 7, ""), "line 3: value 7 is '', expected a finite number"),
    "nan": (edited(2, 617, "nan"), "line 2: value 617 is 'nan', expected a finite number"),
    "inf": (edited(2, 1, "-inf"), "line 2: value 1 is '-inf', expected a finite number"),
    "out of range": (edited(5, 2, "1.0001"), "line 5: value 2 is '1.0001', expected a feature in"),
    "label 0": (edited(6, 618, "0."), "line 6: value 618 is '0.', expected the letter as a"),
    "label 27": (edited(6, 618, "27."), "line 6: value 618 is '27.', expected the letter as a"),
    "label 1.5": (edited(6, 618, "1.5"), "line 6: value 618 is '1.5', expected the letter as a"),
    "web page": (lambda c: b"\n<!DOCTYPE html><html>Not found</html>", "is a web page"),
    "binary": (lambda c: c[:6000] + b"\xff\xfe\x00" + c[6003:], "line 2: this is not text"),
    "cut gz": (lambda c: gzip.compress(c)[:-100], "is damaged or truncated"),
    "bent gz": (lambda c: gzip.compress(c)[:500] + b"\0" * 500, "is damaged or truncated"),
    "cut Z": (lambda c: compress(c)[:4000], "is truncated: line"),
    "bent Z": (lambda c: compress(c)[:3] + b"\xff" * 999, "is damaged or truncated"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_file(
    case: str, plain: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil, expected = MALFORMED[case]
    rows = b"".join(plain[TRAIN].splitlines(keepends=True)[:12])
    (tmp_path / TRAIN).write_bytes(spoil(rows))
    (tmp_path / TEST).write_bytes(plain[TEST])
    with pytest.raises(DataError, match=re.escape(expected)) as caught:
        isolet.load(tmp_path)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / TRAIN))
    assert message.endswith("Download or copy it again.")
    assert caught.value.__cause__ is None
    assert capfd.readouterr() == ("", "")


def test_any_damage_raises_a_data_error(plain: dict[str, bytes], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = b"".join(plain[TRAIN].splitlines(keepends=True)[:3])
    (tmp_path / TEST).write_bytes(plain[TEST])
    for pack in (bytes, gzip.compress, compress, lambda c: zipped({TRAIN: c})):
        packed = np.frombuffer(pack(rows), np.uint8)
        name = "isolet.zip" if packed[:2].tobytes() == b"PK" else TRAIN
        for _ in range(40):
            bent = packed.copy()
            places = rng.integers(0, len(bent), size=rng.integers(1, 20))
            bent[places] = rng.integers(0, 256, size=len(places))
            (tmp_path / name).write_bytes(bent.tobytes())
            with pytest.raises(DataError, match=re.escape(str(tmp_path))):
                isolet.load(tmp_path)
        (tmp_path / name).unlink()


def test_missing_files(plain: dict[str, bytes], tmp_path: Path) -> None:
    assert not isolet.holds(tmp_path)
    with pytest.raises(
        DataError, match=r"none of isolet1\+2.* \(plain or packed\) and no isolet.zip"
    ):
        isolet.load(tmp_path)
    with pytest.raises(DataError, match="nowhere contains none"):
        isolet.load(tmp_path / "nowhere")
    (tmp_path / TRAIN).write_bytes(plain[TRAIN])
    assert isolet.holds(tmp_path)
    with pytest.raises(DataError, match=r"none of isolet5.data .* Download isolet.zip from"):
        isolet.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (zipped({"readme": b"hello"}), "isolet.zip contains none of isolet1"),
        (zipped({f"{TRAIN}.Z": b"x" * 99, f"{TEST}.Z": b""})[:-9], "is not a valid zip archive"),
        (b"<html>", "isolet.zip is a web page"),
        (b"", "isolet.zip is empty"),
        (zipped({TRAIN: b"1, 2", TEST: b""}), r"isolet.zip/isolet1.*data, line 1: 2 values"),
    ],
)
def test_bad_zip(content: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "isolet.zip").write_bytes(content)
    with pytest.raises(DataError, match=expected):
        isolet.load(tmp_path)


def test_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / TRAIN).mkdir()
    (tmp_path / TEST).write_bytes(b"")
    with pytest.raises(DataError, match=r"data is a folder, not a regular file"):
        isolet.load(tmp_path)

    (tmp_path / TRAIN).rmdir()
    (tmp_path / TRAIN).write_bytes(b"")

    def denied(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(DataError, match=r"data cannot be read \(Permission denied\)"):
        isolet.load(tmp_path)
    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        isolet.holds(tmp_path)


def test_other_content_is_refused_unless_asked_for(plain: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / TRAIN).write_bytes(plain[TRAIN])
    (tmp_path / TEST).write_bytes(edited(1559, 1, "0.5555")(plain[TEST]))
    with pytest.raises(DataError) as caught:
        isolet.load(tmp_path)
    assert f"expected the fingerprint {isolet.FINGERPRINTS['test']}, found" in str(caught.value)
    other = isolet.load(tmp_path, check_fingerprint=False)
    assert not isolet.is_official(other)
    assert other["f001"][-1] == pytest.approx(0.5555)


def test_arrays_are_scaled_by_the_training_rows(table: pl.DataFrame) -> None:
    data = isolet.arrays(table)
    assert data.x_train.shape == (6238, 617)
    assert data.x_test.shape == (1559, 617)
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.y_train.dtype == data.speakers_test.dtype == np.int32
    assert (data.y_test.min(), data.y_test.max()) == (0, 25)
    np.testing.assert_allclose(data.x_train.mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(data.x_train.std(axis=0, dtype=np.float64), 1, atol=1e-6)
    assert abs(data.x_test.mean()) > 1e-4


def test_constant_feature_is_only_shifted() -> None:
    train = np.full((7, 1), 0.1, np.float32)
    scaled, other = isolet.standardise(train, np.array([[1.1]]))
    assert (scaled == 0).all()
    assert other[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_one_hot_refuses_labels_outside(labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"expected labels 0 \.\.\. 2"):
        isolet.one_hot(np.array(labels), 3)


def test_standin_has_the_schema_of_isolet(table: pl.DataFrame) -> None:
    made = standin(seed=0)
    assert made.schema == table.schema
    keys = ["split", "speaker", "letter"]
    assert made.select(keys).equals(table.select(keys))
    features = made.select(isolet.COLUMNS).to_numpy()
    assert np.abs(features).max() <= 1
    np.testing.assert_array_equal(features, features.astype(np.float64).round(4).astype("f4"))


def test_standin_follows_from_its_seed() -> None:
    assert standin(seed=0).equals(standin(seed=0))
    assert not standin(seed=0).equals(standin(seed=1))
    # The project publishes results for the stand-in of seed 0, so it must not change.
    assert isolet.fingerprints(standin(seed=0)) == {
        "train": "b6a3b981904877311b80054f78f5f090fa253e4f18052402e169013812881bed",
        "test": "aeaf8d1f82f8a1b03d4e00569c30bb7141328b8a46fc348a14707105cfe7a3a6",
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_standin_is_nearly_linear_and_its_errors_cluster(seed: int) -> None:
    """Ridge regression on one-hot letters is mostly right; few speakers have most errors."""
    data = isolet.arrays(standin(seed))
    gram = data.x_train.T @ data.x_train + 100 * np.eye(617, dtype=np.float32)
    weights = np.linalg.solve(gram, data.x_train.T @ (isolet.one_hot(data.y_train) - 1 / 26))
    wrong = (data.x_test @ weights).argmax(axis=1) != data.y_test
    assert 0.88 < 1 - wrong.mean() < 0.98
    errors = np.bincount(data.speakers_test - 121, wrong, minlength=30)
    # Independent errors would have a variance close to their mean.
    assert errors.var() > 2 * errors.mean()


def test_rows_in_8_bits_are_counted() -> None:
    """The stand-in has four decimals; the same rows rounded to 8 bits do not."""
    exact = standin(0).tail(50)
    assert isolet.coded_rows(exact) == 0
    steps = ((pl.col(isolet.COLUMNS).cast(pl.Float64) + 1) * 127.5).floor().clip(0, 254)
    coded = exact.with_columns(((steps + 0.5) / 127.5 - 1).round(4).cast(pl.Float32))
    assert isolet.coded_rows(coded) == 50
    assert isolet.coded_rows(pl.concat([exact, coded])) == 50
