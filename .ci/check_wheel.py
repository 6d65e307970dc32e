"""Check that a wheel contains only the package, its examples and its metadata, and that the metadata links public pages."""

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
        sys.exit(f"{name} contains files outside the package: {', '.join(strange)}")
    with zipfile.ZipFile(name) as wheel:
        metadata = next(member for member in wheel.namelist() if member.endswith("/METADATA"))
        head = wheel.read(metadata).decode().partition("\n\n")[0].splitlines()
    urls = [line for line in head if line.startswith("Project-URL: ")]
    if not urls or not all(", https://" in line for line in urls):
        sys.exit(f"{name} has no project URL in its metadata")
    print(f"{name.rpartition('/')[2]}: only the package")
