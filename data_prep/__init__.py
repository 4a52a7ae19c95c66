"""Makes TFDS data sets of one example schema, from raw files or from nothing but a seed.

The way of the data: `sources` (the registry) -> a reader of `readers`, or `phantom` -> `build` -> `verify`.

| module | what it holds |
|---|---|
| schema | the one example schema; findings are in `dirvae.labels` |
| source, sources | the contract of a data source, and the registry of them |
| reader, readers | the contract of a reader of a published data set, and one module for each set |
| recognition | which reader fits a folder |
| check, contents, survey | what a folder holds before anything is built: its files and tables, and what its plan counts |
| sample, contact_sheet | a look at some of its images, and a picture of them |
| plan | every image that is wanted, its split and its file, settled before anything is read |
| table_source | the entries of a plan as a source of examples |
| merged | several data sets as one source |
| phantom | X-rays drawn by a program |
| division, marks | which row goes to which split, and boxes and masks in the square |
| chexlocalize | masks and outlines of findings in CheXpert's images |
| files, arrays, tables, cells | the files of a folder, images that are rows of arrays, CSV files, and what their cells mean |
| images, records, columns | one image file, one stored example, and what is known of all examples of a split |
| rasters, tags | what a PNG, JPEG, TIFF or WebP file stores, and what it says of its levels |
| dicom, dicom_grey, codestreams | what a DICOM file stores, its grey levels, and a look into its compressed pixels |
| stored, intensity, geometry | levels and what is said of them, the rules for black and white, the way into the square |
| quality | verdicts on pictures that can be no good radiographs, and on sets of them |
| splits, resplit | which patient goes where, and another division of the same images |
| build, shards, manifest, verify | the writing of a data set, what it holds, and the check of it |
| stores | object stores and zip archives: addresses instead of folders |
| beam | the same build as a pipeline of Apache Beam |
| provenance | the name of a data set, and proof that its raw files are still those that were read |
| progress | the progress line |
"""
