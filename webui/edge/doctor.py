"""The doctor's question about the front end: are the assets built, and all there?"""

from __future__ import annotations

import json
from collections.abc import Iterator

from posthouse.platform.doctor.findings import Check, Finding, Ground, fail, ok
from posthouse.webui.edge import assets

BUILD = "In a checkout run `./dev setup`; a wheel brings them, so install it again."


def _look(_ground: Ground) -> Iterator[Finding]:
    try:
        named = json.loads((assets.FOLDER / "manifest.json").read_text())
    except FileNotFoundError:
        yield fail("assets", "styles and scripts have not been built", BUILD)
        return
    except ValueError:
        yield fail("assets", "the list of what was built is garbled", BUILD)
        return
    missing = [name for name in named.values() if not (assets.FOLDER / name).is_file()]
    if missing:
        yield fail("assets", f"missing: {', '.join(missing)}", BUILD)
    else:
        yield ok("assets", f"{len(named)} built")


CHECK = Check("assets", _look)
