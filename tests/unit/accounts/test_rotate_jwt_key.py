import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.accounts import actions, queries
from slackclone import keys
from tests.unit.accounts.fixtures import CLIENT


@pytest.fixture
def place(tmp_path, settings):
    keys.write(tmp_path, keys.Secrets("django", "1:master", settings.JWT_KEYS))
    settings.DATA_DIR = tmp_path
    return tmp_path


def stored(place: Path) -> list[str]:
    return keys.load(place, embedded=True).jwt.split(",")


def test_embedded_the_next_start_signs_with_a_new_key_and_knows_the_old_one(place, ann, settings):
    pair = actions.open_api_session(user=ann, client=CLIENT)
    call_command("rotate_jwt_key", stdout=io.StringIO())
    old, new = stored(place)
    assert [old, old != new] == [settings.JWT_KEYS, True]
    kept = keys.load(place, embedded=True)
    assert (kept.django, kept.master) == ("django", "1:master")
    settings.JWT_KEYS = f"{old},{new}"  # the next start
    assert queries.authenticate_token(pair.access).user_id == ann.pk
    renewed = actions.refresh_tokens(refresh=pair.refresh, client=CLIENT)
    settings.JWT_KEYS = new
    assert queries.authenticate_token(renewed.access).user_id == ann.pk


def test_only_so_many_keys_are_kept(place, settings):
    for _ in range(4):
        call_command("rotate_jwt_key", keep=3, stdout=io.StringIO())
        settings.JWT_KEYS = ",".join(stored(place))
    assert [key.partition(":")[0] for key in stored(place)] == ["3", "4", "5"]
    with pytest.raises(CommandError):
        call_command("rotate_jwt_key", keep=1)


def test_in_a_cluster_the_new_key_is_known_everywhere_before_it_signs(settings, place):
    settings.EMBEDDED = False
    before = stored(place)
    out = io.StringIO()
    call_command("rotate_jwt_key", stdout=out)
    first, second = (line.partition("=")[2] for line in out.getvalue().splitlines() if line.startswith("JWT_KEYS="))
    assert first.split(",")[::-1] == second.split(",")
    assert first.endswith(before[-1])
    assert stored(place) == before
