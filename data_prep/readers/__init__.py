"""Readers: one module for each published chest X-ray data set, or form in which data sets are brought.

Each maps its owners' tables to rows of one form (`data_prep.reader`), cites where the layout is documented, and is registered in
`data_prep.sources`.

| module | data set |
|---|---|
| chexpert | CheXpert as published, and any folder in its layout |
| nih | NIH ChestX-ray14, with its official split, its boxes and its adjudicated labels |
| mimic | MIMIC-CXR-JPG, three tables joined |
| padchest | PadChest, with its terms mapped to findings |
| vindr | VinDr-CXR of PhysioNet, and Kaggle's VinBigData |
| rsna | RSNA Pneumonia Detection Challenge 2018, with its boxes |
| siim | SIIM-ACR Pneumothorax Segmentation 2019, with its masks |
| openi | OpenI of Indiana University, in Kaggle's form |
| chestmnist | ChestMNIST, NIH's images in one .npz file, fetched where it is not given |
| dicom | a folder of DICOM files, with or without a table of labels |
| chexpert_plus | CheXpert Plus, with labels of the whole report or a part of it |
| any_table | any other table of images |
| image_folder | image files without a table |
"""
