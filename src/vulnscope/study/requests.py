"""What a study of one model, or of two, is asked; stored in its run."""

from __future__ import annotations

from vulnscope.records.requests import StudyRequest, SubjectRequest
from vulnscope.study.config import StudyConfig


class WholeStudyRequest(StudyRequest):
    """Everything a study is asked to do."""

    study: StudyConfig = StudyConfig()


class AgainstRequest(WholeStudyRequest):
    """Everything a study of two models is asked to do; both are opened as `subject` and `against` say."""

    against: SubjectRequest
