"""What a brand may hold: a colour that text can be read on, and a small picture in a format without scripts."""

from __future__ import annotations

import re

from posthouse.platform.errors import Invalid

LOGO_BYTES = 200_000
_COLOUR = re.compile(r"#[0-9a-f]{6}\Z")
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF87a": "image/gif", b"GIF89a": "image/gif"}
LEAST_CONTRAST = 3.0  # WCAG 2.2, 1.4.11, against white


def clean_colour(text: str) -> str:
    """Return a colour as #rrggbb. Raises: Invalid for another form, or one too light for white text on it."""
    colour = text.strip().lower()
    if not _COLOUR.match(colour):
        raise Invalid("colour_invalid", "Write the colour as # and six hexadecimal digits, such as #2f6f4f.", field="primary_colour")
    if contrast_with_white(colour) < LEAST_CONTRAST:
        raise Invalid("colour_too_light", "White text can't be read on this colour. Choose a darker one.", field="primary_colour")
    return colour


def contrast_with_white(colour: str) -> float:
    """Return the contrast ratio of a colour with white (WCAG 2.2, relative luminance)."""
    return 1.05 / (luminance(colour) + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb, 0 to 1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def picture_type(body: bytes) -> str:
    """Return the media type of a logo by its first bytes. Raises: Invalid; SVG is refused, for it can hold scripts."""
    if len(body) > LOGO_BYTES:
        raise Invalid("logo_too_large", f"A logo has at most {LOGO_BYTES // 1000} kB.", field="logo")
    for head, media_type in _PICTURES.items():
        if body.startswith(head):
            return media_type
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    raise Invalid("logo_type", "A logo is a PNG, JPEG, GIF or WebP picture.", field="logo")
