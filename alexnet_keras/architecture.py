"""What an AlexNet is made of, and the named variants. Standard library only."""

from dataclasses import dataclass

from alexnet_keras.errors import check


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What an AlexNet is made of.

    Attributes:
        name: the variant's name.
        towers: 1, or 2 as in the paper, where the halves meet only before conv3, fc6, fc7 and fc8.
        filters: maps of conv1 to conv5, both towers together.
        hidden_units: units of fc6 and fc7, both towers together.
        lrn_size, lrn_k, lrn_alpha, lrn_beta: constants of section 3.3; the window stays within a tower.
        lrn_divide_alpha_by_size: whether alpha is divided by the window's size.
        dropout: rate after fc6 and fc7.
        initializer: `paper`, N(0, 0.01) with biases of 1 in conv2, conv4, conv5, fc6 and fc7 (section 5), or
            `he_normal` with biases of 0, which small data sets need: with 0.01 the signal shrinks from layer to layer,
            and the paper waited for it to grow over epochs of 1.2 million images.
    """

    name: str
    towers: int
    filters: tuple[int, ...] = (96, 256, 384, 384, 256)
    hidden_units: tuple[int, ...] = (4096, 4096)
    lrn_size: int = 5
    lrn_k: float = 2.0
    lrn_alpha: float = 1e-4
    lrn_beta: float = 0.75
    lrn_divide_alpha_by_size: bool = False
    dropout: float = 0.5
    initializer: str = "paper"

    def __post_init__(self) -> None:
        check(self.towers in (1, 2), f"towers must be 1 or 2, got {self.towers!r}.")
        check(len(self.filters) == 5, f"filters must be five numbers, conv1 to conv5, got {self.filters}.")
        check(len(self.hidden_units) == 2, f"hidden_units must be two numbers, fc6 and fc7, got {self.hidden_units}.")
        for width in self.filters + self.hidden_units:
            check(
                width > 0 and width % self.towers == 0,
                f"Every width must be a positive multiple of towers={self.towers}, got {width}.",
            )
        check(0 <= self.dropout < 1, f"dropout must be in [0, 1), got {self.dropout}.")
        check(
            self.initializer in ("paper", "he_normal"),
            f"initializer must be 'paper' or 'he_normal', got {self.initializer!r}.",
        )


ARCHITECTURES = {
    "paper": Architecture(name="paper", towers=2),
    "one_tower": Architecture(name="one_tower", towers=1),
}


def architecture(variant: "str | Architecture") -> Architecture:
    """The architecture that a name stands for.

    Raises:
        OptionError: no variant has this name.
    """
    if isinstance(variant, Architecture):
        return variant
    check(variant in ARCHITECTURES, f"There is no variant {variant!r}; choose from {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[variant]
