"""The lecture's figures: small, gray, and where both signs occur blue and red on equal scales."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib_inline.backend_inline import set_matplotlib_formats
from numpy.typing import NDArray

# A photograph as PNG is many times as large, and the notebooks are kept with their pictures.
set_matplotlib_formats("jpeg", pil_kwargs={"quality": 88, "subsampling": 0})
plt.rcParams |= {"figure.dpi": 90, "font.size": 8, "image.interpolation": "none"}


def show(*titled: tuple[str, NDArray[np.generic]], width: float = 2.4) -> None:
    """Images side by side, each with its title and the places of its first and last pixel."""
    figure, axes = plt.subplots(
        1, len(titled), figsize=(width * len(titled), width + 0.4), squeeze=False, layout="tight"
    )
    for one, (title, image) in zip(axes[0], titled, strict=True):
        draw(one, title, image)
    axes[0, 0].set(xlabel="column", ylabel="row")
    plt.show(figure)


def draw(axes: Axes, title: str, image: NDArray[np.generic]) -> None:
    """One image in gray; if signed red above zero, blue below, to as far as its title says."""
    rows, columns = image.shape
    axes.set(xticks=[0, columns - 1], yticks=[0, rows - 1])
    if image.min() >= 0:
        axes.imshow(image, cmap="gray")
        axes.set_title(title)
        return
    most = np.percentile(np.abs(image), 99.5)  # the few beyond would pale all others
    axes.imshow(image, cmap="RdBu_r", vmin=-most, vmax=most)
    axes.set_title(f"{title} (±{most:,.0f})" if most >= 10 else f"{title} (±{most:.2g})")
