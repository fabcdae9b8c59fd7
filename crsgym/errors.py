"""Failures, named by the boundary they cross.

A wrong argument is a plain ``TypeError`` or ``ValueError``; these are for what the world outside
gets wrong. A wrong *answer* of an agent is none of them: it is data, in ``answer_issues``.
"""

from __future__ import annotations


class CRSGymError(Exception):
    """Base of every error of this library; its message is one line that says what to do next."""


class ConfigurationError(CRSGymError, ValueError):
    """A setting that cannot work: an unknown name, a value out of range, parts that do not fit."""


class DataError(CRSGymError):
    """A data set that cannot be used: malformed, of the wrong size, or with a wrong checksum."""


class DownloadError(DataError):
    """A file that is not here and cannot be fetched."""


class MissingSplitError(ConfigurationError):
    """A split that a data set does not have."""


class ArtifactError(CRSGymError):
    """A saved model that is damaged, or was trained for something else."""


class ModelServerError(CRSGymError):
    """A chat model that does not answer, or answers with an error."""


class ReplayMissError(CRSGymError):
    """A replayed chat model was asked something that was never recorded."""


class PluginError(CRSGymError):
    """A plug-in (agent, retriever, simulator, encoder) that broke its contract."""


__all__ = [
    "ArtifactError",
    "CRSGymError",
    "ConfigurationError",
    "DataError",
    "DownloadError",
    "MissingSplitError",
    "ModelServerError",
    "PluginError",
    "ReplayMissError",
]
