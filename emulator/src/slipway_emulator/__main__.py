"""`python -m slipway_emulator`: the same as the command `slipway-emulator`."""

import sys

from slipway_emulator.cli import main

sys.exit(main())
