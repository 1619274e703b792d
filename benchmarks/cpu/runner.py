"""What the systems share: how a row is called, and how one says that it is not there."""


class Missing(Exception):
    """The system, or one form of it, is not there."""


class Runner:
    """One row made ready: `call(i)` works on the i-th set of buffers."""

    calls = 1

    def call(self, i):
        raise NotImplementedError

    def check(self):
        """Facts about the output of call(0): `error` against the oracle, `wrong` with a reason."""
        return {}

    def release(self):
        """Gives back what the last call allocated."""
