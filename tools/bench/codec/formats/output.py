# SPDX-License-Identifier: MIT
"""What the sources of all formats have."""


def value_sum(field, value):
    """The expression that says what a scalar adds."""
    return {"f": f"sum_f32({value})", "d": f"sum_f64({value})",
            "i": f"(uint64_t)(int64_t)({value})",
            "b": f"(uint64_t)({value})", "u": f"(uint64_t)({value})",
            }[field.kind]


def leaf_factor(leaf):
    factor = 1
    for part in leaf:
        factor *= part.factor
    return factor


class Output:
    def __init__(self, path):
        self.file = open(path, "w")

    def __call__(self, *lines):
        for line in lines:
            self.file.write(line + "\n")


HEAD = "/* Made by tools/bench/codec/generate.py. */"


def write_functions(schema, out, functions):
    """Functions of each table, with some lines for each of its fields.

    Each is a tuple of what gives, for a table's name, how it is declared and
    its first lines; for a name and a field its lines; and for a name the last
    lines.  All are declared before the first, as tables refer to each other.
    """
    for name in schema.tables:
        out(*(declare(name) + ";" for declare, _, _, _ in functions))
    for name in schema.ordered():
        for declare, first, of_field, last in functions:
            out(declare(name), "{", *first(name))
            for f in schema.tables[name]:
                out(*("\t" + line for line in of_field(name, f)))
            out(*last(name), "}")


def sum_of(of_field):
    """The body of a function that adds up what @of_field adds."""
    return (lambda name: ["\tuint64_t sum = 0;", ""], of_field,
            lambda name: ["\treturn sum;"])


def write_ops(schema, out, name, prefix, encode, decode, validate=None,
              prepare=None):
    """The table of a format: what main.cc finds."""
    linkage = prefix
    for kind, table, _ in schema.kinds:
        out(f"static struct span encode_{kind}(const void *value)", "{",
            *encode(table), "}",
            f"static bool decode_{kind}(const uint8_t *data, size_t size, "
            "uint64_t *sum)", "{", *decode(table), "}")
        if validate:
            out(f"static bool validate_{kind}(const uint8_t *data, size_t size)",
                "{", *validate(table), "}")
        if prepare:
            out(f"static const void *prepare_{kind}(const void *value)", "{",
                *prepare(table), "}")
    out(f"{linkage}const struct codec_ops {schema.name}_{name}_ops[] = {{")
    for kind, _, _ in schema.kinds:
        out(f'\t{{ "{kind}", '
            + (f"prepare_{kind}" if prepare else "NULL")
            + f", encode_{kind}, decode_{kind}, "
            + (f"validate_{kind}" if validate else "NULL") + " },")
    out("\t{ NULL, NULL, NULL, NULL, NULL },", "};")
