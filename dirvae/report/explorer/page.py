"""A page to walk along traversals, several runs side by side: one file that opens from disk.

Of each path the first frame is stored in 256 grey levels, and of every later one its difference from it, in 255 levels up to the frame's
largest, all tiles of one lossless sprite. So differences keep their shape however faint they are, where differences of stored
frames would drown in rounding: with largest difference s, in grey levels of [0, 1], they are right to s/254, and frames to
1/510 + s/254. What repeats after a path has stopped is left out.
"""

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dirvae.explain import methods
from dirvae.explain.walks import Arm, Facts, Plan
from dirvae.training.workdir import write_text

WIDEST = 4096  # pixels of a sprite's row of tiles
LEVELS = 127  # on either side of no difference, which is level 128
HERE = Path(__file__).parent
PARTS = {"style": "explorer.css", "drawing": "explorer_drawing.js", "script": "explorer.js"}
FAINTEST = 0.001  # grey levels at which the scale of a method's change ends at least


def write(path: Path, split: str, plan: Plan, facts: Facts, arms: Sequence[Arm]) -> Path:
    """The page of what `dirvae.explain.walks` gathered; `split` is the name of the images' split."""
    text = (HERE / "explorer.html").read_text()
    title = f"Traversals of {', '.join(arm.name for arm in arms)}"
    embedded = json.dumps(payload(split, plan, facts, arms), allow_nan=False, separators=(",", ":"))
    filled = {name: (HERE / file).read_text() for name, file in PARTS.items()}
    filled |= {"title": html.escape(title), "data": embedded.replace("<", "\\u003c")}
    for name, content in filled.items():
        text = text.replace(f"{{{{{name}}}}}", content)
    write_text(path, text)
    return path


def payload(split: str, plan: Plan, facts: Facts, arms: Sequence[Arm]) -> dict:
    """Everything that the page shows, as JSON has it; what is not known is null."""
    rows = [np.flatnonzero(plan.row == case) for case in range(len(plan.position))]
    return {
        "split": split,
        "side": facts.image.shape[1:],
        "labels": facts.labels,
        "steps": arms[0].frame.shape[1] - 1,
        "arms": [_arm(arm) for arm in arms],
        "methods": [_method(methods.maps_of()[name]) for name in arms[0].maps],
        "images": sprite(_grey(facts.image)),
        "cases": [
            {
                "index": int(plan.position[case]),
                "target": [None if np.isnan(value) else int(value) for value in facts.target[case]],
                "paths": [_path(plan, facts, arms, row) for row in chosen],
            }
            for case, chosen in enumerate(rows)
        ],
    }


def _method(drawn: methods.Map) -> dict:
    least = FAINTEST if drawn.grey_levels else 0.0
    return {"title": drawn.title, "signed": drawn.signed, "least": least, "says": drawn.legend}


def _arm(arm: Arm) -> dict:
    kind = "coordinates"
    if arm.components:
        kind = "pairs" if arm.components == 2 else "shares"
    return {
        "name": arm.name,
        "family": arm.title,
        "kind": kind,
        "own": arm.own.tolist(),
        "threshold": arm.threshold.round(4).tolist(),
    }


def _path(plan: Plan, facts: Facts, arms: Sequence[Arm], row: int) -> dict:
    exact = facts.effect[row]
    return {
        "label": int(plan.label[row]),
        "sign": int(plan.sign[row]),
        "effect": None if np.isnan(exact).any() else _maps(exact[None]),
        "boxes": facts.boxes[row].round(4).tolist(),
        "arms": [_walk(arm, row) for arm in arms],
    }


def _walk(arm: Arm, row: int) -> dict:
    """One run's path as far as it goes: tiles, their scales, probabilities re-read and of the code, distances, composition, maps."""
    gone = np.flatnonzero(np.diff(arm.distance[row]) > 0)
    count = 2 + int(gone[-1]) if len(gone) else 1
    frames, composed = arm.frame[row, :count], arm.composition[row, :count]
    tiles, scales = encode(frames)
    low, high = float(composed.min()), float(composed.max())
    levels = np.rint(255.0 * (composed - low) / max(high - low, 1e-12)).astype(np.uint8)
    return {
        "frames": sprite(tiles),
        "scales": _short(scales),
        "probability": [_short(each) for each in arm.reread[row, :count]],
        "code": [_short(each) for each in arm.probability[row, :count]],
        "distance": _short(arm.distance[row, :count]),
        "composition": {"low": low, "high": high, "levels": base64.b64encode(levels.tobytes()).decode()},
        "maps": _maps(np.stack([each[row] for each in arm.maps.values()])),
    }


def encode(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames [T, H, W] in grey levels of [0, 1] -> tiles uint8 [T, H, W], and the largest difference of each, [T]."""
    first = _grey(frames[:1])
    later, scales = _signed(frames[1:] - frames[:1])
    return np.concatenate([first, later]), np.concatenate([[0.0], scales])


def _grey(images: np.ndarray) -> np.ndarray:
    return np.rint(255.0 * np.clip(images, 0.0, 1.0)).astype(np.uint8)


def _signed(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scales = np.abs(maps).max(axis=(1, 2), initial=0.0)
    shares = maps / np.where(scales > 0, scales, 1.0)[:, None, None]
    return np.rint(LEVELS + 1 + LEVELS * shares).astype(np.uint8), scales


def _maps(maps: np.ndarray) -> dict:
    """Signed maps [M, H, W] as tiles."""
    tiles, scales = _signed(maps)
    return {"tiles": sprite(tiles), "scales": _short(scales)}


def sprite(tiles: np.ndarray) -> str:
    """Tiles uint8 [n, H, W], row by row in as many columns as fit `WIDEST`, as the URI of a PNG, here no larger than a lossless WebP."""
    count, height, width = tiles.shape
    columns = min(count, max(1, WIDEST // width))
    lines = -(-count // columns)
    filled = np.zeros((lines * columns, height, width), np.uint8)
    filled[:count] = tiles
    whole = filled.reshape(lines, columns, height, width).swapaxes(1, 2).reshape(lines * height, columns * width)
    buffer = io.BytesIO()
    Image.fromarray(whole).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _short(values: np.ndarray) -> list[float]:
    """The values to five significant digits."""
    return [float(f"{value:.5g}") for value in values]
