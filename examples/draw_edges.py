"""Draw the edges in an image: fine ones, and the broad ones of `pipelines/edges.yaml`.

    python examples/draw_edges.py docs/edges.png

makes the README's picture; of two files, the first is the image to find edges in.
"""

from argparse import ArgumentParser
from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike

from corrente_pipelines import Pipeline, load

HERE = Path(__file__).parent
TILE, GAP, LINE = 280, 16, 42  # pixels: a tile's width, what is beside it, and above it
XS = [GAP + k * (TILE + GAP) for k in range(5)]  # where tiles begin, and the picture ends
INK, PALE, FRAME = (56, 44, 36), (140, 130, 122), (222, 218, 214)  # blue, green, red
COLOURS = ((112, 58, 18), (200, 152, 74), (255, 255, 255), (80, 104, 222), (40, 10, 128))
EDGES = ("vertical edges", "horizontal edges", "their sum")
GAUSSIAN = {"op": "gaussian", "size": 5, "sigma": 1, "pad": "edge"}
PREWITT = {"gradients": {"op": "prewitt", "pad": "edge"}, "edges": {"op": "sum"}}
STAGES = {"gray": {"op": "gray"}, "smooth": GAUSSIAN, **PREWITT}


def shade(share: MatLike) -> MatLike:
    """Blue at -1 and below, white at 0, red at 1 and above; in steps, for a small file."""
    steps, at = np.rint(share * 48) / 48, np.linspace(-1, 1, len(COLOURS))
    return np.stack([np.interp(steps, at, colour) for colour in np.transpose(COLOURS)], axis=-1)


def write(canvas: MatLike, x: int, y: int, text: str, note: str = "") -> None:
    """Put a text with its lower left corner at `(x, y)`, and a paler note behind it."""
    for part, ink in ((text, INK), (note, PALE)):
        cv2.putText(canvas, part, (x, y), cv2.FONT_HERSHEY_COMPLEX, 0.5, ink, 1, cv2.LINE_AA)
        x += 8 + cv2.getTextSize(part, cv2.FONT_HERSHEY_COMPLEX, 0.5, 1)[0][0]


def draw_row(pipeline: Pipeline, image: MatLike, first: str, title: str, note: str) -> MatLike:
    """The stage `first` in gray; vertical edges, horizontal edges and their sum in colours."""
    stages = {name: frames[0] for name, frames in pipeline.apply(image[np.newaxis], 1).items()}
    maps = (stages[first], *np.moveaxis(stages["gradients"], -1, 0), stages["edges"])
    height = round(TILE * image.shape[0] / image.shape[1])
    gray, *edges = (cv2.resize(x, (TILE, height), interpolation=cv2.INTER_AREA) for x in maps)
    strong = np.quantile(np.abs(edges), 0.993)  # the few beyond would pale all others
    tiles = [np.stack([gray] * 3, axis=-1), *(shade(x / strong) for x in edges)]
    canvas = np.full((LINE + height, XS[4], 3), 255, np.uint8)
    for x, tile, text in zip(XS[:4], tiles, (title, *EDGES), strict=True):
        canvas[LINE:, x : x + TILE] = np.rint(tile)
        cv2.rectangle(canvas, (x, LINE), (x + TILE - 1, LINE + height - 1), FRAME)
        write(canvas, x, LINE - 11, text, "" if text == "input" else note)
    return canvas


def main() -> None:
    parser = ArgumentParser(description="Draw the edges in an image.")
    parser.add_argument("image", nargs="?", default=str(HERE / "data/camera.png"))
    parser.add_argument("out", help="the picture to write, PNG")
    paths = parser.parse_args()
    if (image := cv2.imread(paths.image)) is None:
        parser.error(f"no image that OpenCV reads: {paths.image}")
    frame = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    fine = Pipeline.of({"corrente": 1, "name": "fine", "stages": STAGES})
    broad = load(HERE / "pipelines/edges.yaml")
    top = draw_row(fine, frame, "gray", "input", "5 x 5 Gaussian")
    bottom = draw_row(broad, frame, "smooth", "smoothed", "40 x 40 Gaussian")
    key = np.full((56, XS[4], 3), 255, np.uint8)
    key[22:34, XS[0] : XS[0] + TILE] = shade(np.linspace(-1, 1, TILE))
    write(key, XS[1], 33, "blue", "darker on the left or above")
    write(key, XS[2], 33, "red", "brighter on the left or above")
    write(key, XS[3], 33, "scale", "its own for each row")
    _, png = cv2.imencode(".png", np.vstack([top, bottom, key]), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    Path(paths.out).write_bytes(png.tobytes())


if __name__ == "__main__":
    main()
