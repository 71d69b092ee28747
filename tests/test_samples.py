"""The sample datasets and their maker: repeatable, like handwriting, and wrong exactly where their READMEs say."""

from __future__ import annotations

from io import BytesIO
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dev.samples import source_a, source_b
from dev.samples.__main__ import main
from dev.samples.hand import Signing, sign
from dev.samples.hwr import LINES_PER_MM
from dev.samples.pen import Floats
from dev.samples.picture import draw, place
from dev.samples.png import SIGNATURE
from dev.samples.sample import Dataset, Fate, Order, Sample
from dev.samples.write import write
from sigid.errors import Reason, Rejected
from sigid.sources.formats.hwr import read_hwr
from sigid.sources.formats.png import read_png

COMMITTED = Path(__file__).parents[1] / "datasets"
DATASETS = (source_a.DATASET, source_b.DATASET)
PEOPLE = [f"somebody {number}" for number in range(30)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both small datasets, made afresh."""
    folder = tmp_path_factory.mktemp("made")
    main(["--out", str(folder)])
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _looks(content: bytes) -> object:
    """A file without what depends on the version of zlib: of a picture its pixels, or that it cannot be shown."""
    if not content.startswith(SIGNATURE):
        return content
    try:
        read_png(content)
    except Rejected as rejected:
        return rejected.reason
    with Image.open(BytesIO(content), formats=("PNG",)) as image:
        return image.mode, image.size, image.tobytes()


def test_the_same_seed_makes_the_same_bytes(made: Path, tmp_path: Path) -> None:
    main(["--out", str(tmp_path), "--seed", "1"])

    assert _files(tmp_path) == _files(made)


def test_another_seed_makes_other_people(made: Path, tmp_path: Path) -> None:
    main(["--out", str(tmp_path), "--seed", "2", "--source", "SOURCE_A"])

    signature = "SOURCE_A/Online/Genuine/001_1.HWR"
    assert (tmp_path / signature).read_bytes() != (made / signature).read_bytes()


def test_the_committed_datasets_are_what_the_maker_makes(made: Path) -> None:
    for dataset in DATASETS:
        committed, fresh = _files(COMMITTED / dataset.name), _files(made / dataset.name)

        assert committed.keys() == fresh.keys()
        for path, content in committed.items():
            assert _looks(content) == _looks(fresh[path]), path


def test_the_committed_datasets_are_small() -> None:
    files = [content for dataset in DATASETS for content in _files(COMMITTED / dataset.name).values()]

    assert sum(map(len, files)) < 1_000_000


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_workers_share_a_dataset_and_change_nothing_in_it(dataset: Dataset, tmp_path: Path) -> None:
    order = Order(seed=3, files=30)

    alone = write(dataset, order, tmp_path / "alone", "made", workers=1)
    shared = write(dataset, order, tmp_path / "shared", "made", workers=2)

    assert alone == shared
    assert _files(tmp_path / "alone") == _files(tmp_path / "shared")


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_a_large_dataset_has_the_ordered_number_of_sound_files_under_different_names(dataset: Dataset) -> None:
    order = Order(files=20_000, defects=False)

    paths = [sample.path.casefold() for sample in dataset.plan(order) if sample.fate == Fate.SIGNATURE]

    assert len(paths) == len(set(paths)) == 20_000


def test_half_of_a_large_dataset_are_pictures_and_half_of_each_are_forged() -> None:
    samples = source_a.plan(Order(files=2_000, defects=False))

    folders = [sample.path.rpartition("/")[0] for sample in samples]

    assert {folder: folders.count(folder) for folder in folders} == {
        "Offline/Genuine": 500,
        "Offline/Forgeries": 500,
        "Online/Genuine": 500,
        "Online/Forgeries": 500,
    }


def test_genuine_signatures_resemble_each_other_more_than_forgeries_do() -> None:
    ratios = []
    for person in PEOPLE:
        genuine = [_shape(sign(1, Signing(person, sample))) for sample in range(3)]
        forged = [_shape(sign(1, Signing(person, sample, forger))) for forger in "ab" for sample in range(2)]

        among_genuine = np.mean([_distance(one, other) for one, other in combinations(genuine, 2)])
        to_forged = np.mean([_distance(one, other) for one, other in product(genuine, forged)])
        ratios.append(among_genuine / to_forged)

    assert max(ratios) < 1.0
    assert np.median(ratios) < 0.5


def test_forgeries_resemble_their_model_more_than_other_people_do() -> None:
    models = [_shape(sign(1, Signing(person, 1))) for person in PEOPLE]
    to_forged = [
        _distance(model, _shape(sign(1, Signing(person, 1, "a")))) for person, model in zip(PEOPLE, models, strict=True)
    ]
    to_others = [_distance(one, other) for one, other in combinations(models, 2)]

    assert np.mean(to_forged) < 0.5 * np.mean(to_others)


def test_forgers_are_slower_than_those_whom_they_imitate() -> None:
    for person in PEOPLE:
        assert len(sign(1, Signing(person, 1, "a"))) > 1.15 * len(sign(1, Signing(person, 1)))


def _shape(points: Floats) -> Floats:
    """(64, 2) places at equal distances along the line, around 0 and of unit size."""
    along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))))
    stops = np.linspace(0.0, along[-1], 64)
    places = np.column_stack([np.interp(stops, along, points[:, axis]) for axis in (0, 1)])
    places -= places.mean(axis=0)
    return np.asarray(places / np.sqrt((places**2).sum(axis=1).mean()))


def _distance(one: Floats, other: Floats) -> float:
    return float(np.hypot(*(one - other).T).mean())


def test_every_signature_lifts_or_presses_the_pen_within_the_tablets_range() -> None:
    pressures = [sign(1, Signing(person, 1))[:, 2] for person in PEOPLE]

    assert all(pressure.min() >= 0.0 and 0.5 < pressure.max() <= 1.0 for pressure in pressures)
    assert any(pressure[5:-5].min() == 0.0 for pressure in pressures)


@pytest.mark.parametrize("sample", [1, 2, 3])
def test_a_picture_and_a_trajectory_of_one_sample_are_one_movement_of_the_pen(sample: int) -> None:
    root = COMMITTED / "SOURCE_A"
    points = np.frombuffer(read_hwr((root / f"Online/Genuine/001_{sample}.HWR").read_bytes())).reshape(3, -1).T
    with Image.open(root / f"Offline/Genuine/001_{sample:02}.PNG", formats=("PNG",)) as image:
        ink = np.asarray(image.convert("L")) < 200

    where = place(points / [LINES_PER_MM, LINES_PER_MM, 1.0])
    columns, rows = np.rint(where[points[:, 2] > 200]).astype(int).T
    near = np.zeros_like(ink)
    for column, row in np.rint(where).astype(int):
        near[max(row - 12, 0) : row + 13, max(column - 12, 0) : column + 13] = True

    assert ink[rows, columns].all()
    assert near[ink].all()


def test_a_pressed_pen_leaves_a_broader_and_darker_line() -> None:
    x = np.linspace(0.0, 20.0, 200)
    light, hard = (draw(np.column_stack((x, np.zeros(200), np.full(200, pressure)))) for pressure in (0.2, 0.9))

    assert (hard < 255).sum() > 1.5 * (light < 255).sum()
    assert hard.min() < light.min()


def test_every_form_in_which_trajectories_are_written_is_there() -> None:
    texts = [
        content for path, content in _files(COMMITTED / "SOURCE_A/Online").items() if path.endswith((".HWR", ".hwr"))
    ]

    assert any(b"\r\n" in text and b"," in text for text in texts)
    assert any(b"," not in text and b"." not in text and b" " in text for text in texts)
    assert any(text and not text.endswith(b"\n") for text in texts)


def test_the_case_of_an_extension_says_nothing_about_the_class() -> None:
    extensions = {path.parent.name + path.suffix for path in (COMMITTED / "SOURCE_A").rglob("*_*.*")}

    assert {"Genuine.PNG", "Genuine.png", "Forgeries.PNG", "Forgeries.png"} <= extensions


def test_some_signees_are_known_by_forgeries_alone() -> None:
    for modality in ("Offline", "Online"):
        genuine = {path.name[:3] for path in (COMMITTED / "SOURCE_A" / modality / "Genuine").glob("*_*")}
        imitated = {path.name[4:7] for path in (COMMITTED / "SOURCE_A" / modality / "Forgeries").glob("*_*")}

        assert imitated - genuine


def test_every_reason_that_a_file_in_git_can_have_is_there() -> None:
    fates = {sample.fate for dataset in DATASETS for sample in dataset.plan(Order())}

    not_in_git = {Reason.NOT_REGULAR, Reason.UNREADABLE, Reason.UNSTABLE}
    awkward_in_git = {Reason.SYMLINK, Reason.TOO_DEEP, Reason.TOO_LARGE}
    assert {fate for fate in fates if isinstance(fate, Reason)} == set(Reason) - not_in_git - awkward_in_git
    assert {fate for fate in fates if isinstance(fate, Fate)} == set(Fate)


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_the_readme_lists_every_oddity(dataset: Dataset) -> None:
    readme = (COMMITTED / dataset.name / "README.md").read_text(encoding="utf-8")

    odd = [sample for sample in dataset.plan(Order()) if isinstance(sample.fate, Reason)]

    assert odd
    for sample in odd:
        assert f"| `{sample.path}` | {sample.oddity} | `{sample.fate}` |" in readme


def _readable() -> list[Sample]:
    """The files of which the bytes alone decide what becomes of them."""
    reasons = list(Reason)
    by_content = {Fate.SIGNATURE, *reasons[reasons.index(Reason.EMPTY) :]}
    return [sample for dataset in DATASETS for sample in dataset.plan(Order()) if sample.fate in by_content]


@pytest.mark.parametrize("sample", _readable(), ids=lambda sample: sample.path)
def test_the_readers_find_what_was_made(sample: Sample) -> None:
    assert sample.make is not None
    read = read_hwr if sample.path.lower().endswith(".hwr") else read_png

    try:
        read(sample.make())
        found: Fate | Reason = Fate.SIGNATURE
    except Rejected as rejected:
        found = rejected.reason

    assert found == sample.fate


def test_an_index_with_a_wrong_count_is_made_on_request_only(made: Path, tmp_path: Path) -> None:
    main(["--out", str(tmp_path), "--source", "SOURCE_B", "--wrong-count"])

    right = (made / "SOURCE_B/INDEX").read_text().splitlines()
    wrong = (tmp_path / "SOURCE_B/INDEX").read_text().splitlines()
    assert int(right[0]) == len(right) - 1
    assert int(wrong[0]) == len(wrong)
    assert wrong[1:] == right[1:]


def test_defects_can_be_left_out(tmp_path: Path) -> None:
    main(["--out", str(tmp_path), "--source", "SOURCE_B", "--no-defects"])

    assert len((tmp_path / "SOURCE_B/INDEX").read_text().splitlines()) == 21
    assert "odd on purpose" not in (tmp_path / "SOURCE_B/README.md").read_text()


def test_a_dataset_is_made_again_in_its_place(tmp_path: Path) -> None:
    main(["--out", str(tmp_path), "--source", "SOURCE_B"])
    main(["--out", str(tmp_path), "--source", "SOURCE_B", "--files", "5"])

    assert len(_files(tmp_path)) == 7


def test_a_folder_that_was_not_made_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "SOURCE_A" / "README.md"
    precious.parent.mkdir()
    precious.write_text("# Collected over years\n")

    with pytest.raises(SystemExit, match=r"SOURCE_A was not made by dev\.samples"):
        main(["--out", str(tmp_path), "--source", "SOURCE_A"])

    assert precious.read_text() == "# Collected over years\n"
