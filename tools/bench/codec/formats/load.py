# SPDX-License-Identifier: MIT
"""The values: structs of fastipc-gen, out of the corpora."""
from formats.output import HEAD


def write_load(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', '#include "load.h"',
        f'#include "{schema.name}.fastipc.h"')
    for name in schema.tables:
        out(f"static void load_{name}(yyjson_val *from, struct {ns}_{name} *to);")
    for name, fields in schema.structs.items():
        out(f"static void load_{name}(yyjson_val *from, struct {ns}_{name} *to)",
            "{")
        for f in fields:
            get = f'yyjson_obj_get(from, "{f.key}")'
            if f.what == "struct":
                out(f"\tload_{f.type}({get}, &to->{f.name});")
            else:
                out(f"\tto->{f.name} = {load_scalar(schema, f, get)};")
        out("}")
    for name, fields in schema.tables.items():
        out(f"static void load_{name}(yyjson_val *from, struct {ns}_{name} *to)",
            "{", "\tyyjson_val *value;", "", f"\t{ns}_{name}_init(to);")
        for f in fields:
            out(f'\tvalue = yyjson_obj_get(from, "{f.key}");',
                "\tif (value && !yyjson_is_null(value)) {")
            out(*("\t\t" + line for line in load_field(schema, f)), "\t}")
        out("}")
    for kind, name, _ in schema.kinds:
        out(f"static const void *load_{kind}(yyjson_val *from)", "{",
            f"\tstruct {ns}_{name} *to = load_new(struct {ns}_{name}, 1);", "",
            f"\tload_{name}(from, to);", "\treturn to;", "}")
    out(f'extern "C" const struct codec_kind {schema.name}_kinds[] = {{')
    for kind, _, file in schema.kinds:
        file = f'"{file}"' if file else "NULL"
        out(f'\t{{ "{kind}", {file}, load_{kind} }},')
    out("\t{ NULL, NULL, NULL },", "};")


def load_scalar(schema, f, get):
    if f.what == "enum" and f.type in schema.by_name:
        return "".join(f'yyjson_equals_str({get}, "{name}") ? {number} : '
                       for name, number in schema.enums[f.type].items()) + "0"
    if f.digits:
        return f"({f.c})load_digits({get})"
    if f.kind in "fd":
        return f"({f.c})yyjson_get_num({get})"
    return f"({f.c})yyjson_get_{dict(b='bool', u='uint', i='sint')[f.kind]}({get})"


def load_field(schema, f):
    ns = schema.namespace
    if not f.vector:
        if f.what == "string":
            return [f"to->{f.name} = load_text(value);"]
        if f.what in ("struct", "table"):
            type_ = f"struct {ns}_{f.type}"
            return [f"{type_} *one = load_new({type_}, 1);",
                    f"load_{f.type}(value, one);", f"to->{f.name} = one;"]
        lines = [f"to->has_{f.name} = true;"] if f.optional else []
        return lines + [f"to->{f.name} = {load_scalar(schema, f, 'value')};"]
    type_ = ("struct fastipc_string" if f.what == "string"
             else f"struct {ns}_{f.type}")
    lines = ["size_t count = yyjson_arr_size(value), i, max;",
             "yyjson_val *element;"]
    if f.flat:
        leaves = list(schema.leaves(f.type))
        lines += [f"{type_} *all = load_new({type_}, count / {len(leaves)});",
                  "yyjson_arr_foreach(value, i, max, element)",
                  f"\tswitch (i % {len(leaves)}) {{"]
        for i, leaf in enumerate(leaves):
            path = ".".join(part.name for part in leaf)
            lines += [f"\tcase {i}: all[i / {len(leaves)}].{path} = "
                      f"({leaf[-1].c})yyjson_get_uint(element); break;"]
        lines += ["\t}", f"count /= {len(leaves)};"]
    else:
        lines += [f"{type_} *all = load_new({type_}, count);",
                  "yyjson_arr_foreach(value, i, max, element)",
                  "\tall[i] = load_text(element);" if f.what == "string" else
                  f"\tload_{f.type}(element, &all[i]);"]
    return lines + [f"to->{f.name}.data = all;", f"to->{f.name}.count = count;"]
