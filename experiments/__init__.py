"""Entry points: thin commands over `dirvae` and `data_prep`."""
