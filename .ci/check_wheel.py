"""A wheel that holds anything but the package, its examples and its metadata is not ours."""

from __future__ import annotations

import sys
import zipfile

for name in sys.argv[1:]:
    strange = [
        member
        for member in zipfile.ZipFile(name).namelist()
        if not (member.startswith("stepfun_compat/") and not member.endswith((".pth", ".pyc", ".so")))
        and not member.split("/")[0].endswith(".dist-info")
    ]
    if strange:
        sys.exit(f"{name} holds files that are not the package's: {', '.join(strange)}")
    print(f"{name.rpartition('/')[2]}: only the package")
