"""The study of priors: what the code of a run is, how it answers interventions, and what that says of a prior.

| module | what it holds |
|---|---|
| endpoints | what is asked of each run, fixed before the runs |
| codes, code_scores | the latents that are scored, and their scores beside ceilings and nulls |
| interventions, evidence | what a model makes of an intervention, and the evidence kept of each run |
| collection, exclusions | finished runs gathered, and what is left out with the reason |
| arms | means of an arm's seeds, with intervals |
| discrimination | the classifiers, finding by finding |
| outcome, verdicts | every number of the report, and the words for it |
| results | the numbers as JSON and CSV |
| flaws | what the published code did wrong, one wrapper each |
| flaw_effects, traversals | what the flaws change, and how the published path compares |
"""
