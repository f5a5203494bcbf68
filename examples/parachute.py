"""Draw a parachute, which the small trained network in the package recognizes: parachute.png."""

from math import cos, pi, sin

from PIL import Image, ImageDraw, ImageOps

image = ImageOps.colorize(Image.linear_gradient("L").resize((1024, 1024)), "#4a86d4", "#b8d8f2")
pen = ImageDraw.Draw(image)


def point(turn, fall):
    """A point of the canopy: `turn` is 0 to pi from left to right, `fall` is 0 at the top and pi / 2 at the hem."""
    return 512 - 340 * cos(turn) * sin(fall), 410 - 280 * cos(fall) + 30 * sin(turn) * sin(fall)


for gore in range(10):
    left, right = ([point((gore + side) * pi / 10, n * pi / 60) for n in range(31)] for side in (0, 1))
    for edge in (left, right):
        pen.line((*edge[-1], 512, 800), "dimgray", 3)
    pen.polygon(left + right[::-1], ("firebrick", "white", "royalblue", "gold")[gore % 4], "dimgray", 3)
pen.line((486, 770, 512, 850, 538, 770), "firebrick", 14)
pen.rounded_rectangle((488, 830, 536, 905), 12, "firebrick")
pen.ellipse((494, 795, 530, 833), "saddlebrown")
pen.line((492, 960, 512, 890, 532, 960), "black", 18)
image.resize((512, 512)).save("parachute.png")
