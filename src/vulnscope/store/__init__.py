"""Run folders, rows, resume and the answer cache: the only room that writes results to disk."""

from vulnscope.store.cache import AnswerCache, AnswerKey
from vulnscope.store.environment import cache_dir, code_digest, collect_versions, runs_dir
from vulnscope.store.run import Run, StoredRun
from vulnscope.store.runs import list_runs, load_run, open_run

__all__ = [
    "AnswerCache",
    "AnswerKey",
    "Run",
    "StoredRun",
    "cache_dir",
    "code_digest",
    "collect_versions",
    "list_runs",
    "load_run",
    "open_run",
    "runs_dir",
]
