"""The study of shortcuts: what a classifier relies on by intervention, and whether its explanations detect it.

| module | what it holds |
|---|---|
| reliance | one model: what it relies on, and what its explanations show |
| detection | many models: explanations against reliance |
| tables | the result as tables |
"""
