"""A finished run whose training is a fresh start: for what does not depend on what was learned."""

from dirvae.training import runs, train, workdir
from dirvae.training.checkpoints import Checkpoints
from support import workdirs

FIELDS = {"dataset": "chexpert", "path_steps": 4, "step_size": 0.3}


def make(folder, labels, positive_weight=None, **fields):
    """A workdir with a checkpoint at step 1 and predictions of validation; its data set is nowhere."""
    config = workdirs.make(folder, labels, ("validation",), **(FIELDS | fields))
    facts = runs.describe(folder) | {"directory": "nowhere/data/1.0.0", "positive_weight": positive_weight}
    workdir.write_json(folder / "data.json", facts)
    checkpoints = Checkpoints(folder / "checkpoints", config.evaluate.select_by)
    checkpoints.save(1, train.initial_state(runs.build_model(config, labels), config), {"auroc": 0.5})
    checkpoints.wait()
    checkpoints.close()
    workdir.finish(folder, "train", 1.0)
    return folder
