"""Cross-validation: a run a fold, each scored on the fold it has not seen."""

import json
import re

import numpy as np
import pytest

from experiments import cross_validate


@pytest.mark.slow
def test_folds_are_runs_of_their_own_that_divide_the_patients(xray_folder, tmp_path, capsys):
    small = {
        "image_size": 32,
        "widths": "4,8",
        "first_stride": 2,
        "hidden": 8,
        "latents": 6,
        "steps": 4,
        "batch_size": 8,
    }
    more = {"replicates": 0, "build_workers": 1, "views": "all", "labels": "Edema", "bound_images": 0}
    fields = [f"--config.{name}={value}" for name, value in (small | more).items()]
    flags = [f"--raw_dir={xray_folder}", "--folds=2", f"--workdir={tmp_path / 'cv'}", f"--data_dir={tmp_path / 'data'}"]
    cross_validate.main([*flags, *fields])
    printed = capsys.readouterr().out
    assert re.search(r"\| Edema \| [01]\.\d+ \(0\.\d+\) \| [01]\.\d+ \(0\.\d+\) \|", printed)
    held_out = [json.loads((tmp_path / "cv" / f"fold{fold}" / "data.json").read_text()) for fold in range(2)]
    sizes = [facts["manifest"]["splits"] for facts in held_out]
    assert all(set(split) == {"train", "validation"} for split in sizes)
    assert sizes[0]["validation"]["images"] == sizes[1]["train"]["images"]
    assert not (tmp_path / "cv" / "fold0" / "report.html").exists()
    cross_validate.main([*flags, *fields])
    assert capsys.readouterr().out.count("train: already done") == 2


@pytest.fixture
def xray_folder(tmp_path):
    """Eighty patients of one frontal image; an edema is a bright image."""
    from PIL import Image

    from dirvae.labels import FINDINGS

    folder, rng = tmp_path / "set", np.random.default_rng(0)
    lines = [",".join(["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS])]
    for patient in range(80):
        edema = patient % 2
        path = folder / "train" / f"patient{patient:05d}" / "study1" / "view1_frontal.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 100, (32, 32), dtype=np.uint8) + np.uint8(100 * edema)).save(path)
        values = [str(float(edema)) if finding == "Edema" else "" for finding in FINDINGS]
        lines.append(",".join([f"set/{path.relative_to(folder)}", "Male", "50", "Frontal", "AP", *values]))
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    return folder
