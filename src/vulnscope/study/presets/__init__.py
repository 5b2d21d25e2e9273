"""Earlier experiments as presets of the study: repeated as they were written, and done right beside it.

A preset is a recipe, a YAML file with the fields of `vulnscope.study.presets.recipe.Recipe`, under a name of
`registry.py`; third parties add theirs through the entry point group `vulnscope.preset`, whose entries are the files'
paths.
"""

from __future__ import annotations

from importlib.resources import files

STARCODER_STEERING = files("vulnscope.study.presets") / "starcoder_steering_2025.yaml"
