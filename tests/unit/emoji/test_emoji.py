import base64
import io
from typing import Any

import pytest
from PIL import Image, ImageSequence

from apps.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, TooLargeError
from apps.emoji import actions, images, queries
from apps.emoji.models import CustomEmoji
from apps.workspaces import actions as workspaces
from tests.unit.workspaces.fixtures import Team, events


def picture(kind: str = "PNG", *, size: tuple[int, int] = (200, 100), frames: int = 1) -> str:
    out = io.BytesIO()
    shades = [Image.new("RGB", size, (shade * 20 % 256, 90, 200)) for shade in range(frames)]
    more = {"save_all": True, "append_images": shades[1:], "duration": 40} if frames > 1 else {}
    shades[0].save(out, kind, **more)
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "JPEG"])
def test_an_image_is_drawn_anew_and_the_workspace_is_told(team: Team, kind: str) -> None:
    made = actions.add_emoji(actor=team.actor("member"), workspace_id=team.id, name=":Party_Bird:", image=picture(kind))
    with Image.open(io.BytesIO(queries.image(actor=team.actor("guest"), emoji_id=made.pk))) as drawn:
        assert (drawn.format, drawn.size) == ("WEBP", (128, 64))
    assert events() == [
        (f"w:{team.id}", "emoji.added", queries.present(made) | {"workspace_id": str(team.id)}),
    ]
    assert team.audit() == [("emoji.added", ":party_bird:")]


def test_what_moves_goes_on_moving_and_stays_small() -> None:
    drawn = images.draw(base64.b64decode(picture("GIF", frames=200)))
    assert drawn is not None
    with Image.open(io.BytesIO(drawn)) as image:
        assert len(list(ImageSequence.Iterator(image))) == 60
    assert len(drawn) <= 128 * 1024


def test_an_alias_goes_with_its_emoji(team: Team) -> None:
    member = team.actor("member")
    bird = actions.add_emoji(actor=member, workspace_id=team.id, name="bird", image=picture())
    actions.add_emoji(actor=member, workspace_id=team.id, name="birdie", alias_of="bird")
    last = actions.add_emoji(actor=member, workspace_id=team.id, name="tweet", alias_of="birdie")
    assert queries.present(last)["url"] == f"/v1/emoji/{bird.pk}"
    page = queries.page(actor=member, workspace_id=team.id, limit=2)
    assert [row.name for row in page.results] == ["bird", "birdie"]
    rest = queries.page(actor=member, workspace_id=team.id, limit=2, cursor=page.next_cursor)
    assert [queries.present(row)["alias_of"] for row in rest.results] == ["bird"]
    team.forget()
    actions.delete_emoji(actor=member, workspace_id=team.id, name="bird")
    assert not CustomEmoji.objects.exists()
    (_, kind, body), *others = events()
    assert (kind, sorted(body["names"]), others) == ("emoji.removed", ["bird", "birdie", "tweet"], [])


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"name": "x", "image": picture()}, InvalidError),
        ({"name": "no space", "image": picture()}, InvalidError),
        ({"name": "ümlaut", "image": picture()}, InvalidError),
        ({"name": "x" * 33, "image": picture()}, InvalidError),
        ({"name": "nothing"}, InvalidError),
        ({"name": "both", "image": picture(), "alias_of": "here"}, InvalidError),
        ({"name": "nobody", "alias_of": "gone"}, InvalidError),
        ({"name": "noise", "image": base64.b64encode(b"<svg onload=alert(1)>").decode()}, InvalidError),
        ({"name": "noise", "image": "?"}, InvalidError),
        ({"name": "vast", "image": "A" * 800_000}, TooLargeError),
        ({"name": "bomb", "image": picture(size=(4000, 4000))}, InvalidError),
        ({"name": "here", "image": picture()}, ConflictError),
    ],
)
def test_what_is_refused_changes_nothing(team: Team, values: dict[str, str], error: type[Exception]) -> None:
    actions.add_emoji(actor=team.actor("member"), workspace_id=team.id, name="here", image=picture())
    team.forget()
    with pytest.raises(error):
        actions.add_emoji(actor=team.actor("member"), workspace_id=team.id, **values)
    assert CustomEmoji.objects.count() == 1
    assert team.unchanged()


def test_who_may(team: Team, make_user) -> None:
    add: dict[str, Any] = {"workspace_id": team.id, "image": picture()}
    with pytest.raises(ForbiddenError):
        actions.add_emoji(actor=team.actor("guest"), name="guests", **add)
    workspaces.change_policies(actor=team.actor("admin"), workspace_id=team.id, emoji_by="admins")
    with pytest.raises(ForbiddenError):
        actions.add_emoji(actor=team.actor("member"), name="members", **add)
    made = actions.add_emoji(actor=team.actor("admin"), name="admins", **add)
    with pytest.raises(ForbiddenError):
        actions.delete_emoji(actor=team.actor("member"), workspace_id=team.id, name="admins")
    stranger = type(team.actor("member"))(user_id=make_user("Eve").pk)
    for refused in (
        lambda: queries.image(actor=stranger, emoji_id=made.pk),
        lambda: queries.page(actor=stranger, workspace_id=team.id),
        lambda: actions.add_emoji(actor=stranger, name="eve", **add),
        lambda: actions.delete_emoji(actor=stranger, workspace_id=team.id, name="admins"),
        lambda: actions.delete_emoji(actor=team.actor("admin"), workspace_id=team.id, name="unknown"),
    ):
        with pytest.raises(NotFoundError):
            refused()
    with pytest.raises(ForbiddenError):
        workspaces.change_policies(actor=team.actor("member"), workspace_id=team.id, emoji_by="members")
    with pytest.raises(InvalidError):
        workspaces.change_policies(actor=team.actor("owner"), workspace_id=team.id, emoji_by="nobody")
    assert [row.name for row in CustomEmoji.objects.all()] == ["admins"]
