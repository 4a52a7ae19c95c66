"""X-rays: does the quick study's comparison look alike on real X-rays? Three seeds on a folder in the CheXpert layout.

    python -m experiments.study --preset=xrays --raw_dir=DIR

The latent is the default preset's, the rest as in experiments/configs/xrays.py. Endpoints, fixed before the first run, DirVAE
less GVAE on valid.csv:

  G1   no loss of accuracy: macro AUROC, not worse by .01
  G2a  class-specific latents: AUG, normalised; superior if the interval is above 0

Nothing can be switched on and off in a real X-ray, so interventional D and the encode-decode ceiling are absent. Winners and
coordinates are picked on a fifth of train.csv's patients. A finding counts with 10 positives and 10 negatives there and in
valid.csv (the phantom's studies ask 20); those left out are named with their counts. No Finding and Lung Opacity nearly
exclude each other, which caps AUG even for the code z = y: read it beside its ceiling, and better leave one of them out
with --config.labels where enough others remain.

Every model starts from scratch, so that the arms have equal chances; 150 nats lie between what the two KLs came to in the 480 steps
where 40 were asked of them. --config.init_from=RUN starts all arms from one run on the phantom; but then the
arm of that run's prior takes over more of it than the others, and --config.target_kl should be near that run's KL.
Two minutes a run on two CPU cores are expected.

Result, three seeds, 163 images of NIH ChestX-ray14 and eight findings of which three can be scored: macro AUROC .687 against .680,
+.007 [-.013, .029]; AUG +.010 [-.301, .367]; 175 and 161 nats; supervised autoencoder .683. Undecided.
"""

from dirvae.config import Config, differences
from experiments.configs import default, xrays
from experiments.configs.studies import Study, quick


def study() -> Study:
    settings = {path: ours for path, (ours, _) in differences(xrays.config(), Config()).items()}
    return quick.study()._replace(
        name="xrays",
        question="On real X-rays: does the Dirichlet prior give class-specific latents, at no loss of accuracy?",
        seeds=(0, 1, 2),
        common=default.SETTINGS | settings | {"target_kl": 150.0, "cases": 0, "validation_percent": 20, "enough": 10},
        minutes=2.0,
    )
