import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from secfpp.data.load import load_domains
from secfpp.data.readers.fedbn import LAYOUTS
from secfpp.data.readers.listing import ReadOptions
from secfpp.errors import DataError
from tests.data.parts_of_domains import files_of, own_test_part
from tests.data.pictures import save


def make_tree(root: Path, name: str, images: int = 2) -> Path:
    layout = LAYOUTS[name]
    for domain in layout.domains:
        for class_name in layout.class_names:
            for i in range(images):
                save(root / domain / class_name / f"{i}.jpg", size=(5, 5))
    return root


def write_lists(
    folder: Path, name: str = "domainnet", domains: Sequence[str] | None = None
) -> None:
    folder.mkdir(exist_ok=True)
    layout = LAYOUTS[name]
    for domain in domains or layout.domains:
        for i, part in enumerate(("train", "test")):
            lines = [f"{domain}/{c}/{i}.jpg {100 + n}" for n, c in enumerate(layout.class_names)]
            lines.append(f"{domain}/aircraft_carrier/{i}.jpg 0")
            (folder / f"{domain}_{part}.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_tree_of_ten_classes(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    make_tree(tmp_path, name)
    save(tmp_path / layout.domains[0] / "aircraft_carrier" / "1.jpg")
    domain_set = load_domains(f"{name}:{tmp_path}", ReadOptions(image_size=4))
    assert tuple(d.name for d in domain_set.domains) == layout.domains
    assert domain_set.class_names == layout.class_names
    assert len(layout.class_names) == 10
    for domain in domain_set.domains:
        assert domain.labels_N.tolist() == [c for c in range(10) for _ in range(2)]
        assert domain.is_test_N is None


def test_folder_above_is_found_too(tmp_path: Path) -> None:
    make_tree(tmp_path / "office_caltech_10", "office-caltech10", images=1)
    assert len(load_domains(f"office-caltech10:{tmp_path}", ReadOptions(image_size=4)).domains) == 4


class Explosive:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return (open, (self.path, "w"))


def test_pickled_lists_are_not_opened(tmp_path: Path) -> None:
    make_tree(tmp_path, "office-caltech10", images=1)
    trace = tmp_path / "exploded"
    (tmp_path / "amazon_train.pkl").write_bytes(pickle.dumps(Explosive(str(trace))))
    load_domains(f"office-caltech10:{tmp_path}", ReadOptions(image_size=4))
    assert not trace.exists()


@pytest.mark.parametrize("place", [".", "splits"])
def test_published_lists_give_the_split(tmp_path: Path, place: str) -> None:
    make_tree(tmp_path, "domainnet", images=3)
    write_lists(tmp_path / place)
    domain_set = load_domains(f"domainnet:{tmp_path}", ReadOptions(image_size=4))
    for domain in domain_set.domains:
        assert domain.labels_N.tolist() == [*range(10), *range(10)]
        assert own_test_part(domain).tolist() == [False] * 10 + [True] * 10
        assert {path.name for path in files_of(domain).paths[:10]} == {"0.jpg"}
    assert len(domain_set.split_files) == 12
    assert all(len(digest) == 64 for digest in domain_set.split_files.values())


def test_lists_of_some_domains_are_refused(tmp_path: Path) -> None:
    make_tree(tmp_path, "domainnet", images=2)
    write_lists(tmp_path, domains=["clipart"])
    with pytest.raises(DataError, match=r"lists of some domains but lacks infograph_train\.txt"):
        load_domains(f"domainnet:{tmp_path}", ReadOptions(image_size=4))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("clipart/bird/0.jpg 1", "training and the test list"),
        ("sketch/bird/0.jpg 1", "expected clipart/CLASS/IMAGE and a number"),
        ("clipart/../0.jpg 1", "expected clipart/CLASS/IMAGE"),
        ("clipart/bird/7.jpg 1", r"1 of 21 listed images of 'clipart' are missing"),
    ],
)
def test_malformed_lists_are_refused(tmp_path: Path, line: str, message: str) -> None:
    make_tree(tmp_path, "domainnet", images=2)
    write_lists(tmp_path)
    with (tmp_path / "clipart_test.txt").open("a") as file:
        file.write(line)
    with pytest.raises(DataError, match=message):
        load_domains(f"domainnet:{tmp_path}", ReadOptions(image_size=4))


def test_missing_folders_are_named(tmp_path: Path) -> None:
    make_tree(tmp_path, "office-caltech10", images=1)
    folder = tmp_path / "dslr" / "mug"
    (folder / "0.jpg").unlink()
    with pytest.raises(DataError, match=r"class folder .*dslr/mug.* holds no image"):
        load_domains(f"office-caltech10:{tmp_path}", ReadOptions(image_size=4))
    folder.rmdir()
    with pytest.raises(DataError, match=r"1 folders are missing in .*'dslr/mug'; expected DOMAIN"):
        load_domains(f"office-caltech10:{tmp_path}", ReadOptions(image_size=4))
