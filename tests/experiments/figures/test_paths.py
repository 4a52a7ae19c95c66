"""The front page's picture: what it shows of a run is what the run says, and what disagrees is marked."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from dirvae.explain import explainer as explainers
from dirvae.training import evaluate, runs
from experiments import pipeline, run
from experiments.figures import paths

SIDE = 32
TINY = {
    "phantom_train": 64,
    "phantom_validation": 48,
    "phantom_test": 48,
    "image_size": SIDE,
    "labels": "Cardiomegaly,Pleural Effusion",
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


def row(from_code, from_frame):
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.random(shape).astype(np.float32)  # noqa: E731
    maps = [draw(SIDE, SIDE) - 0.5 for _ in range(3)]
    return paths.Row(
        "Edema", 0.5, 0.9, draw(SIDE, SIDE, 1), draw(2, SIDE, SIDE, 1), np.asarray(from_code), from_frame, *maps
    )


@pytest.mark.parametrize(
    ("from_code", "from_frame", "red"),
    [((0.9, 0.1), (0.8, 0.2), 0), ((0.9, 0.1), (0.8, 0.7), 1), ((0.9, 0.1), (0.3, 0.7), 2)],
)
def test_a_frame_is_marked_where_code_and_frame_are_called_differently(from_code, from_frame, red):
    figure = paths.draw([row(from_code, np.asarray(from_frame))])
    texts = [text for axes in figure.axes for text in axes.texts]
    assert sum(to_hex(text.get_color()) == paths.ALARM for text in texts) == red
    plt.close(figure)


@pytest.mark.parametrize(
    ("value", "text"), [(0.05, ".05"), (-0.121, "-.12"), (1.0, "1.00"), (0.999, "1.00"), (10.04, "10.04")]
)
def test_numbers_lose_their_leading_zero_alone(value, text):
    assert paths.short(value) == text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("runs")
    fields = [f"--config.{name}={value}" for name, value in TINY.items()]
    run.main([f"--workdir={where / 'run'}", f"--data_dir={where / 'data'}", "--phases=data,train,evaluate", *fields])
    return where


@pytest.mark.slow
def test_the_picture_shows_the_split_s_first_true_positive(folder):
    explainer = explainers.load(folder / "run")
    examples, predictions = runs.load_examples(explainer.run, "test"), evaluate.load(folder / "run", "test").predictions
    simulator = pipeline.simulator(explainer.run.config.data)
    column = next(c for c in range(2) if true_positives(predictions, explainer, c).any())
    shown = paths.explain_first(explainer, examples, predictions, simulator, explainer.run.labels[column])
    first = np.flatnonzero(true_positives(predictions, explainer, column))[0]
    np.testing.assert_array_equal(shown.image, examples.split.images(np.asarray([first]))[0] / np.float32(255))
    np.testing.assert_allclose(shown.probability, predictions.probability[first, column], rtol=1e-5)
    again = explainer(shown.frames, explainer.run.labels[column], "remove")
    np.testing.assert_allclose(shown.from_frame, again.probability[:, column], rtol=1e-4)


@pytest.mark.slow
def test_the_command_writes_a_picture_and_names_what_it_cannot_show(folder, capsys):
    explainer = explainers.load(folder / "run")
    predictions = evaluate.load(folder / "run", "test").predictions
    names = [name for c, name in enumerate(explainer.run.labels) if true_positives(predictions, explainer, c).any()]
    flags = [f"--workdir={folder / 'run'}", f"--data_dir={folder / 'data'}", f"--out={folder / 'paths.png'}"]
    paths.main([*flags, f"--labels={','.join(names)}"])
    with Image.open(folder / "paths.png") as picture:
        assert picture.width > 1000
    with pytest.raises(SystemExit, match="Pleural Efusion"):
        paths.main([*flags, "--labels=Pleural Efusion"])


def true_positives(predictions, explainer, column):
    called = predictions.probability[:, column] >= explainer.thresholds[column]
    return called & (predictions.target[:, column] > 0) & (predictions.weight[:, column] > 0)
