"""``python wrongdemo.py FOLDER``: a demo of scenes with other expectations than the shipped ones.

They are told by the demo as it tells its own: a row of the store that differs after a scene that is as it should be,
and a scene that sees something else while its row is right.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from weir.demo import scenes, scenes_dlp

if __name__ == "__main__":
    rows = tuple(replace(row, rule="nobody-wrote-this") for row in scenes.CLEAN.rows)
    scenes_dlp.STAND_IN = "<SOMETHING_ELSE>"
    first = replace(scenes.PERSONAL, rows=scenes.PERSONAL.rows[:1])  # it ends there: for more the store would be waited
    sys.exit(scenes.main(Path(sys.argv[1]), (replace(scenes.CLEAN, rows=rows), first)))
