"""Metrics: arrays in, numbers out.

| module | what it holds |
|---|---|
| classification, statistics | AUROC, thresholds and calibration; their intervals and tests |
| auroc_intervals | intervals of AUROCs that also hold where a finding is rare |
| bootstrap | the one bootstrap: whole patients, and seeds |
| comparison | two arms of a study |
| reconstruction, iwae | distance of images; bounds of log p(x) |
| disentanglement, information, interventional | is a finding in one latent? AUG, DCI, MIG, interventional D |
| latent_panel | all scores of a code beside ceiling and null |
| coordinates | the coordinates in which a code is scored |
| probes, readout | what a classifier reads from a frozen code |
| sparsity | how many latents are in use |
| localisation, faithfulness | is a map where the finding is, and does the classifier lean on it? |
| counterfactual | is the path's end convincing? |
| footprint, shortcuts | which factors make up a map, and whether that tells a shortcut |
| titles | names of scores for people |
"""
