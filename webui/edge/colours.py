"""A brand's one colour made into the few shades that pages need, each readable on its ground in light and in dark."""

from __future__ import annotations

from posthouse.tenants.brand.rules import luminance

LIGHT_GROUND = "#f6f7f9"
DARK_GROUND = "#12171f"
DARK_SURFACE = "#222b38"  # cards and what lies on them, a little lighter than they are
TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mix(colour: str, other: str, share: float) -> str:
    """Return the colour with a share (0 to 1) of another mixed in."""
    pairs = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def readable(colour: str, ground: str) -> str:
    """Move the colour towards black or white until text in it can be read on the ground."""
    towards = "#000000" if luminance(ground) > 0.2 else "#ffffff"
    for step in range(21):
        tried = mix(colour, towards, step / 20)
        if contrast(tried, ground) >= TEXT_CONTRAST:
            return tried
    return towards


def stylesheet(colour: str) -> str:
    """Write the style sheet that puts a brand's colour on a page. The colour is #rrggbb, checked when it was stored."""
    solid = readable(colour, "#ffffff")  # white text stands on it
    light, dark = readable(colour, LIGHT_GROUND), readable(colour, DARK_SURFACE)
    return _block(":root", solid, light, mix(solid, "#000000", 0.12), mix(colour, "#ffffff", 0.9)) + _block(
        '[data-bs-theme="dark"]', solid, dark, mix(solid, "#ffffff", 0.12), mix(solid, DARK_GROUND, 0.75)
    )


def _block(where: str, solid: str, text: str, hover: str, soft: str) -> str:
    rgb = ", ".join(map(str, _parts(solid)))
    return (
        f"{where}{{--tblr-primary:{solid};--tblr-primary-rgb:{rgb};--tblr-primary-fg:#ffffff;--tblr-primary-darken:{hover};"
        f"--tblr-link-color:{text};--tblr-link-color-rgb:{', '.join(map(str, _parts(text)))};--tblr-link-hover-color:{text};"
        f"--brand:{solid};--brand-hover:{hover};--brand-text:{text};--brand-soft:{soft}}}\n"
    )


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
