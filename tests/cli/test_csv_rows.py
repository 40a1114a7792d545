"""A csv file is read as its writer meant it; what it may have meant otherwise is said or refused.

Files are written by pandas, NumPy and the csv module, or as spreadsheets of other countries do.
"""

import csv
import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secfpp.cli import main
from secfpp.cli.csv_rows import Headings, read_csv
from secfpp.errors import DataError

MATRIX = np.array([[1.5, 2.0, 3.0], [4.0, 5.0, 6.25], [7.0, 8.0, 9.0]])
FRAME = pd.DataFrame(MATRIX)
NAMED = pd.DataFrame(MATRIX, columns=["a", "b", "c"])


def rows(text: str, headings: Headings = "auto") -> list[list[float]]:
    found: list[list[float]] = read_csv(text.encode(), headings).rows_ND.tolist()
    return found


def notes(text: str) -> str:
    return " | ".join(read_csv(text.encode()).notes)


@pytest.mark.parametrize("heading", ["", "a,b,c\n", "\ufeffa,b,c\n", "\ufeff", '"a","b;c","d"\n'])
def test_with_and_without_headings(heading: str) -> None:
    assert rows(heading + "1,2,3\n4,5,6\n") == [[1, 2, 3], [4, 5, 6]]
    assert notes(heading + "1,2,3\n4,5,6\n") == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_headings_of_any_encoding(encoding: str) -> None:
    found = read_csv("größe;b\n1;2\n".encode(encoding))
    assert found.rows_ND.tolist() == [[1, 2]]


def test_one_column_is_a_matrix() -> None:
    assert rows("1\n2\n") == [[1], [2]]


@pytest.mark.parametrize("text", ["1,2,\n3,4,5\n6,7,8\n", "3,4,5\n1,2,\n6,7,8\n", "3,4,5\n,1,2\n"])
def test_a_missing_number_is_refused_in_any_row(text: str) -> None:
    """In the first row it made the row headings, and shifted all others."""
    with pytest.raises(DataError, match="an empty cell, NaN or infinity in 1 of [23] rows"):
        rows(text)


@pytest.mark.parametrize("mark", ["?", "NA", "-", "n/a", "1.5.2"])
def test_a_first_row_with_a_bad_cell_may_be_a_point_and_is_refused(mark: str) -> None:
    with pytest.raises(DataError, match="line 1 has both numbers and text .* --headings yes or no"):
        rows(f"1,{mark},3\n4,5,6\n")
    with pytest.raises(DataError, match="line 1, column 2: .* is no number"):
        rows(f"1,{mark},3\n4,5,6\n", headings="no")
    assert rows(f"1,{mark},3\n4,5,6\n", headings="yes") == [[4, 5, 6]]


def test_frames_without_index_and_without_names() -> None:
    text = FRAME.to_csv(index=False)
    assert rows(text) == MATRIX.tolist()
    assert "line 1, which is 0 to 2, is taken for headings; if that is wrong" in notes(text)
    assert rows(text, headings="no") == [[0, 1, 2], *MATRIX.tolist()]


def test_whole_numbers_that_may_be_a_point_are_one() -> None:
    edges = "0,1\n0,2\n1,2\n"
    assert rows(edges) == [[0, 1], [0, 2], [1, 2]]
    assert "is taken for a point; if that is wrong, say --headings yes" in notes(edges)
    assert rows(edges, headings="yes") == [[0, 2], [1, 2]]
    pixels = pd.DataFrame(np.arange(64).reshape(2, 32) % 7).to_csv(index=False)
    assert len(rows(pixels)) == 2


@pytest.mark.parametrize(
    "text",
    [
        FRAME.to_csv(),
        NAMED.to_csv(),
        NAMED.sample(frac=1, random_state=3).sort_values("a").to_csv(),
        FRAME.set_index(pd.Index(["x", "y", "z"])).to_csv(),
        FRAME.set_index(pd.date_range("2024", periods=3)).to_csv(),
        pd.read_csv(io.StringIO(NAMED.to_csv())).to_csv(index=False),
        '"a","b","c"\n"1",1.5,2,3\n"2",4,5,6.25\n"3",7,8,9\n',
        '"","a","b","c"\n"1",1.5,2,3\n"2",4,5,6.25\n"3",7,8,9\n',
    ],
    ids=["frame", "named", "sorted", "words", "dates", "unnamed", "write.table", "write.csv"],
)
def test_an_index_without_heading_is_left_out_and_said(text: str) -> None:
    assert rows(text) == MATRIX.tolist()
    assert "taken for an index and left out" in notes(text)


