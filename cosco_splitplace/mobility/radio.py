"""The radio between vehicles and road-side units: positions in, every host's bandwidth and latency each second out.

- A host is served by the unit whose signal it receives best, and changes to another when that is `hysteresis_db`
  better; a handover cuts the link for `handover_s`.
- Path loss in a grid of streets, with line of sight along the streets that cross at a unit: 3GPP TR 37.885, table
  6.2.1-1 (urban). Shadowing: the same table; it changes with the way that a vehicle goes (3GPP TR 36.885, A.1.4).
- Rate: Shannon's, attenuated and cut off as in 3GPP TR 36.942, A.2.
- A unit's time on the air is shared evenly by those of its hosts that send.
- Latency: what a host has on a wire, and the air: a frame takes longer at a lower rate, and waits for the others'.

What has no source above is made up, and its help text says so.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple

import numpy as np
from numba import njit

from ..config import setting
from ..errors import require
from ..records import BoolArray, FloatArray, IntArray

THERMAL_DBM_HZ = -174.0  # at room temperature
ATTENUATION, LOWEST_SNR_DB, MOST_BIT_S_HZ = 0.6, -10.0, 4.4  # 3GPP TR 36.942, A.2, downlink
MBIT_PER_MB = 8.0


@dataclass(frozen=True)
class RadioSettings:
    """The radio (see the module for its sources)."""

    units: int = setting(16, "road-side units, spread evenly over the city's junctions (made up)")
    carrier_ghz: float = setting(5.9, "carrier frequency (the band of intelligent transport systems)")
    bandwidth_mhz: float = setting(20.0, "width of a unit's channel (3GPP TR 37.885: 20 MHz below 6 GHz)")
    power_dbm: float = setting(23.0, "power that is sent (3GPP TR 37.885: 23 dBm)")
    gains_dbi: float = setting(6.0, "gain of both antennas together (3GPP TR 37.885: 3 dBi each)")
    noise_figure_db: float = setting(9.0, "noise figure of a receiver (3GPP TR 37.885: 9 dB)")
    half_street_m: float = setting(10.0, "a vehicle so near to the axis of a unit's street sees the unit (made up)")
    shadowing_los_db: float = setting(3.0, "spread of the shadowing in line of sight (3GPP TR 37.885)")
    shadowing_nlos_db: float = setting(4.0, "spread of the shadowing out of sight (3GPP TR 37.885)")
    shadowing_m: float = setting(10.0, "way after which shadowing is another (3GPP TR 36.885: 10 m in cities)")
    hysteresis_db: float = setting(3.0, "how much better another unit must be before a handover (made up)")
    handover_s: float = setting(0.4, "a handover's gap (Mishra et al., 2003, found up to 400 ms for IEEE 802.11)")
    activity: float = setting(0.5, "probability that another host of the unit sends at the same time (made up)")
    access_ms: float = setting(2.0, "time of a frame on an idle channel at the highest rate (made up)")
    outage_ms: float = setting(100.0, "longest that the air adds to latency, also out of reach (made up)")

    def __post_init__(self) -> None:
        require(1 <= self.units <= 1000, f"radio.units is {self.units}; give 1 to 1000")
        for name in ("carrier_ghz", "bandwidth_mhz", "half_street_m", "shadowing_m"):
            require(getattr(self, name) > 0, f"radio.{name} is {getattr(self, name)}; give a positive number")
        for name in ("shadowing_los_db", "shadowing_nlos_db", "hysteresis_db", "access_ms"):
            require(getattr(self, name) >= 0, f"radio.{name} is {getattr(self, name)}; give 0 or more")
        for name in ("handover_s", "activity"):
            require(0 <= getattr(self, name) <= 1, f"radio.{name} is {getattr(self, name)}; give a number in [0, 1]")
        require(
            self.outage_ms >= self.access_ms,
            f"radio.outage_ms ({self.outage_ms}) is below radio.access_ms ({self.access_ms})",
        )

    @property
    def peak_mb_s(self) -> float:
        """What a host alone next to a unit gets."""
        return MOST_BIT_S_HZ * self.bandwidth_mhz / MBIT_PER_MB


def path_loss_db(distance_m: FloatArray, in_sight: BoolArray, carrier_ghz: float) -> FloatArray:
    """Path loss at `distance_m` (at least 1 m is taken), of the same shape."""
    decades = np.log10(np.maximum(distance_m, 1.0))
    tone = np.log10(carrier_ghz)
    loss: FloatArray = np.where(in_sight, 38.77 + 16.7 * decades + 18.2 * tone, 36.85 + 30.0 * decades + 18.9 * tone)
    return loss


def rate_bit_s_hz(snr_db: FloatArray) -> FloatArray:
    """Bits a second for each Hz of the channel; 0 out of reach."""
    rate: FloatArray = np.minimum(ATTENUATION * np.log2(1 + 10 ** (snr_db / 10)), MOST_BIT_S_HZ)
    rate[snr_db < LOWEST_SNR_DB] = 0.0
    return rate


class Radio:
    """The links of hosts that move, second after second.

    Parameters
    ----------
    units : (n_units, 2) where the road-side units are, in m.
    hosts : how many move.
    settings : see there.
    generator : of the shadowing.
    """

    def __init__(self, units: FloatArray, hosts: int, settings: RadioSettings, generator: np.random.Generator) -> None:
        self._units = units
        self._settings = settings
        self._generator = generator
        self._shadow = generator.standard_normal((hosts, len(units)))
        self._serving = np.full(hosts, -1, dtype=np.int64)
        self._position = np.full((hosts, 2), np.nan)

    def links(self, positions: FloatArray) -> Tuple[FloatArray, FloatArray, IntArray]:
        """The next seconds.

        Parameters
        ----------
        positions : (n_seconds, n_hosts, 2) in m.

        Returns
        -------
        bandwidth_mb_s, latency_ms, unit
            (n_seconds, n_hosts) each: what the host gets, what the air adds to its latency, and who serves it.
        """
        s = self._settings
        snr = self._snr_db(positions)
        before = self._serving.copy()
        unit = _serve(snr, self._serving, s.hysteresis_db)
        changed = unit != np.vstack([before[None], unit[:-1]])
        changed[0] &= before >= 0
        rate = rate_bit_s_hz(np.take_along_axis(snr, unit[:, :, None], axis=2)[:, :, 0])
        reached = rate > 0
        sharing = 1 + s.activity * np.maximum(0, _served(unit, reached, len(self._units)) - 1)
        bandwidth = rate * s.bandwidth_mhz / MBIT_PER_MB / sharing * (1 - s.handover_s * changed)
        slower = np.divide(MOST_BIT_S_HZ, rate, out=np.full(rate.shape, np.inf), where=reached)
        latency = np.minimum(s.access_ms * slower * sharing, s.outage_ms)
        return bandwidth, latency + changed * 1e3 * s.handover_s**2 / 2, unit  # mean wait of what comes in that second

    def _snr_db(self, positions: FloatArray) -> FloatArray:
        """(n_seconds, n_hosts, n_units)."""
        s = self._settings
        apart = np.abs(positions[:, :, None, :] - self._units)
        in_sight = apart.min(axis=3) <= s.half_street_m
        previous = np.vstack([self._position[None], positions[:-1]])
        self._position = positions[-1].copy()
        way = np.nan_to_num(np.linalg.norm(positions - previous, axis=2))
        fresh = self._generator.standard_normal(in_sight.shape)
        shadow = _shadowing(self._shadow, np.exp(-way / s.shadowing_m), fresh)
        spread = np.where(in_sight, s.shadowing_los_db, s.shadowing_nlos_db)
        noise = THERMAL_DBM_HZ + 10 * np.log10(s.bandwidth_mhz * 1e6) + s.noise_figure_db
        loss = path_loss_db(np.linalg.norm(apart, axis=3), in_sight, s.carrier_ghz)
        snr: FloatArray = s.power_dbm + s.gains_dbi - loss + spread * shadow - noise
        return snr


@njit(cache=True)  # type: ignore[untyped-decorator]
def _shadowing(shadow: Any, kept: FloatArray, fresh: FloatArray) -> FloatArray:
    """Unit shadowing, (n_seconds, n_hosts, n_units); `shadow` (n_hosts, n_units) is brought up to date."""
    found = np.empty_like(fresh)
    for t in range(len(fresh)):
        for host in range(fresh.shape[1]):
            k = kept[t, host]
            for unit in range(fresh.shape[2]):
                shadow[host, unit] = k * shadow[host, unit] + np.sqrt(1 - k * k) * fresh[t, host, unit]
                found[t, host, unit] = shadow[host, unit]
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _serve(snr_db: FloatArray, serving: Any, hysteresis_db: float) -> IntArray:
    """The unit that serves each host, (n_seconds, n_hosts); `serving` (n_hosts,) is brought up to date."""
    found = np.empty(snr_db.shape[:2], np.int64)
    for t in range(len(snr_db)):
        for host in range(snr_db.shape[1]):
            best = np.argmax(snr_db[t, host])
            now = serving[host]
            if now < 0 or snr_db[t, host, best] > snr_db[t, host, now] + hysteresis_db:
                serving[host] = best
            found[t, host] = serving[host]
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _served(unit: IntArray, reached: BoolArray, units: int) -> IntArray:
    """How many hosts the unit of each host reaches, (n_seconds, n_hosts)."""
    found = np.empty(unit.shape, np.int64)
    for t in range(len(unit)):
        counts = np.zeros(units, np.int64)
        for host in range(unit.shape[1]):
            counts[unit[t, host]] += reached[t, host]
        for host in range(unit.shape[1]):
            found[t, host] = counts[unit[t, host]]
    return found
