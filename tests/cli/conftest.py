"""A way to see what a command hands to the library, without the work."""

import pytest


@pytest.fixture
def replaced(monkeypatch):
    """Replace a function by one that records its arguments, in a list of pairs, and returns `result`."""

    def replace(name, result=None):
        calls = []

        def record(*arguments, **options):
            calls.append((arguments, options))
            return result

        monkeypatch.setattr(name, record)
        return calls

    return replace
