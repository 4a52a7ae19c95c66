"""Makes TFDS data sets of one example schema, from raw files or from nothing but a seed.

The way of the data: `sources` (the registry) -> a reader (`chexpert`, `phantom`) -> `build` -> `verify`.

| module | what it holds |
|---|---|
| schema | the one example schema; its 14 findings are in `dirvae.labels` |
| source, sources | the contract of a data source, and the registry of them |
| chexpert, phantom | readers: CheXpert's folder layout, and X-rays drawn by a program |
| tables, images, records | one row of a table, one image file, one stored example |
| splits, resplit | which patient goes where, and another division of the same images |
| build, shards, manifest, verify | the writing of a data set, what it holds, and the check of it |
"""
