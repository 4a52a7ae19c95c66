"""The study of priors: what the code of a run is, how it answers interventions, and what that says of a prior."""
