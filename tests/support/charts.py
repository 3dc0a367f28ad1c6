"""What a browser has drawn, as pixels."""

import io

from PIL import Image

GREY = 15  # how far a pixel's channels may differ and still be grid, axis or background


def curve_heights(png: bytes) -> dict[int, float]:
    """Where a picture of a chart is coloured: mean height in pixels above its lower edge, by column."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    width, height = picture.size
    columns: dict[int, list[int]] = {}
    pixels = picture.tobytes()
    for place in range(width * height):
        red, green, blue = pixels[3 * place : 3 * place + 3]
        if max(red, green, blue) - min(red, green, blue) > GREY:
            columns.setdefault(place % width, []).append(height - place // width)
    return {column: sum(heights) / len(heights) for column, heights in sorted(columns.items())}
