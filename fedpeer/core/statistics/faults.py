"""Why a value cannot be counted as it stands."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt


class Fault(IntEnum):
    """What is wrong with a value; a clipped one counts all the same, at the limit of its range."""

    NONE = 0
    MISSING = 1
    OUT_OF_RANGE = 2
    NOT_FINITE = 3
    UNKNOWN_LEVEL = 4
    UNPARSABLE = 5
    CLIPPED = 6

    @property
    def reason(self) -> str:
        """The words under which it is counted."""
        return self.name.lower().replace("_", " ")

    @property
    def fatal(self) -> bool:
        """Whether the row is left out."""
        return self not in {Fault.NONE, Fault.CLIPPED}


Faults = npt.NDArray[np.uint8]  # a Fault for each of some rows
