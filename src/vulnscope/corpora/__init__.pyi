from vulnscope.corpora.corpus import Corpus as Corpus
from vulnscope.corpora.load import default_data_dir as default_data_dir
from vulnscope.corpora.load import load_corpus as load_corpus
from vulnscope.corpora.samples import Pair as Pair
from vulnscope.corpora.samples import Sample as Sample
from vulnscope.corpora.subset import select as select
from vulnscope.records.corpus import BadRow as BadRow
