"""The command that explains an image or a split: what it prints and leaves, and what goes wrong named and nothing written."""

import io
import json
import sys

import numpy as np
import pydicom
import pytest
from PIL import Image
from support import dicom_files

from data_prep import images
from dirvae.explain import explainer as explainers
from dirvae.explain import methods, selection
from dirvae.training import data, evaluate, runs, workdir
from experiments import explain, removals, run

TINY = {
    "phantom_train": 64,
    "phantom_validation": 48,
    "phantom_test": 48,
    "image_size": 32,
    "labels": "Cardiomegaly,Lung Lesion,Pleural Effusion",
    "first_stride": 2,
    "widths": "4,8",
    "hidden": 8,
    "latents": 6,
    "steps": 6,
    "batch_size": 16,
    "checkpoint_every": 6,
    "replicates": 0,
    "bound_images": 0,
    "path_steps": 3,
    "build_workers": 1,
}
FILES = ["map.png", "path.gif", "path.json", "strip.png"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("runs")
    fields = [f"--config.{name}={value}" for name, value in TINY.items()]
    run.main([f"--workdir={where / 'run'}", f"--data_dir={where / 'data'}", "--phases=data,train,evaluate", *fields])
    return where


@pytest.fixture(scope="module")
def image(folder):
    """One of the test split as a PNG file."""
    split = data.Split(runs.open_run(folder / "run").dataset, "test")
    path = folder / "case.png"
    Image.fromarray(split.images(np.asarray([3]))[0, ..., 0]).save(path)
    return path


def call(folder, *flags):
    explain.main([f"--workdir={folder / 'run'}", f"--data_dir={folder / 'data'}", *map(str, flags)])


def refused(folder, capsys, *flags):
    """The last line of what a command says that must fail, having written nothing."""
    before = sorted(path for path in folder.rglob("*") if "compiled" not in path.parts)
    with pytest.raises(SystemExit) as ended:
        call(folder, *flags)
    assert ended.value.code in (1, 2)
    assert sorted(path for path in folder.rglob("*") if "compiled" not in path.parts) == before
    capsys.readouterr()
    text = str(ended.value)
    assert text.startswith("error: ")
    assert len(text.splitlines()) == 1
    return text


def write_dicom(path, pixels, **elements):
    """Grey levels of [0, 255] whose window shows them as they are."""
    pydicom = pytest.importorskip("pydicom", reason="DICOM needs the extra of that name")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = "127.5", "255", "LINEAR_EXACT"
    if pixels is not None:
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.PixelData = pixels.tobytes()
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.slow
def test_an_image_leaves_four_files_that_agree_with_the_library(folder, image, tmp_path, capsys):
    call(folder, f"--image={image}", "--label=Lung Lesion", "--direction=add", f"--out={tmp_path / 'deep' / 'out'}")
    printed = capsys.readouterr().out
    out = tmp_path / "deep" / "out"
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    told = json.loads((out / "path.json").read_text())
    explainer = explainers.load(folder / "run")
    found = explainer(np.asarray(Image.open(image)), "Lung Lesion", "add")
    assert (told["image"], told["label"], told["direction"]) == ("case.png", "Lung Lesion", "add")
    assert len(told["frames"]) == TINY["path_steps"] + 1
    for frame, reread, _, probability, distance, point in zip(told["frames"], *found.path[1:], strict=True):
        for name, row in (("probability", reread), ("probability_of_code", probability)):
            np.testing.assert_allclose([frame[name][label] for label in explainer.run.labels], row, atol=1e-6)
        assert frame["distance"] == pytest.approx(float(distance), abs=1e-6)
        np.testing.assert_allclose(frame["coordinates"], point.ravel(), atol=1e-5)
    first, last = (told["frames"][i]["probability"]["Lung Lesion"] for i in (0, -1))
    assert f"probability re-read from the picture {first:.3f} -> {last:.3f}" in printed
    for label, p in told["probability"].items():
        assert f"{p:.3f}" in next(line for line in printed.splitlines() if line.startswith(label))
    assert told["run"]["step"] == 6
    assert told["options"]["path_steps"] == 3
    for name in ("strip.png", "map.png"):
        assert min(Image.open(out / name).size) > 300
    assert Image.open(out / "path.gif").n_frames > 3


@pytest.mark.slow
def test_further_maps_are_drawn_on_request(folder, image, tmp_path, capsys):
    call(folder, f"--image={image}", "--label=Cardiomegaly", "--maps=latent_shift, edges", f"--out={tmp_path / 'out'}")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*FILES, "maps.png"])
    call(folder, "--label=Cardiomegaly", "--cases=1", "--maps=latent_shift", f"--out={tmp_path}")
    assert (tmp_path / "atlas-test.html").exists()
    assert set(explain.maps_of("all")) == set(methods.maps_of("ours", "rival"))
    assert "did you mean 'latent_shift'" in refused(folder, capsys, f"--image={image}", "--maps=latent_shif")


