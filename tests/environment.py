"""Loaded before Django: a DATA_DIR of its own and the embedded profile for the process that runs the tests."""

import atexit
import os
import shutil
import tempfile

# Its pytest plugin would import it after the last test, where a finalizer that runs meanwhile makes CPython 3.11's
# compiler fail now and then ("AST constructor recursion depth mismatch").
import hypothesis  # noqa: F401

_directory = tempfile.mkdtemp(prefix="slackclone-tests-")
_owner = os.getpid()


@atexit.register
def _remove() -> None:
    if os.getpid() == _owner:
        shutil.rmtree(_directory, ignore_errors=True)


os.environ.update(
    DATA_DIR=_directory,
    PROFILE="embedded",
    EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
    # Servers are started from processes in which gRPC's threads run: what it does around a fork would break the child.
    GRPC_ENABLE_FORK_SUPPORT="0",
)
for _name in ("DATABASE_URL", "REDIS_URL", "LOG_URL", "STORE_URL", "BROKER_URL", "PUBLIC_URL"):
    os.environ.pop(_name, None)
