"""What the contracts of ports share, which ship with Bakegate and run in the tests of others."""


class BrokenContract(AssertionError):
    """An adapter did not do what the executor relies on; the message says what."""


def demand(kept: bool, told: str) -> None:  # noqa: FBT001 - as short as an assert
    if not kept:
        raise BrokenContract(told)
