"""Sort orders of lists. Ids are made in the order of time, so that order by creation costs nothing."""

from __future__ import annotations

import enum


class FlowRunSort(str, enum.Enum):
    """Orders of flow runs."""

    ID_DESC = "ID_DESC"
    START_TIME_ASC = "START_TIME_ASC"
    START_TIME_DESC = "START_TIME_DESC"
    EXPECTED_START_TIME_ASC = "EXPECTED_START_TIME_ASC"
    EXPECTED_START_TIME_DESC = "EXPECTED_START_TIME_DESC"
    END_TIME_DESC = "END_TIME_DESC"
    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"


class TaskRunSort(str, enum.Enum):
    """Orders of task runs."""

    ID_DESC = "ID_DESC"
    EXPECTED_START_TIME_ASC = "EXPECTED_START_TIME_ASC"
    EXPECTED_START_TIME_DESC = "EXPECTED_START_TIME_DESC"


class LogSort(str, enum.Enum):
    """Orders of log lines."""

    TIMESTAMP_ASC = "TIMESTAMP_ASC"
    TIMESTAMP_DESC = "TIMESTAMP_DESC"


class ArtifactSort(str, enum.Enum):
    """Orders of artifacts."""

    ID_DESC = "ID_DESC"
    CREATED_DESC = "CREATED_DESC"
