"""The test of differences, against published tables of Student's t."""

import pytest

from alexnet_keras.reproduction.chance import differences, two_sided


@pytest.mark.parametrize(
    ("t", "freedom"), [(12.706, 1), (4.303, 2), (3.182, 3), (2.776, 4), (2.571, 5), (2.228, 10), (2.131, 15)]
)
def test_five_percent_lie_beyond_the_tabled_values(t, freedom):
    assert two_sided(t, freedom) == pytest.approx(0.05, rel=2e-3)
    assert two_sided(0.0, freedom) == 1


def test_the_variance_is_pooled_and_p_counts_all_comparisons():
    # The variances are 2, 2 and 0 with 3 degrees of freedom, so t is 4.33 / sqrt(4 / 3) = 3.75 for the second row.
    (near, p_near), (far, p_far) = differences([[1.0, 3.0], [2.0, 4.0], [6.33, 6.33]])
    assert (near, far) == (1.0, pytest.approx(4.33))
    assert p_far == pytest.approx(2 * two_sided(4.33 / (4 / 3) ** 0.5, 3))
    assert p_near == pytest.approx(min(1, 2 * two_sided(1 / (4 / 3) ** 0.5, 3)))


def test_one_seed_says_nothing_about_chance():
    assert differences([[1.0], [2.0]]) == [(1.0, None)]
    assert differences([[1.0, 1.0], [2.0, 2.0], [1.0, 1.0]]) == [(1.0, 0.0), (0.0, 1.0)]
