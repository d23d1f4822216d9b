"""From a table to predictions of another: in the library, and on the command line."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import nnjax as nn
from nnjax import tables
from nnjax.__main__ import main

QUICK: dict[str, Any] = {"hidden": (8,), "epochs": 5, "learning_rate": 0.01}


def everything(rows: int = 200, features: int = 2000) -> pl.DataFrame:
    """Text classes, missing values, groups, imbalance, names beyond ASCII, and many columns."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["schön", "mäßig", "übel"], rows, p=[0.7, 0.2, 0.1])
    signal = np.select([kind == "schön", kind == "übel"], [2.0, -2.0], 0.0)
    gaps = rng.random(rows) < 0.1
    frame = pl.DataFrame(
        {
            "Nr.": [f"id {i}" for i in range(rows)],
            "Art": kind.tolist(),
            "Größe": np.round(signal + rng.normal(size=rows) / 4, 3),
            "Stadt": rng.choice(["Köln", "Zürich; Ost", "Ærø"], rows).tolist(),
            "Person": [f"p{i % 20:02}" for i in range(rows)],
            "ja": rng.random(rows) < 0.5,
            **{f"ξ{i}": np.round(rng.normal(size=rows), 2) for i in range(features)},
        }
    )
    missing = pl.Series(gaps)
    return frame.with_columns(
        pl.when(~missing).then(pl.col("Größe", "Stadt", "ξ7")).otherwise(None)
    )


def german(frame: pl.DataFrame) -> bytes:
    """As a spreadsheet in German writes it: BOM, semicolons, decimal commas, CRLF."""
    text = frame.write_csv(separator=";", decimal_comma=True, line_terminator="\r\n")
    return b"\xef\xbb\xbf" + text.encode()


def trained(path: Path, frame: pl.DataFrame, target: str, **options: Any) -> Any:
    task = tables.problem(frame, target, **options)
    learnt = tables.learn(task.features.filter(task.training))
    x = tables.encode(task.features, learnt).x
    kind = nn.Classifier if task.task == "classification" else nn.Regressor
    model = kind(**QUICK).fit(x[task.training], task.y[task.training])
    model.save(path, tables.about_table(task, learnt))
    return model, x


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("iris") / "iris.npz"
    trained(path, tables.read_table("sklearn:iris"), "target")
    return path


