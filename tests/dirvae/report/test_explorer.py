"""The explorer's page: what it stores, and what it does in a browser."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from support import browser

from dirvae.explain import methods
from dirvae.explain.walks import Arm, Facts, Plan
from dirvae.report.explorer import page as explorer

SIDE, STEPS = 32, 6
LABELS = ("Edema", "Pleural <Effusion>", "Fracture")
PLAN = Plan(
    np.asarray([17, 4, 99], np.int32),
    np.repeat(np.arange(3), 2).astype(np.int32),
    np.asarray([0, 1, 1, 2, 2, 0], np.int32),
    np.asarray([-1, 1, -1, -1, 1, 1], np.float32),
)


def smooth(rng, *shape, size=1.0):
    fields = ndimage.gaussian_filter(rng.normal(size=(int(np.prod(shape)), SIDE, SIDE)), (0.0, 3.0, 3.0))
    return (size * fields / np.abs(fields).max(axis=(1, 2), keepdims=True)).reshape(*shape, SIDE, SIDE)


def random_arm(name, title, components, seed, faint=0.2):
    """Paths that leave their start in proportion to the step; row r stops after 2 + r % 5 of the steps."""
    rng, rows = np.random.default_rng(seed), len(PLAN.row)
    stop = 2 + np.arange(rows) % (STEPS - 1)
    walked = np.minimum(np.arange(STEPS + 1), stop[:, None]).astype(np.float32)
    start, change = 0.5 + smooth(rng, rows, size=0.2), smooth(rng, rows, size=faint)
    share = walked / STEPS
    return Arm(
        name=name,
        title=title,
        frame=(start[:, None] + share[..., None, None] * change[:, None]).astype(np.float32),
        reread=np.clip(0.9 - share[..., None] * rng.random((rows, 1, 3)), 0, 1).astype(np.float32),
        probability=np.clip(0.95 - 0.9 * share[..., None] * np.ones((rows, 1, 3)), 0, 1).astype(np.float32),
        distance=0.6 * walked,
        composition=(0.3 + 0.5 * share[..., None] * rng.random((rows, 1, 7))).astype(np.float32),
        components=components,
        own=np.arange(3, dtype=np.int32)[:, None],
        maps={method: smooth(rng, rows) for method in methods.maps_of("ours", "rival")},
        threshold=np.asarray([0.3, 0.5, 0.7]),
    )


def facts():
    rng = np.random.default_rng(5)
    effect = smooth(rng, len(PLAN.row), size=0.3).astype(np.float32)
    effect[PLAN.label == 2] = np.nan
    boxes = tuple(np.asarray([[0.1, 0.2, 0.5, 0.6]] * (row % 2)).reshape(-1, 4) for row in range(len(PLAN.row)))
    target = np.asarray([[1, 0, np.nan], [0, 1, 1], [0, 0, 0]], np.float32)
    return Facts(LABELS, 0.5 + smooth(rng, 3, size=0.4), target, effect, boxes)


ARMS = (random_arm("mine", "Dirichlet VAE, Beta pairs", 2, 1), random_arm("a/theirs & co", "Gaussian VAE", 0, 2))


def tiles(uri, count):
    """As a browser reads them: [count, H, W]."""
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    rows = [np.split(line, line.shape[1] // SIDE, axis=1) for line in np.split(image, len(image) // SIDE)]
    return np.stack([tile for row in rows for tile in row][:count])


def stored_walk(stored):
    """(first frame, differences from it) that a page's sprite holds."""
    levels, scales = tiles(stored["frames"], len(stored["scales"])).astype(float), np.asarray(stored["scales"])
    return levels[0] / 255, (levels[1:] - 128) / 127 * scales[1:, None, None]


@pytest.mark.parametrize("faint", [0.004, 0.2])
def test_stored_frames_are_the_paths_and_differences_keep_their_shape(faint):
    arm = random_arm("mine", "Dirichlet VAE, Beta pairs", 2, 3, faint)
    stored = explorer.payload("test", PLAN, facts(), [arm])
    for row, path in enumerate(p for case in stored["cases"] for p in case["paths"]):
        first, gone = stored_walk(path["arms"][0])
        count = 2 + row % (STEPS - 1)
        assert gone.shape == (count, SIDE, SIDE)  # what repeats is left out
        np.testing.assert_allclose(first + gone, arm.frame[row, 1 : count + 1], atol=1 / 255)
        true = arm.frame[row, 1 : count + 1] - arm.frame[row, 0]
        for ours, theirs in zip(gone, true, strict=True):
            assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


