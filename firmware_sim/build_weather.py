"""Make ``cropmark_firmware/weather.csv`` from the weather year that pvlib ships. A developer's tool: it needs pvlib.

Source: NREL, National Solar Radiation Data Base, Typical Meteorological Year 3, station 723170 (Greensboro Piedmont
Triad International Airport, North Carolina), a work of the US government; shipped by pvlib (BSD-3-Clause).
The file's rain column holds tenths of a millimetre, although its heading says millimetres: read as millimetres the
year would have 8,345 of them, several times what falls there.
"""

import csv
import sys
from importlib.resources import files
from pathlib import Path
from typing import Final

TARGET: Final = Path(__file__).parent / "cropmark_firmware" / "weather.csv"
COLUMNS: Final = ("Dry-bulb (C)", "RHum (%)", "GHI (W/m^2)", "Wspd (m/s)", "Lprecip depth (mm)")
HEADING: Final = """\
# Hourly weather year for 723170 Greensboro Piedmont Triad Intl, North Carolina: 36.100 N, 79.950 W, 273 m, UTC-5.
# Source: NREL NSRDB TMY3 (public domain), as shipped by pvlib in data/723170TYA.CSV. Made by build_weather.py.
# One row an hour, the first for the hour that ends at 01:00 on 1 January, local standard time.
# air temperature 0.1 Cel, relative humidity %, global radiation W/m2, wind 0.1 m/s, rain 0.1 mm
"""


def build() -> str:
    """Return the text of the data file."""
    source = files("pvlib") / "data" / "723170TYA.CSV"
    rows = list(csv.reader(source.read_text().splitlines()))
    places = [rows[1].index(name) for name in COLUMNS]
    lines = []
    for row in rows[2:]:
        temperature, humidity, radiation, wind, rain = (float(row[place]) for place in places)
        if min(humidity, radiation, wind, rain) < 0 or temperature < -90:
            raise ValueError(f"a missing value on {row[0]} {row[1]}")
        lines.append(
            f"{round(temperature * 10)},{round(humidity)},{round(radiation)},{round(wind * 10)},{round(rain)}\n"
        )
    return HEADING + "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(build())
    sys.stdout.write(f"wrote {TARGET}\n")
