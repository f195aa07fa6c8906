from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from apps.presence.here import Here

ADA = 1


def test_several_devices_are_one_person() -> None:
    here = Here(grace_s=30)
    here.arrived(ADA, "phone")
    here.arrived(ADA, "desk")
    assert here.changes(0) == {ADA: "online"}
    here.wrote({ADA: "online"})
    here.active(ADA, "phone", on=False)
    assert here.changes(0) == {}
    here.active(ADA, "desk", on=False)
    assert here.changes(0) == {ADA: "away"}


def test_a_hand_off_does_not_flap() -> None:
    here = Here(grace_s=30)
    here.arrived(ADA, "wifi")
    here.wrote(here.changes(0))
    here.left(ADA, "wifi", 1)
    here.left(ADA, "wifi", 1)
    assert here.changes(30.9) == {}
    here.arrived(ADA, "mobile")
    assert here.changes(31) == {}
    here.left(ADA, "mobile", 40)
    assert here.changes(69.9) == {}
    assert here.changes(70) == {ADA: "offline"}
    here.wrote({ADA: "offline"})
    assert here.changes(71) == {}
    assert len(here) == 0


def test_an_active_device_that_goes_leaves_the_other_one_away_only_after_the_grace() -> None:
    here = Here(grace_s=30)
    here.arrived(ADA, "desk")
    here.arrived(ADA, "phone")
    here.active(ADA, "phone", on=False)
    here.wrote(here.changes(0))
    here.left(ADA, "desk", 1)
    assert here.changes(30) == {}
    assert here.changes(31) == {ADA: "away"}


def test_what_could_not_be_written_is_tried_again_and_what_was_lost_is_written_afresh() -> None:
    here = Here(grace_s=30)
    here.arrived(ADA, "desk")
    assert here.changes(0) == here.changes(1) == {ADA: "online"}
    here.wrote({ADA: "online"})
    assert here.changes(2) == {}
    here.lost()
    assert here.changes(3) == {ADA: "online"}


class Devices(RuleBasedStateMachine):
    """Against the plain rule: online while any device is active, also for the grace after it went."""

    def __init__(self) -> None:
        super().__init__()
        self.here, self.now = Here(grace_s=10), 0.0
        self.devices: dict[int, bool] = {}
        self.last: tuple[float, bool] | None = None
        self.written = "offline"

    @rule(device=st.integers(1, 3))
    def arrive(self, device: int) -> None:
        self.here.arrived(ADA, device)
        self.devices[device], self.last = True, None

    @rule(device=st.integers(1, 3), on=st.booleans())
    def act(self, device: int, on: bool) -> None:
        self.here.active(ADA, device, on=on)
        if device in self.devices:
            self.devices[device] = on

    @rule(device=st.integers(1, 3))
    def leave(self, device: int) -> None:
        self.here.left(ADA, device, self.now)
        self.devices.pop(device, None)

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(works=st.booleans())
    def write(self, works: bool) -> None:
        changes = self.here.changes(self.now)
        if works:
            self.here.wrote(changes)
            self.written = changes.get(ADA, self.written)

    @invariant()
    def people_with_an_active_device_are_online(self) -> None:
        changes = self.here.changes(self.now)
        shown = changes.get(ADA, self.written)
        if any(self.devices.values()):
            assert shown == "online"
        elif self.devices:
            assert shown != "offline"


TestDevices = Devices.TestCase