@pytest.mark.slow
def test_the_same_pixels_through_dicom_give_the_same_answer(folder, image, tmp_path):
    pixels = np.asarray(Image.open(image))
    dicom = write_dicom(tmp_path / "case.dcm", pixels)
    inverse = write_dicom(tmp_path / "inverse.dcm", 255 - pixels, PhotometricInterpretation="MONOCHROME1")
    told = []
    for path in (image, dicom, inverse):
        call(folder, f"--image={path}", f"--out={tmp_path / 'out'}")  # the second replaces the first
        told.append(json.loads((tmp_path / "out" / "path.json").read_text()))
        assert told[-1].pop("image") == path.name
    assert told[0] == told[1] == told[2]


@pytest.fixture(scope="module")
def turned(folder, image, tmp_path_factory):
    """A DICOM file of 48 rows and 60 columns that shows a picture of 60 rows and 48 columns lying on its side."""
    upright = np.asarray(Image.open(image).resize((48, 60)))
    path = tmp_path_factory.mktemp("turned") / "turned.dcm"
    stored = np.ascontiguousarray(upright[:, ::-1].T)  # rows run to the foot, columns to the patient's right
    dicom_files.radiograph(stored, PatientOrientation=["F", "R"]).save_as(path, enforce_file_format=True)
    return path


@pytest.mark.slow
def test_dicom_objects_lie_on_the_rows_and_columns_of_the_stored_image(folder, turned, tmp_path):
    call(folder, f"--image={turned}", "--label=Lung Lesion", "--dicom", f"--out={tmp_path / 'out'}")
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "capture.dcm", "map.dcm"])
    made = pydicom.dcmread(out / "map.dcm")
    found = explainers.load(folder / "run")(images.read(turned, TINY["image_size"]), "Lung Lesion")
    fine = np.kron(
        found.signed, np.ones((15, 15))
    )  # 480 x 480, on which the pixels of the stored image are whole: 8 x 8
    means = fine[:, 48:-48].reshape(60, 8, 48, 8).mean(axis=(1, 3))
    assert (made.Rows, made.Columns) == (48, 60)
    np.testing.assert_allclose(made.pixel_array, means[:, ::-1].T, atol=1e-5)
    capture = pydicom.dcmread(out / "capture.dcm")
    assert capture.Rows > capture.Columns / 2
    said = json.loads((out / "path.json").read_text())["frames"]
    before, after = (said[end]["probability"]["Lung Lesion"] for end in (0, -1))
    assert f"{before:.3f} before, {after:.3f} after" in capture.DerivationDescription


@pytest.mark.slow
def test_dicom_objects_need_a_dicom_image_with_uids(folder, image, turned, tmp_path, capsys, monkeypatch):
    assert f"{image} is not DICOM" in refused(folder, capsys, f"--image={image}", "--dicom")
    assert "--dicom goes with --image" in refused(folder, capsys, "--dicom")
    assert "--intensity goes with --image" in refused(folder, capsys, "--intensity=range")
    bare = dicom_files.radiograph(np.zeros((32, 32), np.uint8), StudyInstanceUID=None)
    bare.save_as(tmp_path / "bare.dcm", enforce_file_format=True)
    assert "no StudyInstanceUID" in refused(folder, capsys, f"--image={tmp_path / 'bare.dcm'}", "--dicom")
    monkeypatch.setitem(sys.modules, "highdicom", None)  # what Python itself does for a package that cannot be imported
    sentence = refused(folder, capsys, f"--image={turned}", "--dicom")
    assert "needs the package highdicom: pip install -e '.[dicom]'" in sentence


