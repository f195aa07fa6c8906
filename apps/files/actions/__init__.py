from apps.files.actions.attach import attach_files, forward_files, settle_files, settle_forward, withdraw_files
from apps.files.actions.upload import append_bytes, begin_upload, discard_upload

__all__ = [
    "append_bytes",
    "attach_files",
    "begin_upload",
    "discard_upload",
    "forward_files",
    "settle_files",
    "settle_forward",
    "withdraw_files",
]