def test_stored_numbers_are_the_paths():
    stored = explorer.payload("test", PLAN, facts(), ARMS)
    assert [case["index"] for case in stored["cases"]] == [17, 4, 99]
    assert stored["cases"][0]["target"] == [1, 0, None]
    paths = [path for case in stored["cases"] for path in case["paths"]]
    for row, path in enumerate(paths):
        assert (path["label"], path["sign"]) == (PLAN.label[row], PLAN.sign[row])
        assert (path["effect"] is None) == (PLAN.label[row] == 2)
        for arm, one in zip(ARMS, path["arms"], strict=True):
            np.testing.assert_allclose(one["probability"][-1], arm.reread[row, -1], atol=1e-5)
            np.testing.assert_allclose(one["code"][-1], arm.probability[row, -1], atol=1e-5)
            assert one["distance"][-1] == pytest.approx(arm.distance[row, -1], rel=1e-4)
            levels = np.frombuffer(base64.b64decode(one["composition"]["levels"]), np.uint8).astype(float)
            low, high = one["composition"]["low"], one["composition"]["high"]
            shown = (low + (high - low) * levels / 255).reshape(-1, 7)
            np.testing.assert_allclose(shown, arm.composition[row, : len(shown)], atol=(high - low) / 509)


def test_tiles_are_laid_out_in_rows_that_browsers_can_hold(monkeypatch):
    monkeypatch.setattr(explorer, "WIDEST", 3 * SIDE)
    made = np.random.default_rng(0).integers(0, 256, (7, SIDE, SIDE)).astype(np.uint8)
    np.testing.assert_array_equal(tiles(explorer.sprite(made), 7), made)


def test_a_path_that_goes_nowhere_is_one_frame():
    arm = ARMS[0]._replace(distance=np.zeros_like(ARMS[0].distance))
    stored = explorer.payload("test", PLAN, facts(), [arm])["cases"][0]["paths"][0]["arms"][0]
    assert len(stored["probability"]) == len(stored["scales"]) == 1


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return explorer.write(tmp_path_factory.mktemp("page") / "explorer.html", "test", PLAN, facts(), ARMS)


@pytest.mark.slow
def test_the_page_holds_everything_itself(page):
    text = page.read_text()
    assert "{{" not in text
    assert not re.search(r"(src|href)=['\"](?!data:)", text)
    assert "url(" not in text
    assert "Pleural <Effusion>" not in text  # would be markup within the script
    held = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))
    assert held["labels"] == list(LABELS)


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    if browser.CHROMIUM is None:
        pytest.skip("no Chromium on this machine (chromium, chromium-browser, google-chrome or chrome)")
    with browser.Browser(tmp_path_factory.mktemp("profile"), patience=240) as opened:
        yield opened


def shown(tab):
    """(image, finding, step, shown runs) as the page presents them, and the first shown run's pictures and numbers."""
    return tab.evaluate("""(() => {
      const columns = [...document.querySelectorAll("article")].filter((c) => !c.hidden), one = columns[0];
      return {
        image: document.getElementById("case").textContent,
        finding: document.querySelector("#classes [aria-checked=true] b").textContent,
        step: +document.getElementById("step").value, end: +document.getElementById("step").max,
        arms: columns.map((c) => c.getAttribute("aria-label")),
        picture: one.querySelector(".drag canvas").toDataURL(), map: one.querySelectorAll(".drag canvas")[1].toDataURL(),
        latent: one.querySelector(".bars canvas").toDataURL(),
        probabilities: [...one.querySelectorAll("li")].map((row) => +row.lastChild.textContent),
        line: one.querySelector(".line").textContent,
      };
    })()""")


@pytest.mark.slow
def test_it_opens_on_a_lowered_finding_whose_effect_is_known(tab, page):
    tab.open(page)
    first = shown(tab)
    assert (first["image"], first["finding"], first["step"]) == ("Image 17 of test", "Edema", 2)
    assert first["arms"] == ["mine", "a/theirs & co"]
    assert tab.errors == []


STATE = "#image=4&class=fracture&step=1&arms=a%2Ftheirs+%26+co"


@pytest.mark.slow
def test_an_address_is_restored_and_kept(tab, page):
    tab.open(page, STATE)
    found = shown(tab)
    assert (found["image"], found["finding"], found["step"]) == ("Image 4 of test", "Fracture", 1)
    assert found["arms"] == ["a/theirs & co"]
    tab.press("ArrowRight")
    kept = tab.evaluate("location.hash")
    tab.open(page, kept)
    again = shown(tab)
    assert (again["image"], again["finding"], again["step"], again["arms"]) == (
        "Image 4 of test",
        "Fracture",
        2,
        found["arms"],
    )
    assert again["probabilities"] == pytest.approx(ARMS[1].reread[3, 2], abs=0.006)
    assert tab.errors == []


@pytest.mark.parametrize("fragment", ["#image=5&class=x&step=-7&arms=nobody", "#step=1e99", "#%%%&&==", "#step=NaN"])
@pytest.mark.slow
def test_a_bad_address_falls_back_without_an_error(tab, page, fragment):
    tab.open(page, fragment)
    found = shown(tab)
    assert found["image"] == "Image 17 of test"
    assert len(found["arms"]) == 2
    assert 0 <= found["step"] <= found["end"]
    assert tab.errors == []