@pytest.mark.slow
def test_without_a_label_the_choice_is_told(folder, image, capsys):
    call(folder, f"--image={image}", "--config.path_steps=2")
    printed = capsys.readouterr().out
    told = json.loads((folder / "run" / "explanations" / "case" / "path.json").read_text())
    odds = lambda p: p / (1 - p)  # noqa: E731
    over = {label: odds(p) / odds(told["threshold"][label]) for label, p in told["probability"].items()}
    assert told["label"] == max(over, key=over.get)
    assert f"no label given: {told['label']}, whose odds" in printed
    assert told["direction"] == ("remove" if over[told["label"]] >= 1 else "add")
    assert len(told["frames"]) == 3


def broken(tmp_path, image):
    """Files that hold no usable image."""
    whole = image.read_bytes()
    frames = [Image.open(image).convert("L")] * 2
    frames[0].save(tmp_path / "frames.tiff", save_all=True, append_images=frames[1:])
    for name, content in {"text.png": b"no image" * 40, "empty.png": b"", "cut.png": whole[: len(whole) // 2]}.items():
        (tmp_path / name).write_bytes(content)
    write_dicom(tmp_path / "none.dcm", None)
    write_dicom(tmp_path / "hollow.dcm", None, Rows=32, Columns=32)
    write_dicom(tmp_path / "several.dcm", np.zeros((64, 32), np.uint8), Rows=32, NumberOfFrames=2)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text.png", "not a readable image"),
        ("empty.png", "the file is empty"),
        ("cut.png", "not a readable image"),
        ("frames.tiff", "2 frames"),
        ("none.dcm", "without pixels"),
        ("hollow.dcm", "without pixels"),
        ("several.dcm", "2 frames"),
        ("nowhere.png", "no such file"),
        ("", "no such file"),
    ],
)
@pytest.mark.slow
def test_files_without_a_usable_image_are_named(folder, image, tmp_path, capsys, name, reason):
    broken(tmp_path, image)
    text = refused(folder, capsys, f"--image={tmp_path / name}")
    assert str(tmp_path / name) in text
    assert reason in text


@pytest.mark.slow
def test_dicom_without_pydicom_is_named(folder, tmp_path, capsys, monkeypatch):
    path = write_dicom(tmp_path / "case.dcm", np.zeros((32, 32), np.uint8))
    monkeypatch.setitem(sys.modules, "pydicom", None)  # what Python itself does for a package that cannot be imported
    text = refused(folder, capsys, f"--image={path}")
    assert path.name in text
    assert "pip install -e '.[dicom]'" in text


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--label=Lung Legion"], "did you mean 'Lung Lesion'? Known are Cardiomegaly, Lung Lesion, Pleural Effusion"),
        (["--config.latents=9"], "latents is no field of explain"),
        (["--config.direction=add"], "give direction itself"),
        (["--config.metric=euclid"], "did you mean"),
        (["--steps=9"], "'--steps=9' is not a flag"),
    ],
)
@pytest.mark.slow
def test_bad_flags_give_one_clear_sentence(folder, image, capsys, flags, sentence):
    assert sentence in refused(folder, capsys, f"--image={image}", *flags)


@pytest.mark.slow
def test_a_folder_of_other_things_is_not_replaced(folder, image, capsys):
    (folder / "own").mkdir(exist_ok=True)
    (folder / "own" / "thesis.txt").write_text("precious")
    assert "thesis.txt" in refused(folder, capsys, f"--image={image}", f"--out={folder / 'own'}")
    assert (folder / "own" / "thesis.txt").read_text() == "precious"


