"""The emulator: AWS and Google Cloud on one machine, with real parts behind their APIs.

MiniStack answers the AWS APIs. This package starts it, adds what it lacks and corrects what would let a rehearsal
pass where AWS would fail; Google's APIs are its own. Each service family is a folder. Nothing that uses the emulator
has to know that it exists: its clients are given an endpoint, a trust store and a registry address.
"""

__version__ = "0.1.0"
