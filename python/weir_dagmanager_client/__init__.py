# SPDX-License-Identifier: Apache-2.0
"""Client of Weir's DAG manager."""

from . import dagmanager_pb2 as pb2
from . import dagmanager_pb2_grpc as pb2_grpc
from .client import Answer, DagManagerClient
from .commit_log import CommitLogReader
from .version import VERSION as __version__

__all__ = ["Answer", "CommitLogReader", "DagManagerClient", "__version__", "pb2", "pb2_grpc"]
