"""Packs become readings in the catalogue's units; what is doubtful is flagged, what is unknown set aside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_gateway.pack import LATE_MS, SKEW_MS, PackError, decode, open_pack
from cropmark_ingest.names import Topic
from cropmark_ingest.reading import NO_DEVICE_TIME, Flag

TOPIC = Topic("farm", "soil-1", "up")
SESSION = "9f2c51aa07be3d44"
NOW = 1_790_000_000_000


def payload(*records: str, counter: str = "7", time: str = "1790000000", device: str = "soil-1") -> bytes:
    first = f'{{"bn":"cropmark/farm/{device}/","bt":{time},"n":"session","vs":"{SESSION}"}}'
    second = f'{{"n":"counter","v":{counter}}}'
    return f"[{','.join([first, second, *records])}]".encode()


def record(name: str, unit: str, value: str) -> str:
    return f'{{"n":"{name}","u":"{unit}","v":{value}}}'


def test_values_are_quantised_once_and_numbered_as_they_came() -> None:
    pack = open_pack(
        TOPIC, payload(record("soil_moisture_10cm", "/", "0.28715"), record("air_temperature", "Cel", "-3.005"))
    )
    readings, rejects = decode(pack, NOW)
    assert rejects == []
    assert [(item.index, item.metric, item.mantissa, item.decimals) for item in readings] == [
        (0, "soil_moisture_10cm", 2872, 4),
        (1, "air_temperature", -300, 2),
    ]
    assert {(item.device, item.session, item.counter, item.time, item.flags) for item in readings} == {
        ("soil-1", SESSION, 7, NOW, 0)
    }


@pytest.mark.parametrize(
    ("payload_", "reason"),
    [
        (b"rubbish", "undecodable"),
        (payload(device="soil-2"), "wrong-device"),
        (payload(counter="1.5"), "undecodable"),
        (payload(counter="-1"), "undecodable"),
        (payload(counter="1e30"), "undecodable"),
        (b'[{"bn":"cropmark/farm/soil-1/","n":"counter","v":1}]', "undecodable"),
    ],
)
def test_a_payload_that_is_no_pack_of_the_device_names_its_reason(payload_: bytes, reason: str) -> None:
    with pytest.raises(PackError) as caught:
        open_pack(TOPIC, payload_)
    assert caught.value.reason == reason


def test_an_unknown_metric_or_unit_is_rejected_and_the_rest_goes_on() -> None:
    pack = open_pack(
        TOPIC,
        payload(record("moon_phase", "/", "1"), record("air_temperature", "K", "290"), record("rainfall", "mm", "0.2")),
    )
    readings, rejects = decode(pack, NOW)
    assert [item.metric for item in readings] == ["rainfall"]
    assert [(item.index, item.reason) for item in rejects] == [(0, "unknown-metric"), (1, "unknown-unit")]


def flags(time: str, value: str = "20", pace: float = 1.0) -> Flag:
    (reading,), _ = decode(open_pack(TOPIC, payload(record("air_temperature", "Cel", value), time=time)), NOW, pace)
    return Flag(reading.flags)


def test_a_value_that_nature_does_not_have_is_kept_and_flagged() -> None:
    assert flags("1790000000", "6553.5") == Flag.RANGE
    assert flags("1790000000", "-327.68") == Flag.RANGE
    assert flags("1790000000", "-40") == Flag(0)


def test_clocks_ahead_and_late_data_are_flagged() -> None:
    seconds = NOW // 1000
    assert flags(str(seconds + SKEW_MS // 1000)) == Flag(0)
    assert flags(str(seconds + SKEW_MS // 1000 + 1)) == Flag.CLOCK_SKEW
    assert flags(str(seconds - LATE_MS // 1000)) == Flag(0)
    assert flags(str(seconds - LATE_MS // 1000 - 1)) == Flag.LATE


def test_in_a_replay_the_thresholds_grow_with_the_pace() -> None:
    assert flags(str(NOW // 1000 - LATE_MS // 1000 - 1), pace=10.0) == Flag(0)


def test_a_device_without_a_clock_gets_the_gateways_time_and_a_flag() -> None:
    pack = open_pack(TOPIC, payload(record("air_temperature", "Cel", "20"), time="-60"))
    (reading,), _ = decode(pack, NOW)
    assert (reading.time, reading.device_time, reading.flags) == (NOW - 60_000, NO_DEVICE_TIME, Flag.NO_DEVICE_TIME)


@given(st.decimals(-(10**6), 10**6, places=6, allow_nan=False))
def test_a_quantised_value_is_within_half_a_step_of_what_was_sent(value: object) -> None:
    (reading,), _ = decode(open_pack(TOPIC, payload(record("battery_voltage", "V", f"{value:f}"))), NOW)
    assert abs(reading.mantissa - float(str(value)) * 1000) <= 0.5 + 1e-6
