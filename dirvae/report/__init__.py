"""Reports: files of finished runs in, self-contained HTML pages out.

| module | what it holds |
|---|---|
| run_page | one run: report.html |
| run_facts, run_pictures, usage | its facts, its pictures, its latent |
| comparison_page | runs side by side |
| study_page, study_tables | a study of priors |
| flaw_tables, exclusion_tables | its tables of flaws, and of what is left out |
| explanations_page | a comparison of explanations |
| shortcuts_page | a grid of classifiers with shortcuts |
| atlas | cases of a split, explained |
| explanation_files | what is left of one explained image |
| dicom_objects, capture | the same for viewers of DICOM: datasets, and the picture in one of them |
| explorer | a page to walk along paths |
| html | what every page is made of |
"""
