# SPDX-License-Identifier: MIT
"""A schema as it is written, as far as the formats need it."""
import re
import sys

SCALARS = {  # .fbs: C, Cap'n Proto, protobuf, kind
    "bool": ("bool", "Bool", "bool", "b"),
    "byte": ("int8_t", "Int8", "int32", "i"),
    "ubyte": ("uint8_t", "UInt8", "uint32", "u"),
    "short": ("int16_t", "Int16", "int32", "i"),
    "ushort": ("uint16_t", "UInt16", "uint32", "u"),
    "int": ("int32_t", "Int32", "int32", "i"),
    "uint": ("uint32_t", "UInt32", "uint32", "u"),
    "long": ("int64_t", "Int64", "int64", "i"),
    "ulong": ("uint64_t", "UInt64", "uint64", "u"),
    "float": ("float", "Float32", "float", "f"),
    "double": ("double", "Float64", "double", "d"),
}


def camel(name):
    head, *tail = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)


def upper(name):
    return name[0].upper() + name[1:]


def lower(name):
    """As protobuf-c writes the name of a message in a function's."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Field:
    def __init__(self, number, name, type_, options, default, json):
        self.number, self.name = number, name
        self.vector = type_.startswith("[")
        self.type = type_.strip("[]")
        self.optional = default == "null"
        self.default = None if self.optional else default
        self.omit = json == "omit"
        self.flat = json == "flat"
        self.digits = json.startswith("digits")
        self.key = json.strip('"') if json.startswith('"') else None
        self.factor = 2 * number + 3
        self.options = options


class Schema:
    def __init__(self, path):
        with open(path) as file:
            text = file.read()
        self.name = re.search(r"(\w+)\.fbs$", path)[1]
        self.namespace = re.search(r"^namespace (\w+);", text, re.M)[1]
        self.enums, self.by_name, self.structs, self.tables = {}, set(), {}, {}
        self.kinds = []
        in_camel = "// JSON camelCase" in text
        for before, what, name, body in re.findall(
                r"((?:^//.*\n)*)^(enum|struct|table) (\w+)[^{\n]*\{([^}]*)\}", text,
                re.M):
            if what == "enum":
                self.read_enum(name, body, before)
                continue
            fields = self.read_fields(body, in_camel)
            (self.structs if what == "struct" else self.tables)[name] = fields
            kind = re.search(r"// KIND (\w+) ?(\S*)", before)
            if kind:
                self.kinds.append((kind[1], name, kind[2]))
        for fields in [*self.structs.values(), *self.tables.values()]:
            for field in fields:
                self.place(field)

    def read_enum(self, name, body, before):
        values, last = {}, -1
        for value, number in re.findall(r"(\w+)(?: = (\d+))?", body):
            last = int(number) if number else last + 1
            values[value] = last
        self.enums[name] = values
        if "JSON by name" in before:
            self.by_name.add(name)

    def read_fields(self, body, in_camel):
        fields = []
        for name, type_, default, options, json in re.findall(
                r"(\w+):([\w\[\]]+)(?: = ([\w.]+))?(?: \((.*?)\))?;"
                r"(?: // JSON (.*))?", body):
            field = Field(len(fields), name, type_, options, default, json)
            field.key = field.key or (camel(name) if in_camel else name)
            fields.append(field)
        return fields

    def place(self, field):
        """What a field's type is, and its default as a number."""
        if field.type in self.enums:
            field.what, field.c = "enum", "uint8_t"
            field.kind = "u"
            field.number_default = self.enums[field.type][field.default]
        elif field.type in SCALARS:
            field.what, field.kind = "scalar", SCALARS[field.type][3]
            field.c = SCALARS[field.type][0]
            field.number_default = field.default or "0"
            if field.kind == "f" and field.default:
                field.number_default += "f"
        else:
            field.what = ("string" if field.type == "string" else
                          "struct" if field.type in self.structs else "table")
        if field.vector and field.what in ("scalar", "enum"):
            sys.exit(f"generate.py: no vectors of {field.type}: {field.name}")

    def leaves(self, name, path=()):
        """A struct's scalars, also those of the structs in it."""
        for field in self.structs[name]:
            if field.what == "struct":
                yield from self.leaves(field.type, path + (field,))
            else:
                yield path + (field,)

    def ordered(self):
        """Tables after those that they are of, but for recursion."""
        done = []

        def add(name):
            if name in done or name in adding:
                return
            adding.append(name)
            for field in self.tables[name]:
                if field.what == "table":
                    add(field.type)
            done.append(name)

        adding = []
        for name in self.tables:
            add(name)
        return done
