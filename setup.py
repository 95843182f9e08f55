"""Maps the top-level rooms to the import names posthouse.<room>; the rest of the metadata stands in pyproject.toml."""

from setuptools import find_namespace_packages, setup

ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui", "migrations")
packages = list(ROOMS)
packages += [
    f"{room}.{name}"
    for room in ROOMS
    for name in find_namespace_packages(where=room, exclude=["assets*", "*.node_modules*", "*__pycache__*"])
]

setup(
    packages=[f"posthouse.{name}" for name in packages],
    package_dir={f"posthouse.{room}": room for room in ROOMS},
    package_data={
        "": [
            "*.html",
            "*.mjml",
            "*.txt",
            "*.xml",
            "*.json",
            "*.toml",
            "*.css",
            "*.js",
            "*.svg",
            "*.png",
            "*.woff2",
            "*.sql",
            "*.csv",
            "*.mjml",
            "*.mako",
            "*.lua",
            "*.br",
            "*.gz",
            "py.typed",
        ]
    },
)
