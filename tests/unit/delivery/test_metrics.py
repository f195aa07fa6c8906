"""What a process says of itself, where it is asked to."""

import socket
import urllib.request

from django.test import override_settings

from slackclone.runtime import serve_metrics


def test_a_role_says_how_far_behind_the_log_it_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with override_settings(METRICS_HOST="127.0.0.1", METRICS_PORT=port):
        server = serve_metrics()
    assert server is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    server.shutdown()
    server.server_close()
    assert "# TYPE sequencer_lag_records gauge" in text


@override_settings(METRICS_PORT=0)
def test_by_default_nobody_listens() -> None:
    assert serve_metrics() is None
