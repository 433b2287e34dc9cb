#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write what `fastipc bench codec` measures of a schema, for each format.

    tools/bench/codec/generate.py SCHEMA.fbs DIRECTORY

Of NAME.fbs come NAME.proto and NAME.capnp, with the same tables, and for each
format a source with an encoder (of the structs that fastipc-gen makes) and a
decoder that reads every field into a sum.  The sums are equal if the data are:
each value counts times a number of its field's, each element one more.

The schemas are few and known: what is not in them, this does not know.
"""
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


def value_sum(field, value):
    """The expression that says what a scalar adds."""
    return {"f": f"sum_f32({value})", "d": f"sum_f64({value})",
            "i": f"(uint64_t)(int64_t)({value})",
            "b": f"(uint64_t)({value})", "u": f"(uint64_t)({value})",
            }[field.kind]


class Output:
    def __init__(self, path):
        self.file = open(path, "w")

    def __call__(self, *lines):
        for line in lines:
            self.file.write(line + "\n")


HEAD = "/* Made by tools/bench/codec/generate.py. */"


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


# ---- the values: structs of fastipc-gen, out of the corpora ----

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


# ---- fastipc ----

def write_fastipc(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        "/* With or without UTF-8: each has its own, in one unit. */",
        f'#include "{schema.name}.fastipc.c"', "")
    for name, fields in schema.structs.items():
        out(f"static inline uint64_t sum_{name}(struct {ns}_{name} value)", "{",
            "\tuint64_t sum = 0;", "")
        for f in fields:
            add = (f"sum_{f.type}(value.{f.name})" if f.what == "struct"
                   else value_sum(f, f"value.{f.name}"))
            out(f"\tsum += {f.factor} * {add};")
        out("\treturn sum;", "}")
    for name in schema.tables:
        out(f"static uint64_t sum_{name}(struct {ns}_{name}_reader from);")
    for name in schema.ordered():
        out(f"static uint64_t sum_{name}(struct {ns}_{name}_reader from)", "{",
            "\tuint64_t sum = 0;", "")
        for f in schema.tables[name]:
            out(*("\t" + line for line in fastipc_field(schema, name, f)))
        out("\treturn sum;", "}")
    write_ops(
        schema, out, "fastipc", "",
        lambda table: [
            "\tsize_t size = 0;", "",
            f"\tif ({ns}_{table}_encode((const struct {ns}_{table} *)value, "
            "codec_out, sizeof(codec_out), &size))",
            "\t\treturn (struct span){ NULL, 0 };",
            "\treturn (struct span){ codec_out, size };"],
        lambda table: [
            f"\tstruct {ns}_{table}_reader from;", "",
            f"\tif ({ns}_{table}_read(fastipc_snapshot_of(data, size), &from))",
            "\t\treturn false;",
            f"\t*sum = sum_{table}(from);", "\treturn true;"],
        lambda table: [
            f"\tstruct {ns}_{table}_reader from;", "",
            f"\treturn !{ns}_{table}_read(fastipc_snapshot_of(data, size), "
            "&from);"])


def fastipc_field(schema, table, f):
    ns = schema.namespace
    get = f"{ns}_{table}_{f.name}(from)"
    has = f"{ns}_{table}_has_{f.name}(from)"
    if not f.vector:
        if f.what == "string":
            return ["{", f"\tstruct fastipc_string text = {get};", "",
                    f"\tsum += {f.factor} * sum_text(text.data, text.size);", "}"]
        if f.what in ("struct", "table"):
            return [f"if ({has})", f"\tsum += {f.factor} * sum_{f.type}({get});"]
        if f.optional:
            return [f"if ({has})",
                    f"\tsum += {f.factor} * (1 + {value_sum(f, get)});"]
        return [f"sum += {f.factor} * {value_sum(f, get)};"]
    vector = ("fastipc_string_vector" if f.what == "string"
              else f"{ns}_{f.type}_vector")
    lines = ["{", f"\tstruct {vector} all = {get};", "",
             "\tfor (size_t i = 0; i < all.count; i++) {"]
    if f.what == "string":
        lines += ["\t\tstruct fastipc_string text = "
                  "fastipc_string_vector_at(all, i);", "",
                  f"\t\tsum += {f.factor} * (1 + sum_text(text.data, text.size));"]
    else:
        lines += [f"\t\tsum += {f.factor} * "
                  f"(1 + sum_{f.type}({vector}_at(all, i)));"]
    return lines + ["\t}", "}"]


# ---- JSON: a writer, yyjson both ways, simdjson ----

def write_enum_names(schema, out):
    for name in schema.by_name:
        values = schema.enums[name]
        out(f"static inline const char *name_{name}(uint8_t value)", "{",
            "\tswitch (value) {",
            *(f'\tcase {number}: return "{text}";'
              for text, number in values.items()),
            '\tdefault: return "";', "\t}", "}",
            f"static inline uint64_t number_{name}(const char *text, size_t size)",
            "{")
        if all(len(text) == 1 for text in values):
            out("\tswitch (size ? text[0] : 0) {",
                *(f"\tcase '{text}': return {number};"
                  for text, number in values.items()),
                "\tdefault: return 0;", "\t}", "}")
        else:
            out(*(f'\tif (size == {len(text)} && !memcmp(text, "{text}", '
                  f"{len(text)})) return {number};"
                  for text, number in values.items()), "\treturn 0;", "}")


def present(f):
    """When a field of `value` is in JSON; None if always."""
    if f.what in ("scalar", "enum") and not f.vector:
        if f.optional:
            return f"value->has_{f.name}"
        if f.omit:
            return f"value->{f.name} != {f.number_default}"
        return None
    if f.what in ("struct", "table") and not f.vector:
        return f"value->{f.name}"
    return f"value->{f.name}.data"


def write_json(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', '#include "json_writer.h"',
        f'#include "{schema.name}.fastipc.h"')
    write_enum_names(schema, out)
    types = [*schema.structs, *schema.tables]
    for name in types:
        out(f"static char *write_{name}(char *at, const struct {ns}_{name} "
            "*value);")
    for name in [*schema.structs, *schema.ordered()]:
        fields = schema.structs.get(name) or schema.tables[name]
        out(f"static char *write_{name}(char *at, const struct {ns}_{name} "
            "*value)", "{", "\tchar *const start = at;", "")
        for f in fields:
            when = name in schema.tables and present(f)
            out(f"\tif ({when}) {{" if when else "\t{",
                f'\t\tat = put_literal(at, ",\\"{f.key}\\":");',
                *("\t\t" + line for line in
                  json_value(schema, f, name in schema.structs)), "\t}")
        out("\treturn put_end(start, at, '{', '}');", "}")
    write_ops(schema, out, "writer", 'extern "C" ',
              lambda table: [
                  "\tchar *const start = (char *)codec_out;",
                  f"\tchar *end = write_{table}(start, "
                  f"(const struct {ns}_{table} *)value);", "",
                  "\treturn { codec_out, (size_t)(end - start) };"],
              lambda table: ["\t(void)data, (void)size, (void)sum;",
                             "\treturn false;"])


def json_value(schema, f, in_struct):
    value = f"value->{f.name}"
    if f.vector:
        lines = ["char *const first = at;", "",
                 f"for (size_t i = 0; i < {value}.count; i++) {{",
                 "\tneed_room(at, 0);", "\t*at++ = ',';"]
        if f.flat:
            lines = lines[:-1]
            for leaf in schema.leaves(f.type):
                path = ".".join(part.name for part in leaf)
                lines += ["\t*at++ = ',';",
                          f"\tat = put_unsigned(at, {value}.data[i].{path});"]
        elif f.what == "string":
            lines += [f"\tat = put_text(at, {value}.data[i].data, "
                      f"{value}.data[i].size);"]
        else:
            lines += [f"\tat = write_{f.type}(at, &{value}.data[i]);"]
        return lines + ["}", "at = put_end(first, at, '[', ']');"]
    if f.what == "string":
        return [f"at = put_text(at, {value}.data, {value}.size);"]
    if f.what in ("struct", "table"):
        return [f"at = write_{f.type}(at, {'&' if in_struct else ''}{value});"]
    if f.digits:
        return [f"at = put_digits(at, {value});"]
    if f.type in schema.by_name:
        return [f"at = put_name(at, name_{f.type}({value}));"]
    put = dict(b="bool", u="unsigned", i="signed", f="float", d="double")[f.kind]
    return [f"at = put_{put}(at, {value});"]


def write_yyjson(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', "#include <yyjson.h>",
        f'#include "{schema.name}.fastipc.h"')
    write_enum_names(schema, out)
    for name in [*schema.structs, *schema.tables]:
        out(f"static yyjson_mut_val *build_{name}(yyjson_mut_doc *doc, "
            f"const struct {ns}_{name} *value);",
            f"static uint64_t sum_{name}(yyjson_val *from);")
    for name in [*schema.structs, *schema.ordered()]:
        fields = schema.structs.get(name) or schema.tables[name]
        out(f"static yyjson_mut_val *build_{name}(yyjson_mut_doc *doc, "
            f"const struct {ns}_{name} *value)", "{",
            "\tyyjson_mut_val *to = yyjson_mut_obj(doc);", "")
        for f in fields:
            when = name in schema.tables and present(f)
            out(f"\tif ({when}) {{" if when else "\t{",
                *("\t\t" + line for line in
                  yyjson_build(schema, f, name in schema.structs)), "\t}")
        out("\treturn to;", "}")
        write_key_loop(out, f"static uint64_t sum_{name}(yyjson_val *from)", [
            "\tyyjson_obj_iter iter = yyjson_obj_iter_with(from);",
            "\tyyjson_val *key;", ""],
            "\twhile ((key = yyjson_obj_iter_next(&iter))) {", [
                "\t\tyyjson_val *value = yyjson_obj_iter_get_val(key);",
                "\t\tconst char *text = yyjson_get_str(key);",
                "\t\tsize_t size = yyjson_get_len(key);"], "",
            lambda f: f"size == {len(f.key)} && "
                      f'!memcmp(text, "{f.key}", {len(f.key)})',
            fields, lambda f: yyjson_sum(schema, f))
    write_ops(
        schema, out, "yyjson", 'extern "C" ',
        lambda table: [
            "\tyyjson_alc pool;", "\tsize_t size = 0;", "",
            "\tyyjson_alc_pool_init(&pool, codec_pool, sizeof(codec_pool));",
            "\tyyjson_mut_doc *doc = yyjson_mut_doc_new(&pool);",
            f"\tyyjson_mut_doc_set_root(doc, build_{table}(doc, "
            f"(const struct {ns}_{table} *)value));",
            "\tchar *text = yyjson_mut_write_opts(doc, "
            "YYJSON_WRITE_ALLOW_INVALID_UNICODE, &pool, &size, NULL);",
            "\treturn { (const uint8_t *)text, text ? size : 0 };"],
        lambda table: [
            "\tyyjson_alc pool;", "",
            "\tyyjson_alc_pool_init(&pool, codec_pool, sizeof(codec_pool));",
            "\tyyjson_doc *doc = yyjson_read_opts((char *)data, size, 0, "
            "&pool, NULL);",
            "\tif (!doc)", "\t\treturn false;",
            f"\t*sum = sum_{table}(yyjson_doc_get_root(doc));",
            "\treturn true;"])


def write_key_loop(out, declaration, start, loop, get, rest, matches, fields,
                   read):
    """Keys mostly come in the order of the fields: look for the next first."""
    out(declaration, "{", "\tuint64_t sum = 0;", "\tunsigned int next = 0;",
        *start, loop, *get, "", "\tagain:", "\t\tswitch (next) {")
    for i, f in enumerate(fields):
        out(f"\t\tcase {i}:", f"\t\t\tif ({matches(f)}) {{",
            *("\t\t\t\t" + line for line in read(f)),
            f"\t\t\t\tnext = {i + 1};", "\t\t\t\tcontinue;", "\t\t\t}",
            "\t\t\t/* fall through */")
    out("\t\tdefault:", "\t\t\tbreak;", "\t\t}", "\t\tif (next) {",
        "\t\t\tnext = 0;", "\t\t\tgoto again;", "\t\t}")
    if rest:
        out(rest)
    out("\t}", "\treturn sum;", "}")


def yyjson_build(schema, f, in_struct):
    value = f"value->{f.name}"
    key = f'"{f.key}"'
    if f.vector:
        lines = [f"yyjson_mut_val *all = yyjson_mut_obj_add_arr(doc, to, {key});",
                 "", f"for (size_t i = 0; i < {value}.count; i++) {{"]
        if f.flat:
            for leaf in schema.leaves(f.type):
                path = ".".join(part.name for part in leaf)
                lines += ["\tyyjson_mut_arr_add_uint(doc, all, "
                          f"{value}.data[i].{path});"]
        elif f.what == "string":
            lines += [f"\tyyjson_mut_arr_add_strn(doc, all, {value}.data[i].data, "
                      f"{value}.data[i].size);"]
        else:
            lines += [f"\tyyjson_mut_arr_append(all, build_{f.type}(doc, "
                      f"&{value}.data[i]));"]
        return lines + ["}"]
    if f.what == "string":
        return [f"yyjson_mut_obj_add_strn(doc, to, {key}, {value}.data, "
                f"{value}.size);"]
    if f.what in ("struct", "table"):
        return [f"yyjson_mut_obj_add_val(doc, to, {key}, build_{f.type}(doc, "
                f"{'&' if in_struct else ''}{value}));"]
    if f.digits:
        return ["char digits[3] = {",
                f"\t(char)('0' + {value} / 100), (char)('0' + {value} / 10 % 10),",
                f"\t(char)('0' + {value} % 10) }};", "",
                f"yyjson_mut_obj_add_strncpy(doc, to, {key}, digits, 3);"]
    if f.type in schema.by_name:
        return [f"yyjson_mut_obj_add_str(doc, to, {key}, "
                f"name_{f.type}({value}));"]
    add = dict(b="bool", u="uint", i="sint", f="float", d="real")[f.kind]
    return [f"yyjson_mut_obj_add_{add}(doc, to, {key}, {value});"]


def yyjson_sum(schema, f):
    if f.vector:
        lines = ["size_t i, max;", "yyjson_val *element;", "",
                 "yyjson_arr_foreach(value, i, max, element)"]
        if f.what == "string":
            return lines + [f"\tsum += {f.factor} * (1 + sum_text("
                            "yyjson_get_str(element), yyjson_get_len(element)));"]
        if f.flat:
            return flat_sum(schema, f, lines[:-1] + [
                "yyjson_arr_foreach(value, i, max, element) {"],
                "yyjson_get_uint(element)")
        return lines + [f"\tsum += {f.factor} * (1 + sum_{f.type}(element));"]
    if f.what == "string":
        get = "sum_text(yyjson_get_str(value), yyjson_get_len(value))"
    elif f.what in ("struct", "table"):
        get = f"sum_{f.type}(value)"
    elif f.digits:
        get = "number_of_digits(yyjson_get_str(value), yyjson_get_len(value))"
    elif f.type in schema.by_name:
        get = (f"number_{f.type}(yyjson_get_str(value), "
               "yyjson_get_len(value))")
    elif f.kind in "fd":
        get = value_sum(f, f"({f.c})yyjson_get_num(value)")
    else:
        name = dict(b="bool", u="uint", i="sint")[f.kind]
        get = value_sum(f, f"yyjson_get_{name}(value)")
    return [f"sum += {f.factor} * ({'1 + ' if f.optional else ''}{get});"]


def flat_sum(schema, f, lines, get):
    """Numbers in turns are the fields of structs."""
    leaves = list(schema.leaves(f.type))
    factors = ", ".join(str(leaf_factor(leaf)) for leaf in leaves)
    return (["static const uint64_t factors[] = { " + factors + " };",
             "unsigned int turn = 0;"] + lines + [
        f"\tsum += {f.factor} * (factors[turn] * (uint64_t){get} + !turn);",
        f"\tif (++turn == {len(leaves)})", "\t\tturn = 0;", "}"])


def leaf_factor(leaf):
    factor = 1
    for part in leaf:
        factor *= part.factor
    return factor


def write_simdjson(schema, out):
    out(HEAD, '#include "codec_bench.h"', "#include <simdjson.h>", "",
        "using namespace simdjson;", "")
    write_enum_names(schema, out)
    for name in [*schema.structs, *schema.tables]:
        out(f"static uint64_t sum_{name}(ondemand::object from);")
    for name in [*schema.structs, *schema.ordered()]:
        fields = schema.structs.get(name) or schema.tables[name]
        write_key_loop(
            out, f"static uint64_t sum_{name}(ondemand::object from)", [],
            "\tfor (auto field : from) {", [
                "\t\tondemand::raw_json_string key = field.key();",
                "\t\tondemand::value value = field.value();"], "",
            lambda f: f'key.unsafe_is_equal(std::string_view("{f.key}", '
                      f"{len(f.key)}))",
            fields, lambda f: simdjson_sum(schema, f))
    out("static ondemand::parser parser;")
    write_ops(
        schema, out, "simdjson", 'extern "C" ',
        lambda table: ["\t(void)value;", "\treturn { NULL, 0 };"],
        lambda table: [
            "\ttry {", "\t\tondemand::document document = "
            "parser.iterate((const char *)data, size, size + CODEC_PADDING);",
            f"\t\t*sum = sum_{table}(document.get_object());",
            "\t\treturn true;", "\t} catch (const simdjson_error &) {",
            "\t\treturn false;", "\t}"])


def simdjson_sum(schema, f):
    text = ["std::string_view text = value.get_string();", ""]
    if f.vector:
        if f.what == "string":
            return ["for (auto element : value.get_array()) {",
                    "\tstd::string_view text = element.get_string();", "",
                    f"\tsum += {f.factor} * (1 + sum_text(text.data(), "
                    "text.size()));", "}"]
        if f.flat:
            return flat_sum(schema, f,
                            ["for (auto element : value.get_array()) {"],
                            "element.get_uint64()")
        return ["for (auto element : value.get_array())",
                f"\tsum += {f.factor} * (1 + "
                f"sum_{f.type}(element.get_object()));"]
    if f.what == "string":
        return text + [f"sum += {f.factor} * sum_text(text.data(), text.size());"]
    if f.digits:
        return text + [f"sum += {f.factor} * "
                       "number_of_digits(text.data(), text.size());"]
    if f.what in ("struct", "table"):
        return [f"sum += {f.factor} * sum_{f.type}(value.get_object());"]
    if f.type in schema.by_name:
        return text + [f"sum += {f.factor} * "
                       f"number_{f.type}(text.data(), text.size());"]
    name, type_ = dict(b=("bool", "bool"), u=("uint64", "uint64_t"),
                       i=("int64", "int64_t"), f=("double", "double"),
                       d=("double", "double"))[f.kind]
    cast = "(float)" if f.kind == "f" else ""
    get = value_sum(f, f"{cast}{type_}(value.get_{name}())")
    return [f"sum += {f.factor} * ({'1 + ' if f.optional else ''}{get});"]


# ---- FlatBuffers ----

def write_flatbuffers(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        f'#include "{schema.name}_generated.h"', "",
        "using flatbuffers::FlatBufferBuilder;", "using flatbuffers::Offset;",
        "typedef Offset<flatbuffers::String> Text;", "",
        "static inline Text text_of(FlatBufferBuilder &to, "
        "struct fastipc_string text)", "{",
        "\treturn text.data ? to.CreateString(text.data, text.size) : Text(0);",
        "}")
    for name, fields in schema.structs.items():
        parts = ", ".join(f"struct_{f.type}(value.{f.name})"
                          if f.what == "struct" else f"value.{f.name}"
                          for f in fields)
        out(f"static inline {ns}::{name} struct_{name}(const struct {ns}_{name} "
            "&value)", "{", f"\treturn {ns}::{name}({parts});", "}",
            f"static inline uint64_t sum_{name}(const {ns}::{name} &from)", "{",
            "\treturn " + " + ".join(
                f"{f.factor} * " + (f"sum_{f.type}(from.{f.name}())"
                                    if f.what == "struct" else
                                    value_sum(f, f"from.{f.name}()"))
                for f in fields) + ";", "}")
    for name in schema.tables:
        out(f"static Offset<{ns}::{name}> build_{name}(FlatBufferBuilder &to, "
            f"const struct {ns}_{name} *value);",
            f"static uint64_t sum_{name}(const {ns}::{name} *from);")
    for name in schema.ordered():
        fields = schema.tables[name]
        out(f"static Offset<{ns}::{name}> build_{name}(FlatBufferBuilder &to, "
            f"const struct {ns}_{name} *value)", "{")
        for f in fields:
            out(*("\t" + line for line in flatbuffers_before(schema, f)))
        out(f"\treturn {ns}::Create{name}(to, " + ", ".join(
            flatbuffers_argument(schema, f) for f in fields) + ");", "}")
        out(f"static uint64_t sum_{name}(const {ns}::{name} *from)", "{",
            "\tuint64_t sum = 0;", "")
        for f in fields:
            out(*("\t" + line for line in flatbuffers_sum(schema, f)))
        out("\treturn sum;", "}")
    out("static FlatBufferBuilder builder(1 << 20);")
    write_ops(
        schema, out, "flatbuffers", 'extern "C" ',
        lambda table: [
            "\tbuilder.Clear();",
            f"\tbuilder.Finish(build_{table}(builder, "
            f"(const struct {ns}_{table} *)value));",
            "\treturn { builder.GetBufferPointer(), builder.GetSize() };"],
        lambda table: [
            "\tflatbuffers::Verifier verifier(data, size);", "",
            f"\tif (!verifier.VerifyBuffer<{ns}::{table}>(nullptr))",
            "\t\treturn false;",
            f"\t*sum = sum_{table}(flatbuffers::GetRoot<{ns}::{table}>(data));",
            "\treturn true;"],
        lambda table: [
            "\tflatbuffers::Verifier verifier(data, size);", "",
            f"\treturn verifier.VerifyBuffer<{ns}::{table}>(nullptr);"])


def flatbuffers_before(schema, f):
    ns = schema.namespace
    value = f"value->{f.name}"
    if not f.vector:
        if f.what == "string":
            return [f"Text of_{f.name} = text_of(to, {value});"]
        if f.what == "table":
            return [f"Offset<{ns}::{f.type}> of_{f.name} = {value} ? "
                    f"build_{f.type}(to, {value}) : "
                    f"Offset<{ns}::{f.type}>(0);"]
        if f.what == "struct":
            return [f"{ns}::{f.type} of_{f.name};", f"if ({value})",
                    f"\tof_{f.name} = struct_{f.type}(*{value});"]
        return []
    if f.what == "struct":
        element = f"const {ns}::{f.type} *"
        fill = [f"\t{ns}::{f.type} *all;", "",
                f"\tof_{f.name} = to.CreateUninitializedVectorOfStructs("
                f"{value}.count, &all);",
                f"\tfor (size_t i = 0; i < {value}.count; i++)",
                f"\t\tall[i] = struct_{f.type}({value}.data[i]);"]
    else:
        element = "Text" if f.what == "string" else f"Offset<{ns}::{f.type}>"
        build = (f"text_of(to, {value}.data[i])" if f.what == "string" else
                 f"build_{f.type}(to, &{value}.data[i])")
        fill = [f"\t{element} *all = ({element} *)alloca(({value}.count + 1) * "
                f"sizeof({element}));", "",
                f"\tfor (size_t i = 0; i < {value}.count; i++)",
                f"\t\tall[i] = {build};",
                f"\tof_{f.name} = to.CreateVector(all, {value}.count);"]
    return [f"Offset<flatbuffers::Vector<{element}>> of_{f.name} = 0;",
            f"if ({value}.data) {{", *fill, "}"]


def flatbuffers_argument(schema, f):
    ns = schema.namespace
    if f.what == "struct" and not f.vector:
        return f"value->{f.name} ? &of_{f.name} : nullptr"
    if f.vector or f.what in ("string", "table"):
        return f"of_{f.name}"
    value = f"value->{f.name}"
    if f.what == "enum":
        return f"({ns}::{f.type}){value}"
    if f.optional:
        return (f"value->has_{f.name} ? flatbuffers::Optional<{f.c}>({value}) : "
                "flatbuffers::nullopt")
    return value


def flatbuffers_sum(schema, f):
    get = f"from->{f.name}()"
    if f.what in ("scalar", "enum"):
        if f.optional:
            return [f"if (auto one = {get})",
                    f"\tsum += {f.factor} * (1 + {value_sum(f, '*one')});"]
        return [f"sum += {f.factor} * {value_sum(f, get)};"]
    if not f.vector:
        add = {"string": "sum_text(one->c_str(), one->size())",
               "struct": f"sum_{f.type}(*one)",
               "table": f"sum_{f.type}(one)"}[f.what]
        return [f"if (auto one = {get})", f"\tsum += {f.factor} * {add};"]
    add = {"string": "sum_text(one->c_str(), one->size())",
           "struct": f"sum_{f.type}(*one)", "table": f"sum_{f.type}(one)"}[f.what]
    return [f"if (auto all = {get})", "\tfor (auto one : *all)",
            f"\t\tsum += {f.factor} * (1 + {add});"]


# ---- Cap'n Proto ----

def capnp_name(leaf):
    head, *tail = [camel(part.name) for part in leaf]
    return head + "".join(part[0].upper() + part[1:] for part in tail)


def upper(name):
    return name[0].upper() + name[1:]


def write_capnp_schema(schema, out):
    unique = 0x8000000000000000
    for character in schema.name:
        unique = (unique * 31 + ord(character)) % 2**63 | 2**63
    out(f"# Made by tools/bench/codec/generate.py.  Enums are integers, as they",
        "# are open; structs in structs are flat: no pointers between them.",
        f"@{unique:#x};", 'using Cxx = import "/capnp/c++.capnp";',
        f'$Cxx.namespace("capn::{schema.namespace}");')
    for name in schema.structs:
        out(f"struct {name} {{")
        for i, leaf in enumerate(schema.leaves(name)):
            out(f"  {capnp_name(leaf)} @{i} :{SCALARS[leaf[-1].type][1]};")
        out("}")
    for name, fields in schema.tables.items():
        out(f"struct {name} {{")
        ordinal = 0
        for f in fields:
            type_ = ("Text" if f.what == "string" else
                     "UInt8" if f.what == "enum" else
                     SCALARS[f.type][1] if f.what == "scalar" else f.type)
            if f.vector:
                type_ = f"List({type_})"
            elif f.what in ("enum", "scalar") and f.default:
                type_ += f" = {str(f.number_default).rstrip('f')}"
            if f.optional:
                out(f"  has{upper(camel(f.name))}Value @{ordinal} :Bool;")
                ordinal += 1
            out(f"  {camel(f.name)} @{ordinal} :{type_};")
            ordinal += 1
        out("}")


def write_capnp(schema, out):
    ns, cap = schema.namespace, f"capn::{schema.namespace}"
    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        f'#include "{schema.name}.capnp.h"', "#include <capnp/message.h>",
        "#include <capnp/serialize.h>", "#include <kj/io.h>", "")
    for name in schema.structs:
        leaves = list(schema.leaves(name))
        out(f"static inline void build_{name}({cap}::{name}::Builder to, "
            f"const struct {ns}_{name} &value)", "{",
            *(f"\tto.set{upper(capnp_name(leaf))}(value."
              f"{'.'.join(part.name for part in leaf)});" for leaf in leaves),
            "}", f"static inline uint64_t sum_{name}({cap}::{name}::Reader from)",
            "{", "\treturn " + " + ".join(
                f"{leaf_factor(leaf)} * "
                + value_sum(leaf[-1], f"from.get{upper(capnp_name(leaf))}()")
                for leaf in leaves) + ";", "}")
    for name in schema.tables:
        out(f"static void build_{name}({cap}::{name}::Builder to, "
            f"const struct {ns}_{name} *value);",
            f"static uint64_t sum_{name}({cap}::{name}::Reader from);")
    for name in schema.ordered():
        fields = schema.tables[name]
        out(f"static void build_{name}({cap}::{name}::Builder to, "
            f"const struct {ns}_{name} *value)", "{")
        for f in fields:
            out(*("\t" + line for line in capnp_build(schema, f)))
        out("}", f"static uint64_t sum_{name}({cap}::{name}::Reader from)", "{",
            "\tuint64_t sum = 0;", "")
        for f in fields:
            out(*("\t" + line for line in capnp_sum(schema, f)))
        out("\treturn sum;", "}")
    out("/* Zeros, and again when a message's builder is done with it. */",
        "alignas(8) static uint8_t segment[CODEC_OUT_SIZE];")
    write_ops(
        schema, out, "capnp", 'extern "C" ',
        lambda table: [
            "\tcapnp::MallocMessageBuilder message(kj::arrayPtr("
            "(capnp::word *)segment, sizeof(segment) / 8));",
            f"\tbuild_{table}(message.initRoot<{cap}::{table}>(), "
            f"(const struct {ns}_{table} *)value);",
            "\tkj::ArrayOutputStream stream(kj::arrayPtr(codec_out, "
            "sizeof(codec_out)));",
            "\tcapnp::writeMessage(stream, message);",
            "\treturn { codec_out, stream.getArray().size() };"],
        lambda table: [
            "\tcapnp::ReaderOptions options;", "",
            "\toptions.traversalLimitInWords = UINT64_MAX;",
            "\tcapnp::FlatArrayMessageReader message(kj::arrayPtr("
            "(const capnp::word *)data, size / 8), options);",
            f"\t*sum = sum_{table}(message.getRoot<{cap}::{table}>());",
            "\treturn true;"])


def capnp_build(schema, f):
    value, name = f"value->{f.name}", upper(camel(f.name))
    text = "capnp::Text::Reader({0}.data, {0}.size)"
    if f.vector:
        if f.what == "string":
            fill = f"all.set(i, {text.format(value + '.data[i]')});"
        elif f.what == "struct":
            fill = f"build_{f.type}(all[i], {value}.data[i]);"
        else:
            fill = f"build_{f.type}(all[i], &{value}.data[i]);"
        return [f"if ({value}.data) {{",
                f"\tauto all = to.init{name}((unsigned int){value}.count);", "",
                f"\tfor (unsigned int i = 0; i < {value}.count; i++)",
                f"\t\t{fill}", "}"]
    if f.what == "string":
        return [f"if ({value}.data)",
                f"\tto.set{name}({text.format(value)});"]
    if f.what == "struct":
        return [f"if ({value})", f"\tbuild_{f.type}(to.init{name}(), *{value});"]
    if f.what == "table":
        return [f"if ({value})", f"\tbuild_{f.type}(to.init{name}(), {value});"]
    if f.optional:
        return [f"if (value->has_{f.name}) {{", f"\tto.setHas{name}Value(true);",
                f"\tto.set{name}({value});", "}"]
    return [f"to.set{name}({value});"]


def capnp_sum(schema, f):
    name = upper(camel(f.name))
    if f.vector:
        add = ("sum_text(one.begin(), one.size())" if f.what == "string"
               else f"sum_{f.type}(one)")
        return [f"if (from.has{name}())", f"\tfor (auto one : from.get{name}())",
                f"\t\tsum += {f.factor} * (1 + {add});"]
    if f.what == "string":
        return [f"if (from.has{name}()) {{", f"\tauto one = from.get{name}();", "",
                f"\tsum += {f.factor} * sum_text(one.begin(), one.size());", "}"]
    if f.what in ("struct", "table"):
        return [f"if (from.has{name}())",
                f"\tsum += {f.factor} * sum_{f.type}(from.get{name}());"]
    get = value_sum(f, f"from.get{name}()")
    if f.optional:
        return [f"if (from.getHas{name}Value())",
                f"\tsum += {f.factor} * (1 + {get});"]
    return [f"sum += {f.factor} * {get};"]


# ---- protobuf-c ----

def write_proto_schema(schema, out):
    out("// Made by tools/bench/codec/generate.py.", 'syntax = "proto2";',
        f"package {schema.namespace};")
    for name, values in schema.enums.items():
        out(f"enum {name} {{", *(
            f"  {lower(name).upper()}_{value.upper()} = {number};"
            for value, number in values.items()), "}")
    for name, fields in schema.structs.items():
        out(f"message {name} {{", *(
            f"  required {SCALARS[f.type][2] if f.what == 'scalar' else f.type} "
            f"{f.name} = {i + 1};" for i, f in enumerate(fields)), "}")
    for name, fields in schema.tables.items():
        out(f"message {name} {{")
        for i, f in enumerate(fields):
            type_ = SCALARS[f.type][2] if f.what == "scalar" else f.type
            default = ""
            if f.default:
                default = f.default
                if f.what == "enum":
                    default = f"{lower(f.type).upper()}_{f.default.upper()}"
                default = f" [default = {default}]"
            out(f"  {'repeated' if f.vector else 'optional'} {type_} {f.name} = "
                f"{i + 1}{default};")
        out("}")


def write_protobuf(schema, out):
    ns = schema.namespace
    big = upper(ns)

    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        f'#include "{schema.name}.pb-c.h"', "")
    types = [*schema.structs, *schema.tables]
    for name in types:
        out(f"static {big}__{name} *make_{name}(const struct {ns}_{name} *value);",
            f"static uint64_t sum_{name}(const {big}__{name} *from);")
    for name in types:
        in_struct = name in schema.structs
        fields = schema.structs.get(name) or schema.tables[name]
        out(f"static {big}__{name} *make_{name}(const struct {ns}_{name} *value)",
            "{", f"\t{big}__{name} *to = ({big}__{name} *)malloc(sizeof(*to));",
            "", f"\t{ns}__{lower(name)}__init(to);")
        for f in fields:
            out(*("\t" + line for line in protobuf_make(schema, f, in_struct)))
        out("\treturn to;", "}",
            f"static uint64_t sum_{name}(const {big}__{name} *from)", "{",
            "\tuint64_t sum = 0;", "")
        for f in fields:
            out(*("\t" + line for line in protobuf_sum(schema, f, in_struct)))
        out("\treturn sum;", "}")
    write_ops(
        schema, out, "protobuf", 'extern "C" ',
        lambda table: [
            "\treturn { codec_out, protobuf_c_message_pack("
            "(const ProtobufCMessage *)value, codec_out) };"],
        lambda table: [
            "\tProtobufCAllocator pool = { codec_pool_alloc, codec_pool_free, "
            "NULL };", "",
            "\tcodec_pool_used = 0;",
            f"\tconst {big}__{table} *from = "
            f"{ns}__{lower(table)}__unpack(&pool, size, data);",
            "\tif (!from)", "\t\treturn false;",
            f"\t*sum = sum_{table}(from);", "\treturn true;"],
        prepare=lambda table: [
            f"\treturn make_{table}((const struct {ns}_{table} *)value);"])


def protobuf_make(schema, f, in_struct):
    big = upper(schema.namespace)
    value = f"value->{f.name}"
    if f.vector:
        type_ = ("char" if f.what == "string" else f"{big}__{f.type}")
        one = (f"(char *){value}.data[i].data" if f.what == "string" else
               f"make_{f.type}(&{value}.data[i])")
        return [f"to->n_{f.name} = {value}.count;",
                f"to->{f.name} = ({type_} **)malloc(({value}.count + 1) * "
                "sizeof(void *));",
                f"for (size_t i = 0; i < {value}.count; i++)",
                f"\tto->{f.name}[i] = {one};"]
    if f.what == "string":
        return [f"to->{f.name} = (char *){value}.data;"]
    if f.what in ("struct", "table"):
        if in_struct:
            return [f"to->{f.name} = make_{f.type}(&{value});"]
        return [f"if ({value})", f"\tto->{f.name} = make_{f.type}({value});"]
    cast = f"({big}__{f.type})" if f.what == "enum" else ""
    lines = [f"to->{f.name} = {cast}{value};"]
    if not in_struct:
        has = (f"value->has_{f.name}" if f.optional
               else f"{value} != {f.number_default}")
        lines.append(f"to->has_{f.name} = {has};")
    return lines


def protobuf_sum(schema, f, in_struct):
    get = f"from->{f.name}"
    if f.vector:
        add = (f"sum_text({get}[i], strlen({get}[i]))" if f.what == "string"
               else f"sum_{f.type}({get}[i])")
        return [f"for (size_t i = 0; i < from->n_{f.name}; i++)",
                f"\tsum += {f.factor} * (1 + {add});"]
    if f.what == "string":
        return [f"if ({get})",
                f"\tsum += {f.factor} * sum_text({get}, strlen({get}));"]
    if f.what in ("struct", "table"):
        return [f"if ({get})", f"\tsum += {f.factor} * sum_{f.type}({get});"]
    if f.optional:
        return [f"if (from->has_{f.name})",
                f"\tsum += {f.factor} * (1 + {value_sum(f, get)});"]
    return [f"sum += {f.factor} * {value_sum(f, get)};"]


# ---- MessagePack ----

def write_msgpack(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        "#include <msgpack.h>", "",
        "static inline void pack_text(msgpack_packer *to, "
        "struct fastipc_string text)", "{", "\tif (!text.data) {",
        "\t\tmsgpack_pack_nil(to);", "\t\treturn;", "\t}",
        "\tmsgpack_pack_str(to, text.size);",
        "\tmsgpack_pack_str_body(to, text.data, text.size);", "}",
        "static int append(void *used, const char *data, size_t size)", "{",
        "\tsize_t *const at = (size_t *)used;", "",
        "\tif (size > sizeof(codec_out) - *at)", "\t\treturn -1;",
        "\tmemcpy(codec_out + *at, data, size);", "\t*at += size;",
        "\treturn 0;", "}")
    for name in schema.structs:
        leaves = list(schema.leaves(name))
        out(f"static void pack_{name}(msgpack_packer *to, "
            f"const struct {ns}_{name} *value)", "{",
            f"\tmsgpack_pack_array(to, {len(leaves)});")
        for leaf in leaves:
            path = ".".join(part.name for part in leaf)
            out(f"\t{msgpack_put(leaf[-1], 'value->' + path)}")
        out("}", f"static uint64_t sum_{name}(const msgpack_object *from)", "{",
            f"\tif (from->type != MSGPACK_OBJECT_ARRAY || "
            f"from->via.array.size != {len(leaves)})", "\t\treturn 0;",
            "\tconst msgpack_object *const all = from->via.array.ptr;",
            "\treturn " + " + ".join(
                f"{leaf_factor(leaf)} * {msgpack_get(leaf[-1], f'all[{i}]')}"
                for i, leaf in enumerate(leaves)) + ";", "}")
    for name in schema.tables:
        out(f"static void pack_{name}(msgpack_packer *to, "
            f"const struct {ns}_{name} *value);",
            f"static uint64_t sum_{name}(const msgpack_object *from);")
    for name in schema.ordered():
        fields = schema.tables[name]
        out(f"static void pack_{name}(msgpack_packer *to, "
            f"const struct {ns}_{name} *value)", "{",
            f"\tmsgpack_pack_array(to, {len(fields)});")
        for f in fields:
            out(*("\t" + line for line in msgpack_field(f)))
        out("}", f"static uint64_t sum_{name}(const msgpack_object *from)", "{",
            "\tuint64_t sum = 0;", "",
            "\tif (from->type != MSGPACK_OBJECT_ARRAY || "
            f"from->via.array.size != {len(fields)})", "\t\treturn 0;",
            "\tconst msgpack_object *const all = from->via.array.ptr;")
        for i, f in enumerate(fields):
            out(*("\t" + line for line in msgpack_sum(f, f"all[{i}]")))
        out("\treturn sum;", "}")
    out("static msgpack_zone *zone = msgpack_zone_new(1 << 20);")
    write_ops(
        schema, out, "msgpack", 'extern "C" ',
        lambda table: [
            "\tmsgpack_packer packer;", "\tsize_t used = 0;", "",
            "\tmsgpack_packer_init(&packer, &used, append);",
            f"\tpack_{table}(&packer, (const struct {ns}_{table} *)value);",
            "\treturn { codec_out, used };"],
        lambda table: [
            "\tmsgpack_object object;", "\tsize_t offset = 0;", "",
            "\tmsgpack_zone_clear(zone);",
            "\tif (msgpack_unpack((const char *)data, size, &offset, zone, "
            "&object) != MSGPACK_UNPACK_SUCCESS)", "\t\treturn false;",
            f"\t*sum = sum_{table}(&object);", "\treturn true;"])


def msgpack_put(f, value):
    if f.kind == "b":
        return f"{value} ? msgpack_pack_true(to) : msgpack_pack_false(to);"
    return dict(u=f"msgpack_pack_uint64(to, {value});",
                i=f"msgpack_pack_int64(to, {value});",
                f=f"msgpack_pack_float(to, {value});",
                d=f"msgpack_pack_double(to, {value});")[f.kind]


def msgpack_get(f, value):
    return dict(b=f"(uint64_t){value}.via.boolean", u=f"{value}.via.u64",
                i=f"(uint64_t){value}.via.i64",
                f=f"sum_f32((float){value}.via.f64)",
                d=f"sum_f64({value}.via.f64)")[f.kind]


def msgpack_field(f):
    value = f"value->{f.name}"
    if f.vector:
        one = (f"pack_text(to, {value}.data[i]);" if f.what == "string" else
               f"pack_{f.type}(to, &{value}.data[i]);")
        return [f"if ({value}.data) {{",
                f"\tmsgpack_pack_array(to, {value}.count);",
                f"\tfor (size_t i = 0; i < {value}.count; i++)", f"\t\t{one}",
                "} else {", "\tmsgpack_pack_nil(to);", "}"]
    if f.what == "string":
        return [f"pack_text(to, {value});"]
    if f.what in ("struct", "table"):
        return [f"if ({value})", f"\tpack_{f.type}(to, {value});", "else",
                "\tmsgpack_pack_nil(to);"]
    if f.optional:
        return [f"if (value->has_{f.name})", f"\t{msgpack_put(f, value)}", "else",
                "\tmsgpack_pack_nil(to);"]
    return [msgpack_put(f, value)]


def msgpack_sum(f, value):
    text = "sum_text({0}.via.str.ptr, {0}.via.str.size)"
    if f.vector:
        one = f"{value}.via.array.ptr[i]"
        add = text.format(one) if f.what == "string" else f"sum_{f.type}(&{one})"
        return [f"if ({value}.type == MSGPACK_OBJECT_ARRAY)",
                f"\tfor (uint32_t i = 0; i < {value}.via.array.size; i++)",
                f"\t\tsum += {f.factor} * (1 + {add});"]
    if f.what == "string":
        return [f"if ({value}.type == MSGPACK_OBJECT_STR)",
                f"\tsum += {f.factor} * {text.format(value)};"]
    if f.what in ("struct", "table"):
        return [f"if ({value}.type != MSGPACK_OBJECT_NIL)",
                f"\tsum += {f.factor} * sum_{f.type}(&{value});"]
    if f.optional:
        return [f"if ({value}.type != MSGPACK_OBJECT_NIL)",
                f"\tsum += {f.factor} * (1 + {msgpack_get(f, value)});"]
    return [f"sum += {f.factor} * {msgpack_get(f, value)};"]


WRITERS = {
    "{}.proto": write_proto_schema,
    "{}.capnp": write_capnp_schema,
    "{}_load.cc": write_load,
    "{}_fastipc.c": write_fastipc,
    "{}_writer.cc": write_json,
    "{}_yyjson.cc": write_yyjson,
    "{}_simdjson.cc": write_simdjson,
    "{}_flatbuffers.cc": write_flatbuffers,
    "{}_capnp.cc": write_capnp,
    "{}_protobuf.cc": write_protobuf,
    "{}_msgpack.cc": write_msgpack,
}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    schema = Schema(sys.argv[1])
    for name, write in WRITERS.items():
        write(schema, Output(f"{sys.argv[2]}/{name.format(schema.name)}"))


if __name__ == "__main__":
    main()
