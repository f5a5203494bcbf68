"""The bound on the memory of weights."""

import pytest

from alexnet_keras.system.errors import InputError
from alexnet_keras.weights.sizes import LARGEST_BYTES, MOST_ARRAYS, UNPACKED_BYTES, Budget


@pytest.mark.parametrize(
    ("size", "limit"), [(0, UNPACKED_BYTES), (10**9, 10**9), (2**33, LARGEST_BYTES)], ids=["small", "large", "huge"]
)
def test_a_large_file_may_declare_as_many_bytes_as_it_has(size, limit, tmp_path):
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(size)
    budget = Budget(path)
    budget.take(limit)
    with pytest.raises(InputError, match=f"a declares 2 arrays of {limit + 1:,} bytes, but .* arrays of {limit:,}"):
        budget.take(1)


def test_the_number_of_arrays_is_bounded(tmp_path):
    (tmp_path / "a").touch()
    budget = Budget(tmp_path / "a")
    for _ in range(MOST_ARRAYS):
        budget.take(1)
    with pytest.raises(InputError, match="a declares 1,001 arrays of 1,000 bytes, but an AlexNet"):
        budget.take(0)
    with pytest.raises(InputError, match="a declares 1 arrays of -1 bytes"):
        Budget(tmp_path / "a").take(-1)