def test_a_table_with_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = everything()
    (tmp_path / "t.csv").write_bytes(german(written))
    frame = tables.read_table(tmp_path / "t.csv")
    assert frame.equals(written.select(frame.columns))
    assert frame.width == 2006
    model, x = trained(tmp_path / "m.npz", frame, "Art", groups="Person")
    assert x.shape == (200, 2000 + 2 * 2 + 4 + 1 - 1)
    new = frame.select(pl.all().shuffle(0)).head(9).drop("Art")
    new = new.with_columns(Stadt=pl.Series(["Rom", *["Köln"] * 8])).select(reversed(new.columns))
    (tmp_path / "new.csv").write_bytes(german(new))
    arguments = ["predict", *(str(tmp_path / n) for n in ("m.npz", "new.csv"))]
    assert main([*arguments, "-o", str(tmp_path / "p.csv")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Stadt: 1 of 9 values are categories that no training row has"
    assert said[-1] == f"{tmp_path / 'p.csv'}: 9 predictions"
    predicted = pl.read_csv(tmp_path / "p.csv")
    probabilities = [f"probability {name}" for name in ("mäßig", "schön", "übel")]
    assert predicted.columns == ["Person", "Nr.", "prediction", *probabilities]
    assert predicted["Nr."].to_list() == new["Nr."].to_list()
    known = tables.learn(frame.drop("Art", "Person"))
    expected = model.predict_proba(tables.encode(new.drop("Person"), known).x)
    np.testing.assert_allclose(predicted.select(probabilities).to_numpy(), expected, rtol=1e-9)
    assert predicted["prediction"].to_list() == model.classes_[expected.argmax(axis=1)].tolist()


@pytest.mark.parametrize("end", ["p.csv", "p.parquet"])
def test_regression(end: str, tmp_path: Path) -> None:
    frame = tables.read_table("sklearn:diabetes")
    model, x = trained(tmp_path / "m.npz", frame, "target")
    output = tmp_path / end
    assert main(["predict", str(tmp_path / "m.npz"), "sklearn:diabetes", "-o", str(output)]) == 0
    predicted = tables.read_table(output)
    assert predicted.columns == ["target", "prediction"]
    np.testing.assert_allclose(predicted["prediction"].to_numpy(), model.predict(x), rtol=1e-12)


def test_categories_are_read_as_they_were_written(tmp_path: Path) -> None:
    """In the new table alone, all of them look like numbers."""
    codes = ["01", "2", "x"]
    frame = pl.DataFrame({"code": codes * 10, "y": ["a", "b", "c"] * 10, "z": range(0, 300, 10)})
    trained(tmp_path / "m.npz", frame, "y")
    (tmp_path / "new.csv").write_text("z,code\n1,01\n2,2\n", "utf-8")
    arguments = [str(tmp_path / name) for name in ("m.npz", "new.csv")]
    assert main(["predict", *arguments, "-o", str(tmp_path / "p.csv")]) == 0
    table = tables.read_table(tmp_path / "new.csv", as_text=["code"])
    expected = tables.predict_table(tmp_path / "m.npz", table)
    assert (
        pl.read_csv(tmp_path / "p.csv")["prediction"].to_list() == expected["prediction"].to_list()
    )


def test_a_model_that_was_fitted_on_names(tmp_path: Path) -> None:
    task = tables.problem(tables.read_table("sklearn:iris"), "target")
    learnt = tables.learn(task.features)
    x = pl.DataFrame(tables.encode(task.features, learnt).x, schema=tables.feature_names(learnt))
    model = nn.Classifier(**QUICK, loss=nn.multiclass_hinge).fit(x, task.y)
    model.save(tmp_path / "m.npz", about=tables.about_table(task, learnt))
    predicted = tables.predict_table(tmp_path / "m.npz", task.features, show=False)
    assert predicted.columns == ["prediction"]  # a hinge loss gives no probabilities
    assert predicted["prediction"].to_list() == model.predict(x).tolist()


def run(model: object, table: object, output: object, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["predict", str(model), str(table), "-o", str(output)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("predict: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n", "the table lacks 4 columns, 'sepal length (cm)'"),
        ("", "is empty"),
        (None, "no such file"),
    ],
)
def test_a_table_that_does_not_do(
    content: str | None,
    expected: str,
    iris: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        (tmp_path / "new.csv").write_text(content, "utf-8")
    before = sorted(tmp_path.iterdir())
    assert expected in run(iris, tmp_path / "new.csv", tmp_path / "p.csv", capsys)
    assert sorted(tmp_path.iterdir()) == before


def test_a_model_that_does_not_do(
    iris: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "p.csv"
    path = tmp_path / "m.npz"
    message = run(path, "sklearn:iris", output, capsys)
    assert message == f"predict: no such file: {path}; expected a model file\n"
    (tmp_path / "m.npz").write_text("no", "utf-8")
    assert "is not a model of a table" in run(tmp_path / "m.npz", "sklearn:iris", output, capsys)
    model = nn.Classifier.load(iris)
    model.save(tmp_path / "m.npz")
    assert "describes no table" in run(tmp_path / "m.npz", "sklearn:iris", output, capsys)
    model.save(tmp_path / "m.npz", {"columns": {"used": 3}})
    assert "expected the description" in run(tmp_path / "m.npz", "sklearn:iris", output, capsys)
    wine = tables.plain(tables.learn(tables.read_table("sklearn:wine").drop("target")))
    model.save(tmp_path / "m.npz", {"columns": wine})
    message = run(tmp_path / "m.npz", "sklearn:wine", output, capsys)
    assert "takes 4 features, but its columns make 13" in message
    assert not output.exists()


def test_an_output_that_does_not_do(
    iris: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is a folder" in run(iris, "sklearn:iris", tmp_path, capsys)
    assert "no folder" in run(iris, "sklearn:iris", tmp_path / "none/p.csv", capsys)
    assert "would be overwritten" in run(iris, "sklearn:iris", iris, capsys)
    output = tmp_path / "p.csv"
    output.write_text("before", "utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert "No space left" in run(iris, "sklearn:iris", output, capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
    assert output.read_text("utf-8") == "before"


def test_latin_1_is_said_in_a_line(
    iris: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = tables.read_table("sklearn:iris").with_columns(target=pl.lit("Müller"))
    (tmp_path / "new.csv").write_bytes(frame.write_csv().encode("latin-1"))
    assert (
        main(["predict", str(iris), str(tmp_path / "new.csv"), "-o", str(tmp_path / "p.csv")]) == 0
    )
    assert "was read as Latin-1" in capsys.readouterr().err


def test_names_that_the_predictions_have(iris: Path) -> None:
    task = tables.problem(
        tables.read_table("sklearn:iris").rename({"target": "prediction"}), "prediction"
    )
    learnt = tables.learn(task.features)
    path = iris.with_name("named.npz")
    nn.Classifier.load(iris).save(path, tables.about_table(task, learnt))
    assert tables.predict_table(path, task.features).height == 150
    frame = task.features.with_columns(prediction=pl.lit("x"))
    with pytest.raises(tables.TableError, match="already has a column 'prediction'"):
        tables.predict_table(path, frame)


def test_the_command_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "predict the rows of a table" in capsys.readouterr().out


def test_in_another_process(iris: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nnjax", "predict", str(iris), "sklearn:irsi", "-o", "p.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert (
        done.stderr == "predict: sklearn:irsi: no such table in scikit-learn; did you mean iris?\n"
    )
    assert list(tmp_path.iterdir()) == []
