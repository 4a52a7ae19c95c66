"""Studies: many runs, their endpoints and verdicts."""
