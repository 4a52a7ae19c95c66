"""Commands: thin entry points over `dirvae` and `data_prep`; `python -m experiments` lists them.

| module | what it holds |
|---|---|
| one module a command | `parser()` and a function of its flags |
| cli | the flags of all commands, and the list of them |
| pipeline, external | the phases of a run, and external validation: where `data_prep` meets `dirvae` |
| configs | presets and studies, each a lab note that runs |
| results | what was found, a page a question, and the glossary |
| figures, colabs, launch | the front page's picture, the notebook, scripts for clusters |
| benchmarks, literature | parts of `experiments.benchmark` and of `experiments.mnist` |
"""
