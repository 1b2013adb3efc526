"""The radio by hand: path loss, rates, who serves whom, what is shared, and the gap of a handover."""
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from cosco_splitplace.errors import ConfigurationError
from cosco_splitplace.mobility.radio import Radio, RadioSettings, path_loss_db, rate_bit_s_hz
from cosco_splitplace.records import FloatArray

UNITS = np.array([[0.0, 0.0], [1000.0, 0.0]])
CLEAR: Any = {"shadowing_los_db": 0.0, "shadowing_nlos_db": 0.0}


def radio(hosts: int = 1, **changes: Any) -> Radio:
    return Radio(UNITS, hosts, RadioSettings(**{**CLEAR, **changes}), np.random.default_rng(0))


def path(*places: float, y: float = 0.0) -> FloatArray:
    """One host on a street, second by second."""
    return np.array([[[x, y]] for x in places])


def test_path_loss_of_the_table() -> None:
    found = path_loss_db(np.array([100.0, 100.0, 0.1]), np.array([True, False, True]), 5.9)
    assert found[0] == pytest.approx(38.77 + 16.7 * 2 + 18.2 * math.log10(5.9))
    assert found[1] == pytest.approx(36.85 + 30.0 * 2 + 18.9 * math.log10(5.9))
    assert found[2] == pytest.approx(38.77 + 18.2 * math.log10(5.9))  # not nearer than a metre


def test_rates_are_shannons_within_their_limits() -> None:
    found = rate_bit_s_hz(np.array([-10.1, -10.0, 0.0, 40.0]))
    assert found == pytest.approx([0.0, 0.6 * math.log2(1.1), 0.6, 4.4])


def test_a_host_next_to_a_unit_has_the_whole_channel() -> None:
    bandwidth, latency, unit = radio().links(path(20.0, 21.0))
    assert bandwidth == pytest.approx(11.0) and latency == pytest.approx(2.0) and unit.tolist() == [[0], [0]]


def test_around_the_corner_it_is_slower() -> None:
    bandwidth, latency, _ = radio().links(path(150.0, y=150.0))
    d, settings = math.hypot(150, 150), RadioSettings()
    noise = -174 + 10 * math.log10(20e6) + 9
    snr = 23 + 6 - float(path_loss_db(np.array(d), np.array(False), 5.9)) - noise
    rate = 0.6 * math.log2(1 + 10 ** (snr / 10))
    assert 0.1 < rate < 4.4
    assert bandwidth[0, 0] == pytest.approx(rate * 20 / 8)
    assert latency[0, 0] == pytest.approx(settings.access_ms * 4.4 / rate)


def test_out_of_reach_there_is_no_link() -> None:
    bandwidth, latency, _ = radio().links(path(500.0, y=4000.0))
    assert bandwidth[0, 0] == 0 and latency[0, 0] == 100


def test_hosts_of_one_unit_share_its_time() -> None:
    places = np.array([[[20.0, 0.0], [0.0, 20.0], [980.0, 0.0]]])
    bandwidth, latency, unit = radio(3).links(places)
    assert unit.tolist() == [[0, 0, 1]]
    assert bandwidth[0] == pytest.approx([11 / 1.5, 11 / 1.5, 11]) and latency[0] == pytest.approx([3, 3, 2])
    assert radio(3, activity=1.0).links(places)[0][0] == pytest.approx([5.5, 5.5, 11])


def test_a_handover_needs_a_better_unit_and_costs_a_gap() -> None:
    way = path(400.0, 510.0, 560.0, 990.0, 990.0)  # 3 dB on 16.7 dB a decade: when 1.51 times nearer, at 602 m
    bandwidth, latency, unit = radio().links(way)
    assert unit[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert bandwidth[3:, 0] == pytest.approx([11 * 0.6, 11])
    assert latency[3:, 0] == pytest.approx([2 + 1e3 * 0.4**2 / 2, 2])
    assert radio(hysteresis_db=0.0).links(way)[2][:, 0].tolist() == [0, 1, 1, 1, 1]


def test_in_two_calls_as_in_one() -> None:
    way = np.random.default_rng(2).uniform(0, 1000, (40, 3, 2))
    settings = RadioSettings(shadowing_los_db=0.0, shadowing_nlos_db=0.0)
    whole = Radio(UNITS, 3, settings, np.random.default_rng(1)).links(way)
    parts = Radio(UNITS, 3, settings, np.random.default_rng(1))
    halves = [parts.links(way[:17]), parts.links(way[17:])]
    for index in range(3):
        assert np.array_equal(whole[index], np.concatenate([half[index] for half in halves]))


def test_shadowing_stays_where_one_stands_and_has_its_spread() -> None:
    still = radio(shadowing_nlos_db=4.0).links(path(*[150.0] * 5, y=150.0))[0]
    assert np.ptp(still) == 0
    far = [radio(shadowing_nlos_db=4.0, gains_dbi=6.0)._snr_db(np.full((1, 1, 2), 150.0))[0, 0, 0]]
    one = Radio(UNITS, 2000, RadioSettings(shadowing_nlos_db=4.0), np.random.default_rng(3))
    snr = one._snr_db(np.full((1, 2000, 2), 150.0))[0, :, 0]
    assert snr.std() == pytest.approx(4.0, rel=0.06) and abs(snr.mean() - far[0]) < 12


@pytest.mark.parametrize(
    "changes",
    [{"units": 0}, {"carrier_ghz": 0.0}, {"bandwidth_mhz": -1.0}, {"handover_s": 1.5}, {"activity": -0.1},
     {"outage_ms": 1.0}, {"hysteresis_db": -1.0}, {"shadowing_m": 0.0}],
)  # fmt: skip
def test_impossible_radios_are_refused(changes: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"radio.{next(iter(changes))}"):
        RadioSettings(**changes)
