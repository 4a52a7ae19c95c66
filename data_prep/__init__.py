"""From raw files, or from nothing but a seed, to TFDS data sets of one example schema."""
