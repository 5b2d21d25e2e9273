from vulnscope.api import AgainstResult as AgainstResult
from vulnscope.api import ApplyResult as ApplyResult
from vulnscope.api import AuditResult as AuditResult
from vulnscope.api import PatchResult as PatchResult
from vulnscope.api import ProbeResult as ProbeResult
from vulnscope.api import SteerResult as SteerResult
from vulnscope.api import StudyResult as StudyResult
from vulnscope.api import apply as apply
from vulnscope.api import audit as audit
from vulnscope.api import capture as capture
from vulnscope.api import capture_to as capture_to
from vulnscope.api import combine_runs as combine_runs
from vulnscope.api import compare_runs as compare_runs
from vulnscope.api import edited as edited
from vulnscope.api import estimate_audit as estimate_audit
from vulnscope.api import inspect_machine as inspect_machine
from vulnscope.api import inspect_model as inspect_model
from vulnscope.api import load_corpus as load_corpus
from vulnscope.api import open_subject as open_subject
from vulnscope.api import patch as patch
from vulnscope.api import probe as probe
from vulnscope.api import resume_audit as resume_audit
from vulnscope.api import score as score
from vulnscope.api import steer as steer
from vulnscope.api import study as study

__version__: str
