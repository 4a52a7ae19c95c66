"""This package holds the parts that every page is made of.

| module | what it holds |
|---|---|
| document, style | the page with everything inside it, and one look for every figure |
| tables, legend_tables | tables of a run, and tables of a study under their legends |
| figures, study_figures, classification_figures | plots of a run, of a study, and ROC curves with reliability |
| pictures | images, maps, traversals and animations |
"""
