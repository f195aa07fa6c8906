"""What protoc makes of the .proto is what is committed: `make proto`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PROTO = Path("apps/messaging/proto/slackclone/v1/messages.proto")


@pytest.mark.parametrize(("option", "suffix"), [("python_out", "py"), ("pyi_out", "pyi")])
def test_the_generated_code_is_current(tmp_path: Path, option: str, suffix: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--{option}={tmp_path}", PROTO],
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    made = PROTO.with_name(f"messages_pb2.{suffix}")
    assert (tmp_path / made).read_text() == (ROOT / made).read_text(), "run `make proto`"