@pytest.mark.slow
def test_the_slider_changes_everything_together(tab, page):
    tab.open(page, "#image=17&class=edema&step=0")
    before = shown(tab)
    tab.evaluate("$('step').value = 2; $('step').dispatchEvent(new Event('input', {bubbles: true}))")
    after = shown(tab)
    for name in ("picture", "map", "latent", "probabilities"):
        assert after[name] != before[name], name
    assert before["probabilities"] == pytest.approx(ARMS[0].reread[0, 0], abs=0.006)
    assert after["probabilities"] == pytest.approx(ARMS[0].reread[0, 2], abs=0.006)
    # the line tells of the whole path
    start, end = (f"{ARMS[0].reread[0, t, 0]:.2f}".lstrip("0") for t in (0, 2))
    assert before["line"] == after["line"]
    assert f"P(Edema) {start} → {end} in 2 of {STEPS} steps, " in after["line"]
    code = " → ".join(f"{ARMS[0].probability[0, t, 0]:.2f}".lstrip("0") for t in (0, 2))
    assert f"of the code {code}, distance 1.2" in after["line"]


@pytest.mark.slow
def test_the_picture_is_the_image_with_the_change_and_decoded_frames_are_a_choice(tab, page):
    """The middle of the canvas is compared in grey levels, there being no interpolation where a field is smooth."""
    tab.open(page, "#image=17&class=edema")
    row, column = 16, 16
    change = ARMS[0].frame[0, 2] - ARMS[0].frame[0, 0]
    pick = f"""(() => {{
      const canvas = document.querySelector("article .drag canvas"), scale = canvas.width / {SIDE};
      return canvas.getContext("2d").getImageData(({column} + 0.5) * scale, ({row} + 0.5) * scale, 1, 1).data[0];
    }})()"""
    on_image = np.clip(facts().image[0] + change, 0, 1)[row, column]
    assert tab.evaluate(pick) == pytest.approx(255 * on_image, abs=4)
    tab.evaluate("$('decoded').click()")
    assert tab.evaluate(pick) == pytest.approx(255 * ARMS[0].frame[0, 2, row, column], abs=4)
    code = f"{ARMS[0].probability[0, 2, 0]:.2f}".lstrip("0")
    words = f"decoded, step 2: code {code}; bars are of the picture on the image"
    assert words in tab.evaluate("document.querySelector('article').textContent")
    assert tab.errors == []


@pytest.mark.slow
def test_red_is_what_the_finding_adds(tab, page):
    """The middle of the map's strongest pixel: the path lowers the label, so that what it takes away is red."""
    tab.open(page, "#image=17&class=edema")
    tab.evaluate("$('overlay').click()")
    change = ARMS[0].frame[0, 0] - ARMS[0].frame[0, -1]
    for pick, redder in ((change.argmax(), True), (change.argmin(), False)):
        row, column = np.unravel_index(pick, change.shape)
        red, blue = tab.evaluate(f"""(() => {{
          const canvas = document.querySelectorAll(".drag canvas")[1], by = canvas.width / {SIDE};
          const found = canvas.getContext("2d").getImageData(({column} + 0.5) * by, ({row} + 0.5) * by, 1, 1).data;
          return [found[0], found[2]];
        }})()""")
        assert (red > blue) == redder
        assert abs(red - blue) > 8


@pytest.mark.slow
def test_keys_step_and_change_image_and_finding(tab, page):
    tab.open(page, "#image=17&class=edema&step=1")
    reached = []
    for key in ("ArrowRight", "Home", "End", "]", "[", "2", "ArrowDown", "ArrowUp", "ArrowUp"):
        tab.press(key)
        tab.evaluate("new Promise((done) => setTimeout(done, 150))")
        found = shown(tab)
        reached.append((found["image"].split()[1], found["finding"], found["step"]))
    effusion = LABELS[1]
    assert reached == [
        ("17", "Edema", 2),
        ("17", "Edema", 0),
        ("17", "Edema", 2),
        ("17", effusion, 3),
        ("17", "Edema", 2),
        ("17", effusion, 3),
        ("4", effusion, 4),
        ("17", effusion, 3),
        ("99", "Fracture", 6),
    ]


@pytest.mark.slow
def test_play_moves_and_stops(tab, page):
    tab.open(page, "#image=99&class=fracture&step=0")
    tab.press(" ")
    tab.until("$('step').value >= 2")
    tab.press(" ")
    assert tab.evaluate("document.getElementById('play').ariaLabel") == "play"
    halted = shown(tab)["step"]
    tab.evaluate("new Promise((done) => setTimeout(done, 400))")
    assert shown(tab)["step"] == halted


@pytest.mark.slow
def test_a_phone_has_no_sideways_scroll_and_large_pictures(tab, page):
    tab.resize(390, 844, mobile=True)
    tab.open(page)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    assert tab.evaluate("document.querySelector('.drag canvas').clientWidth") > 150
    tab.resize(1440, 900)
    assert tab.errors == []
