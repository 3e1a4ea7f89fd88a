#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists the properties that the schemas of the OCI runtime specification have, for a unit test.

usage: list-properties.py SCHEMA-DIRECTORY > tests/unit/test-spec-properties.c

A line is a path: `mounts[].destination`, and `linux.rdma{}.hcaHandles` where the keys of an object
are free. Sections of platforms that runvm does not have are listed without their content.
"""
import json
import os
import sys

IGNORED = {"solaris", "windows", "zos", "freebsd"}


class Schemas:
    def __init__(self, directory):
        self.directory = directory
        self.files = {}
        self.paths = []

    def load(self, name):
        if name not in self.files:
            with open(os.path.join(self.directory, name), encoding="utf-8") as f:
                self.files[name] = json.load(f)
        return self.files[name]

    def resolve(self, node, name):
        while "$ref" in node:
            file, _, pointer = node["$ref"].partition("#")
            name = file or name
            node = self.load(name)
            for key in pointer.strip("/").split("/"):
                node = node[key]
        return node, name

    def walk(self, node, name, path):
        node, name = self.resolve(node, name)
        for part in node.get("allOf", []) + node.get("anyOf", []):
            self.walk(part, name, path)
        for key, child in node.get("properties", {}).items():
            here = f"{path}.{key}" if path else key
            self.paths.append(here)
            if path or key not in IGNORED:
                self.walk(child, name, here)
        if "items" in node:
            self.walk(node["items"], name, path + "[]")
        if isinstance(node.get("additionalProperties"), dict):
            self.walk(node["additionalProperties"], name, path + "{}")


def main():
    schemas = Schemas(sys.argv[1])
    schemas.walk(schemas.load("config-schema.json"), "config-schema.json", "")
    print("// SPDX-License-Identifier: Apache-2.0")
    print("/* Made by libocispec/list-properties.py from the schemas of specification 1.3. */")
    print("#include <stddef.h>\n")
    print("extern const char *const schema_properties[];\n")
    print("const char *const schema_properties[] = {")
    for path in sorted(set(schemas.paths)):
        print(f'\t"{path}",')
    print("\tNULL,\n};")


main()