def without_positives(folder, tmp_path):
    """A copy of the run's predictions in which test has no Lung Lesion."""
    saved = evaluate.load(folder / "run", "test")
    target = saved.predictions.target.copy()
    target[:, 1] = 0.0
    path = folder / "run" / "predictions" / "test.npz"
    before = path.read_bytes()
    extra = {"labels": np.asarray(saved.labels), "path": saved.path, "linear": saved.linear}
    workdir.write_arrays(path, saved.predictions._replace(target=target)._asdict() | extra)
    return path, before


@pytest.mark.slow
def test_the_atlas_names_every_finding_and_shows_what_it_says(folder, tmp_path, capsys):
    path, before = without_positives(folder, tmp_path)
    try:
        assert "Lung Lesion has no positive in test" in refused(folder, capsys, "--label=Lung Lesion", "--cases=1")
        call(folder, "--cases=1", f"--out={tmp_path}")
        saved = evaluate.load(folder / "run", "test").predictions
    finally:
        path.write_bytes(before)
    assert [made.name for made in tmp_path.iterdir()] == ["atlas-test.html"]
    page = (tmp_path / "atlas-test.html").read_text()
    assert "src='http" not in page
    assert page.count("No image of test is labelled positive") == 1
    thresholds = explainers.load(folder / "run").thresholds
    shown = 0
    for column, finding in enumerate(TINY["labels"].split(",")):
        assert f"<h2>{finding}</h2>" in page
        for outcome in selection.OUTCOMES if column != 1 else ():
            every = len(selection.with_outcome(saved, column, thresholds[column], outcome, 99, 0))
            shown += every > 0
            assert (f"1 of {every} {outcome}s of {finding}" in page) == (every > 0)
    assert page.count("data:image/webp") == shown > 0


@pytest.mark.slow
def test_an_atlas_needs_an_evaluated_split(folder, capsys):
    assert "no split 'tset'" in refused(folder, capsys, "--split=tset")
    assert "run the evaluate phase first" in refused(folder, capsys, "--split=test_rho0")
    assert "whole number of at least 1" in refused(folder, capsys, "--cases=0")


@pytest.mark.slow
def test_frames_of_the_animation_end_where_the_path_does(folder, image, tmp_path):
    """The left half of the middle frame of there-and-back is the path's last image, but for the palette."""
    call(folder, f"--image={image}", "--label=Cardiomegaly", f"--out={tmp_path / 'out'}")
    found = explainers.load(folder / "run")(np.asarray(Image.open(image)), "Cardiomegaly")
    moving = Image.open(io.BytesIO((tmp_path / "out" / "path.gif").read_bytes()))
    moving.seek(TINY["path_steps"])
    left = np.asarray(moving.convert("L"))[:, : moving.width // 2]
    assert left.shape[0] == left.shape[1]
    small = np.asarray(Image.fromarray(left).resize((32, 32), Image.Resampling.BOX)) / 255.0
    np.testing.assert_allclose(small, found.path.on_image[-1, ..., 0], atol=0.08)


@pytest.mark.slow
def test_removals_count_what_the_classifier_reads_from_the_last_pictures(folder, capsys):
    removals.main([f"--workdir={folder / 'run'}", f"--data_dir={folder / 'data'}", "--split=validation", "--images=5"])
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Cardiomegaly")]
    explainer = explainers.load(folder / "run")
    examples = runs.load_examples(explainer.run, "validation")
    column, tuned = explainer.run.labels.index("Cardiomegaly"), explainer.run.tuned
    positions = selection.true_positives(tuned, column, explainer.thresholds[column], 5, explainer.run.config.seed)
    path = explainer(examples.split.images(positions), "Cardiomegaly", "remove").path
    share = float((path.reread[:, -1, column] < explainer.thresholds[column]).mean())
    by_code = float((path.probability[:, -1, column] < explainer.thresholds[column]).mean())
    assert printed[0].split()[1:3] == [str(len(positions)), f"{by_code:.2f}"]
    assert printed[0].split()[4] == f"{share:.2f}"
