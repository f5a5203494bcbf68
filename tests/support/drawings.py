"""What matplotlib figures show, for tests of what they must show."""

from matplotlib.text import Text


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def words(figure):
    return [text.get_text() for text in texts(figure)]


def assert_well_set(figure):
    """Check that every text besides the tick labels is inside the page and that no two of them overlap."""
    figure.draw_without_rendering()
    axes = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = [label for axis in axes for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)]
    found = [(text.get_text(), text.get_window_extent()) for text in texts(figure) if text not in ticks]
    width, height = figure.bbox.width, figure.bbox.height
    assert found
    for text, box in found:
        assert min(box.x0, box.y0) >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for index, (one, first) in enumerate(found):
        for other, second in found[index + 1 :]:
            assert not first.shrunk(0.9, 0.8).overlaps(second.shrunk(0.9, 0.8)), (one, other)


def images(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]
