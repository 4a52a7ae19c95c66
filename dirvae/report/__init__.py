"""Reports: a workdir's files in, one self-contained HTML page out."""