def test_a_series_with_its_index() -> None:
    assert rows(pd.Series([1.5, 2.5, 3.5]).to_csv()) == [[1.5], [2.5], [3.5]]


@pytest.mark.parametrize("text", ["id,a\n0,5\n1,6\n2,7\n", "1,5.5\n2,6.5\n3,7.5\n"])
def test_a_column_that_counts_the_rows_is_kept_and_said(text: str) -> None:
    assert len(rows(text)[0]) == 2
    assert "counts the rows and is clustered like the others" in notes(text)


def test_a_named_index_is_a_column_like_others() -> None:
    text = FRAME.rename_axis("id").to_csv()
    assert rows(text) == [[row, *values] for row, values in enumerate(MATRIX.tolist())]
    assert "('id') counts the rows" in notes(text)


@pytest.mark.parametrize("separator", [";", "\t", "|", " ", ", ", "  "])
@pytest.mark.parametrize("heading", ["", "abc"])
def test_separators(separator: str, heading: str) -> None:
    lines = [*([separator.join(heading)] if heading else []), separator.join("123")]
    assert rows("\n".join([*lines, separator.join("456")])) == [[1, 2, 3], [4, 5, 6]]


def test_decimal_commas_are_said() -> None:
    assert rows("a;b\n1,5;2\n3;4,25\n") == [[1.5, 2], [3, 4.25]]
    assert "commas are taken for decimal points, since cells are separated by semicolons" in notes(
        "1,5;2\n3;4,25\n"
    )
    with pytest.raises(
        DataError, match=r"'1,000\.5' is no number; cells are separated by semicolons"
    ):
        rows("3;4\n1,000.5;2\n")


def test_headings_of_numpy_and_comments_are_passed_over() -> None:
    file = io.BytesIO()
    np.savetxt(file, MATRIX, delimiter=",", header="a,b,c\nsecond line", footer="end")
    assert read_csv(file.getvalue()).rows_ND.tolist() == MATRIX.tolist()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("a,b\n", "a line of headings and nothing else"),
        ("1,2\n3\n", "line 2 has 1 cells, line 1 has 2; cells are separated by commas"),
        ("\n# made by hand\na;b\n1;2\n\n3;x\n", "line 6, column 2: 'x' is no number; .*semicolons"),
        ("1,2,\n3,4,\n", "column 3 is empty in every line"),
        ("1,2\nnan,3\n4,inf\n", "NaN or infinity in 2 of 3 rows, first in line 2"),
        ("1,2\n1_0,3\n", "'1_0' is no number"),
        ("a,b\n1,2\na,b\n3,4\n", "line 3, column 1: 'a' is no number"),
        ('1,"' + "9" * 200_000 + "\n", "field larger than field limit"),
        ("1\n" * 9000, "more than 8191 rows"),
        ("PK\3\4\0\0", "is no text"),
    ],
)
def test_what_is_refused_is_named_by_its_line(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        rows(text)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda d: st.lists(
            st.lists(st.floats(-1e9, 1e9), min_size=d, max_size=d), min_size=2, max_size=6
        )
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["none", "names", "index"]),
)
def test_what_is_written_is_read(matrix: list[list[float]], separator: str, first: str) -> None:
    """Whatever pandas writes comes back bit for bit, but for a note."""
    frame = pd.DataFrame(matrix, columns=[f"x{i}" for i in range(len(matrix[0]))])
    text = frame.to_csv(sep=separator, index=first == "index", header=first != "none")
    assert rows(text) == matrix


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="0123456789.,;|\t \n\"'#-eEnaifx\r\0é", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_csv(text.encode())
    except DataError:
        return
    assert np.isfinite(found.rows_ND).all()
    assert found.rows_ND.size > 0


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(DataError):
        assert read_csv(content).rows_ND.size > 0


def test_notes_are_on_standard_error_of_the_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.csv").write_text(NAMED.to_csv())
    words = ["cluster", "--plain", "--k", "2", "--json", "--input", str(tmp_path / "x.csv")]
    assert main(words) == 0
    assert "secfpp: note: the first column" in capfd.readouterr().err
    assert main([*words, "--headings", "no"]) == 2
    assert "line 1, column 2: 'a' is no number" in capfd.readouterr().err


def test_quoted_cells_and_other_dialects() -> None:
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["a", "b\nc"], [1, 2], [3, 4]])
    assert rows(file.getvalue()) == [[1, 2], [3, 4]]
