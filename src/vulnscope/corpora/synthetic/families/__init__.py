"""All templates, one module per CWE. Slots are described in `names.py`, the two notations in `template.py`."""

from vulnscope.corpora.synthetic.families import (
    cwe022,
    cwe078,
    cwe079,
    cwe089,
    cwe125,
    cwe190,
    cwe416,
    cwe476,
    cwe502,
    cwe787,
    cwe798,
)
from vulnscope.corpora.synthetic.template import Template

_MODULES = (cwe022, cwe078, cwe079, cwe089, cwe125, cwe190, cwe416, cwe476, cwe502, cwe787, cwe798)

ALL: tuple[Template, ...] = tuple(template for module in _MODULES for template in module.TEMPLATES)
