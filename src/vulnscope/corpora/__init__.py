"""Corpora: named sets of vulnerable and fixed code under one schema, with group-aware splits."""

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.load import default_data_dir, load_corpus
from vulnscope.corpora.samples import Pair, Sample
from vulnscope.corpora.select import select
from vulnscope.records.corpus import BadRow

__all__ = ["BadRow", "Corpus", "Pair", "Sample", "default_data_dir", "load_corpus", "select"]
