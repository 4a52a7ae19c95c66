"""Quick: does the Dirichlet prior give class-specific latents at no loss of accuracy? Two seeds, on the phantom.

    python -m experiments.study --preset=quick                 # 6 runs of about 4.5 minutes on two CPU cores

Endpoints, fixed before the first run, DirVAE less GVAE on test images:

  AUG, normalised      class-specific latents; superior if the interval is above 0
  interventional D     class-specific latents without a probe; superior likewise
  macro AUROC          not worse by .01
  encode-decode score  what the decoder can show; described with its interval

Encoder, decoder, linear path, assigned head, steps, 300 nats and 96 free numbers are equal in all arms. Principal components
with the linear baseline stand beside. Method and results: experiments/results/priors.md.
"""

from dirvae.studies.plan import Study

POPULATION = 1  # of phantoms; settings were chosen on another, 0, whose test images have been seen


def study() -> Study:
    numbers = {"latents": 1}  # 96 of them: as many free numbers as 96 pairs on a simplex have
    return Study(
        name="quick",
        question="Does the Dirichlet prior give class-specific latents, at no loss of accuracy?",
        arms={
            "DirVAE": {"prior": "dirichlet"},
            "GVAE": {"prior": "gaussian"} | numbers,
            "Supervised AE": {"prior": "deterministic", "target_kl": 0.0} | numbers,
        },
        seeds=(0, 1),
        common={"cases": 0, "phantom_seed": POPULATION},
        contrast=("DirVAE", "GVAE"),
        margin=0.01,
        minutes=4.5,
    )
